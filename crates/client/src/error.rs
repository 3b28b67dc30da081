//! What a broker, or the way to it, answered instead of what was asked for.

use std::{fmt, time::Duration};

use fanfare_proto::v1;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

/// `ErrorInfo.domain` of the broker's own errors.
const DOMAIN: &str = "fanfare";
/// Refusals that come before anything is done, though their code alone does not say so.
const UNDONE: [&str; 1] = ["BROKER_DRAINING"];

/// Why a call failed: the canonical gRPC code, and what the broker says beyond it.
///
/// Decide by [`reason`](Self::reason), a stable word of docs/ERRORS.md; the text is for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerError {
    code: Code,
    reason: String,
    message: String,
    field: String,
    retry_after: Option<Duration>,
}

impl ServerError {
    /// The canonical gRPC status code.
    pub fn code(&self) -> Code {
        self.code
    }

    /// A stable word, for example `TOPIC_NOT_FOUND`. Empty if the broker did not answer: the connection broke, or time was over.
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// For people; its wording may change.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Path of the field at fault, for example `messages[3].ordering_key`; empty if none is.
    pub fn field(&self) -> &str {
        &self.field
    }

    /// How long the broker asks to wait before another try.
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// Whether the same call can succeed later.
    pub fn is_transient(&self) -> bool {
        match self.code {
            Code::Unavailable | Code::DeadlineExceeded | Code::Aborted => true,
            Code::ResourceExhausted => self.retry_after.is_some(),
            // A connection that broke in the middle of an answer.
            Code::Unknown | Code::Cancelled | Code::Internal => self.reason.is_empty(),
            _ => false,
        }
    }

    /// Whether the broker has said that the call has changed nothing. Otherwise it may have been carried out.
    pub fn is_certainly_undone(&self) -> bool {
        let refused = !matches!(
            self.code,
            Code::Unavailable | Code::DeadlineExceeded | Code::Unknown | Code::Cancelled | Code::Internal
        );
        !self.reason.is_empty() && (refused || UNDONE.contains(&self.reason.as_str()))
    }

    /// Whether it is about the connection, not about the call.
    pub(crate) fn is_of_the_connection(&self) -> bool {
        self.code == Code::Unavailable || (self.reason.is_empty() && self.is_transient())
    }

    /// One that no broker has sent.
    pub(crate) fn local(code: Code, message: impl Into<String>) -> Self {
        Self { code, reason: String::new(), message: message.into(), field: String::new(), retry_after: None }
    }
}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.reason.as_str() {
            "" => write!(f, "{} ({:?})", self.message, self.code),
            reason => write!(f, "{} ({reason})", self.message),
        }
    }
}

impl std::error::Error for ServerError {}

impl From<Status> for ServerError {
    fn from(status: Status) -> Self {
        let details = status.get_error_details();
        let reason =
            details.error_info().filter(|info| info.domain == DOMAIN).map(|info| info.reason.clone());
        let field = details.bad_request().and_then(|bad| bad.field_violations.first());
        Self {
            code: status.code(),
            reason: reason.unwrap_or_default(),
            message: status.message().to_owned(),
            field: field.map(|violation| violation.field.clone()).unwrap_or_default(),
            retry_after: details.retry_info().and_then(|info| info.retry_delay),
        }
    }
}

impl From<v1::RequestError> for ServerError {
    fn from(error: v1::RequestError) -> Self {
        Self {
            code: Code::from(error.code),
            reason: error.reason,
            message: error.message,
            field: error.field,
            retry_after: error.retry_delay.and_then(|delay| delay.try_into().ok()),
        }
    }
}

#[cfg(test)]
mod tests {
    use tonic_types::ErrorDetails;

    use super::*;

    fn of(code: Code, reason: &str) -> ServerError {
        Status::with_error_details(code, "text", ErrorDetails::with_error_info(reason, DOMAIN, [])).into()
    }

    #[test]
    fn details_are_read_from_a_status() {
        let mut details = ErrorDetails::with_error_info("INVALID_FIELD", DOMAIN, []);
        details.add_bad_request_violation("settings.ack_deadline", "is 0s");
        details.set_retry_info(Some(Duration::from_secs(5)));
        let error = ServerError::from(Status::with_error_details(Code::InvalidArgument, "text", details));
        assert_eq!((error.reason(), error.field()), ("INVALID_FIELD", "settings.ack_deadline"));
        assert_eq!(error.retry_after(), Some(Duration::from_secs(5)));
        assert_eq!(error.to_string(), "text (INVALID_FIELD)");
    }

    #[test]
    fn a_broken_connection_leaves_it_open_whether_the_call_was_carried_out() {
        let error = ServerError::from(Status::unavailable("transport error"));
        assert!(error.is_transient() && !error.is_certainly_undone() && error.is_of_the_connection());
    }

    #[test]
    fn a_refusal_is_certain_and_so_is_a_drain_but_not_a_failed_journal() {
        assert!(of(Code::InvalidArgument, "INVALID_FIELD").is_certainly_undone());
        assert!(of(Code::Unavailable, "BROKER_DRAINING").is_certainly_undone());
        assert!(!of(Code::Unavailable, "JOURNAL_POISONED").is_certainly_undone());
    }
}
