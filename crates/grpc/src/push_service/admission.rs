use std::{fmt, sync::Arc};

use ring::hmac;
use tonic::metadata::MetadataMap;
use types::push::Secret;

use crate::{reason::Reason, refusal::Refusal};

/// Who is let in: whoever has the token. What is kept of it cannot be printed.
#[derive(Clone)]
pub(crate) struct Admission(Option<Arc<Token>>);

/// To compare in a time that says nothing about the token: two codes of the same length are compared, not two texts.
struct Token {
    key: hmac::Key,
    code: hmac::Tag,
}

impl Admission {
    pub(crate) fn new(token: Option<&Secret>) -> Self {
        Self(token.map(|token| {
            let text = token.reveal().as_bytes();
            let key = hmac::Key::new(hmac::HMAC_SHA256, text);
            let code = hmac::sign(&key, text);
            Arc::new(Token { key, code })
        }))
    }

    /// Looks for the token in a request's headers.
    pub(crate) fn check(&self, headers: &MetadataMap) -> Result<(), Refusal> {
        let refused = |why| Err(Refusal::new(Reason::WorkerNotAdmitted, why));
        let Some(token) = &self.0 else {
            return refused("this broker takes no push workers from outside: it has no push.worker_token");
        };
        match headers.get("authorization").and_then(|value| offered(value.as_bytes())) {
            None => refused("the call has no `authorization: Bearer` with the push worker token"),
            Some(text) if token.is(text) => Ok(()),
            Some(_) => refused("the push worker token is wrong"),
        }
    }
}

impl Token {
    fn is(&self, text: &[u8]) -> bool {
        hmac::verify(&self.key, text, self.code.as_ref()).is_ok()
    }
}

impl fmt::Debug for Admission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Admission(by token)" } else { "Admission(nobody)" })
    }
}

/// The token of a header; the scheme's name is in whatever case (RFC 9110, section 11.1).
fn offered(value: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = value.split_at_checked("bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"bearer ").then_some(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "0123456789abcdef";

    fn refused(admission: &Admission, header: Option<&str>) -> String {
        let mut headers = MetadataMap::new();
        if let Some(header) = header {
            headers.insert("authorization", header.parse().unwrap());
        }
        admission.check(&headers).err().map(|refusal| format!("{refusal:?}")).unwrap_or_default()
    }

    #[test]
    fn only_the_token_itself_is_let_in() {
        let admission = Admission::new(Some(&Secret::new(TOKEN)));
        assert_eq!(refused(&admission, Some("Bearer 0123456789abcdef")), "");
        assert_eq!(refused(&admission, Some("bearer 0123456789abcdef")), "");
        for wrong in
            ["Bearer 0123456789abcde", "Bearer 0123456789abcdef0", "Bearer ", "Bearer  0123456789abcdef"]
        {
            assert!(refused(&admission, Some(wrong)).contains("is wrong"), "{wrong}");
        }
        for none in [Some("Basic 0123456789abcdef"), Some("Bearer"), Some(TOKEN), None] {
            assert!(refused(&admission, none).contains("has no"), "{none:?}");
        }
    }

    #[test]
    fn of_several_headers_the_first_counts() {
        let admission = Admission::new(Some(&Secret::new(TOKEN)));
        let mut headers = MetadataMap::new();
        headers.insert("authorization", "Bearer fedcba9876543210".parse().unwrap());
        headers.append("authorization", format!("Bearer {TOKEN}").parse().unwrap());
        assert!(admission.check(&headers).is_err());
    }

    #[test]
    fn without_a_token_nobody_is_let_in() {
        let admission = Admission::new(None);
        for header in [Some("Bearer "), Some("Bearer 0123456789abcdef"), None] {
            assert!(refused(&admission, header).contains("push.worker_token"));
        }
    }

    #[test]
    fn neither_a_refusal_nor_debug_output_shows_a_token() {
        let admission = Admission::new(Some(&Secret::new(TOKEN)));
        assert!(!format!("{admission:?}").contains(TOKEN));
        assert!(!refused(&admission, Some("Bearer fedcba9876543210")).contains("fedcba"));
    }
}
