//! Why there is no connection, in a form that survives being wrapped.

use std::{error::Error, io};

use types::limits;

use crate::Failure;

/// There is no connection.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub(crate) struct ConnectError {
    /// Which kind.
    pub(crate) failure: Failure,
    /// What went wrong, for people.
    pub(crate) what: String,
}

impl ConnectError {
    pub(super) fn new(failure: Failure, what: impl Into<String>) -> Self {
        Self { failure, what: cut(&what.into()) }
    }
}

/// What an error of hyper or tonic comes to, and what to say about it.
///
/// hyper wraps what the connector said; a server that does not like our certificate says so only after the handshake (TLS 1.3), so that
/// it comes out of reading. Anything else is a connection that broke, or an answer that is none.
pub(crate) fn failure(error: &(dyn Error + 'static)) -> (Failure, String) {
    if let Some(connect) = find::<ConnectError>(error) {
        return (connect.failure, connect.what.clone());
    }
    if let Some(tls) = find::<rustls::Error>(error) {
        return (Failure::Tls, cut(&format!("TLS: {tls}")));
    }
    (Failure::Protocol, cut(&in_words(error)))
}

/// An error and its causes, less what they say twice.
pub(crate) fn in_words(error: &(dyn Error + 'static)) -> String {
    let mut words = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let said = cause.to_string();
        if !words.contains(&said) {
            words = format!("{words}: {said}");
        }
        next = cause.source();
    }
    words
}

/// As much of it as an attempt keeps. Some of it may be the endpoint's words, which people and terminals read: control characters are
/// replaced, so that nobody writes lines of a log or colours a screen that way.
pub(crate) fn cut(words: &str) -> String {
    words[..words.floor_char_boundary(limits::ATTEMPT_ERROR_BYTES)].replace(char::is_control, "?")
}

fn find<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<E>() {
            return Some(found);
        }
        // An io::Error gives its inner error's source as its own, and so hides the inner error.
        let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        if let Some(found) = inner.and_then(|inner| find::<E>(inner)) {
            return Some(found);
        }
        next = error.source();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_found_inside_io_errors_inside_io_errors() {
        let inner = ConnectError::new(Failure::Denied, "no");
        let wrapped = io::Error::other(io::Error::other(inner));
        assert_eq!(failure(&wrapped), (Failure::Denied, "no".to_owned()));
    }

    #[test]
    fn no_control_character_gets_into_an_error() {
        let said = ConnectError::new(Failure::Tls, "a\r\nb\u{1b}[31m\u{0}\u{85}ü");
        assert_eq!(failure(&said), (Failure::Tls, "a??b?[31m??ü".to_owned()));
        assert_eq!(failure(&io::Error::other("a\nb")), (Failure::Protocol, "a?b".to_owned()));
    }

    #[test]
    fn words_are_cut_between_characters() {
        let words = "ü".repeat(limits::ATTEMPT_ERROR_BYTES);
        assert_eq!(cut(&words).len(), limits::ATTEMPT_ERROR_BYTES);
        assert_eq!(cut(&format!("a{words}")).len(), limits::ATTEMPT_ERROR_BYTES - 1);
    }
}
