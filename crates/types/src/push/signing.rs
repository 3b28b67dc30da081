use std::fmt;

use data_encoding::BASE64;

use crate::limits;

/// Bytes of an Ed25519 seed, and of the public key.
const KEY_BYTES: usize = 32;

/// A key of Standard Webhooks signatures, read from its text. `Debug` shows its kind only.
#[derive(Clone, PartialEq, Eq)]
pub enum SigningSecret {
    /// `whsec_…`: for HMAC-SHA256, signatures of version `v1`.
    Symmetric(Vec<u8>),
    /// `whsk_…`: for Ed25519, signatures of version `v1a`.
    Ed25519 {
        /// The private key, as RFC 8032 calls it.
        seed: [u8; KEY_BYTES],
        /// The public key, if the text has it too. Whether it is the one of the seed is for who can compute it.
        public: Option<[u8; KEY_BYTES]>,
    },
}

impl SigningSecret {
    /// Reads the text of a secret.
    ///
    /// # Errors
    /// What is wrong with it, in words that do not show it.
    pub fn parse(text: &str) -> Result<Self, String> {
        if let Some(encoded) = text.strip_prefix("whsec_") {
            return symmetric(decode(encoded)?);
        }
        match text.strip_prefix("whsk_") {
            Some(encoded) => ed25519(&decode(encoded)?),
            None => Err("must begin with whsec_ (HMAC-SHA256) or whsk_ (Ed25519)".into()),
        }
    }
}

impl fmt::Debug for SigningSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Symmetric(_) => "Symmetric(…)",
            Self::Ed25519 { .. } => "Ed25519(…)",
        })
    }
}

/// Strict: receivers' libraries differ in what else they take.
fn decode(encoded: &str) -> Result<Vec<u8>, String> {
    BASE64
        .decode(encoded.as_bytes())
        .map_err(|_| "must have base64 with padding after its prefix (RFC 4648, section 4)".into())
}

fn symmetric(key: Vec<u8>) -> Result<SigningSecret, String> {
    let allowed = limits::PUSH_SIGNING_SECRET_BYTES;
    if allowed.contains(&key.len()) {
        return Ok(SigningSecret::Symmetric(key));
    }
    Err(format!(
        "is the base64 of {} bytes, must be of {} to {} (Standard Webhooks 1.0.0)",
        key.len(),
        allowed.start(),
        allowed.end()
    ))
}

fn ed25519(key: &[u8]) -> Result<SigningSecret, String> {
    let wrong = || {
        format!(
            "is the base64 of {} bytes, must be of 32 (an Ed25519 private key) or 64 (the public key after it)",
            key.len()
        )
    };
    let (seed, rest) = key.split_first_chunk().ok_or_else(wrong)?;
    let public = match rest {
        [] => None,
        rest => Some(rest.try_into().map_err(|_| wrong())?),
    };
    Ok(SigningSecret::Ed25519 { seed: *seed, public })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(prefix: &str, bytes: usize) -> String {
        format!("{prefix}{}", BASE64.encode(&vec![7; bytes]))
    }

    #[test]
    fn secrets_of_the_lengths_of_the_standard_are_read() {
        for bytes in [24, 32, 64] {
            assert_eq!(
                SigningSecret::parse(&text("whsec_", bytes)),
                Ok(SigningSecret::Symmetric(vec![7; bytes]))
            );
        }
        let public = |public| SigningSecret::Ed25519 { seed: [7; 32], public };
        assert_eq!(SigningSecret::parse(&text("whsk_", 32)), Ok(public(None)));
        assert_eq!(SigningSecret::parse(&text("whsk_", 64)), Ok(public(Some([7; 32]))));
    }

    #[test]
    fn what_is_no_secret_is_refused_without_being_shown() {
        let cases = [
            (String::new(), "begin with whsec_"),
            ("c2VjcmV0".into(), "begin with whsec_"),
            (text("whpk_", 32), "begin with whsec_"),
            ("whsec_c2VjcmV0 ".into(), "base64"),
            (text("whsec_", 25).trim_end_matches('=').to_owned(), "base64"),
            (text("whsec_", 0), "of 0 bytes, must be of 24 to 64"),
            (text("whsec_", 23), "of 23 bytes, must be of 24 to 64"),
            (text("whsec_", 65), "of 65 bytes, must be of 24 to 64"),
            (text("whsk_", 31), "of 31 bytes, must be of 32"),
            (text("whsk_", 33), "of 33 bytes, must be of 32"),
            (text("whsk_", 96), "of 96 bytes, must be of 32"),
        ];
        for (secret, why) in cases {
            let refused = SigningSecret::parse(&secret).unwrap_err();
            assert!(refused.contains(why), "{secret}: {refused}");
            assert!(!refused.contains("c2VjcmV0") && !refused.contains("Bwc"), "{refused}");
        }
    }

    #[test]
    fn debug_output_shows_no_key() {
        for secret in [text("whsec_", 24), text("whsk_", 32)] {
            assert!(!format!("{:?}", SigningSecret::parse(&secret)).contains('7'));
        }
    }
}
