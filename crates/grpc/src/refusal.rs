use std::fmt;

use fanfare_proto::v1;
use tonic::Status;
use tonic_types::{ErrorDetails, StatusExt};

use crate::{
    convert::time,
    reason::{Reason, Worry},
};

/// `google.rpc.ErrorInfo.domain` of every refusal.
pub const ERROR_DOMAIN: &str = "fanfare";

/// Characters of a text that a refusal shows, so that a hostile request does not fill the answer.
const TEXT_CHARS: usize = 1_024;

/// A request that gets no OK answer: the one form between the domain's errors and the wire's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    reason: Reason,
    text: String,
    field: Option<String>,
    resource: Option<(&'static str, String)>,
}

impl Refusal {
    pub(crate) fn new(reason: Reason, text: impl fmt::Display) -> Self {
        Self { reason, text: text.to_string(), field: None, resource: None }
    }

    /// A field breaks a rule; `why` says what was found and what is allowed.
    pub(crate) fn field(path: impl fmt::Display, why: impl fmt::Display) -> Self {
        Self::at(Reason::InvalidField, path, why)
    }

    /// A field is at fault, for this reason.
    pub(crate) fn at(reason: Reason, path: impl fmt::Display, why: impl fmt::Display) -> Self {
        Self { field: Some(path.to_string()), ..Self::new(reason, why) }
    }

    /// The same complaint seen from one level further out: `messages[3]` + `data` = `messages[3].data`.
    pub(crate) fn within(mut self, parent: impl fmt::Display) -> Self {
        self.field = self.field.map(|field| format!("{parent}.{field}"));
        self
    }

    /// Which resource it is about.
    pub(crate) fn about(mut self, kind: &'static str, name: impl fmt::Display) -> Self {
        self.resource = Some((kind, name.to_string()));
        self
    }

    pub(crate) fn reason(&self) -> Reason {
        self.reason
    }

    /// What it says to people: the field, if there is one, and why.
    fn message(&self) -> String {
        let text: String = self.text.chars().take(TEXT_CHARS).collect();
        match &self.field {
            Some(field) => format!("{field}: {text}"),
            None => text,
        }
    }

    fn details(&self) -> ErrorDetails {
        let mut details = ErrorDetails::with_error_info(self.reason.as_str(), ERROR_DOMAIN, []);
        if let Some(field) = &self.field {
            details.add_bad_request_violation(field, self.text.chars().take(TEXT_CHARS).collect::<String>());
        }
        if let Some((kind, name)) = &self.resource {
            details.set_resource_info(*kind, name, "", self.message());
        }
        if let Some(delay) = self.reason.retry_after() {
            details.set_retry_info(Some(delay));
        }
        details
    }

    /// Says once, where it is handled, what was refused. A client's mistake is no fault of the broker.
    pub(crate) fn log(&self, method: &str, correlation_id: Option<&str>) {
        let (reason, text) = (self.reason.as_str(), self.message());
        match self.reason.worry() {
            Worry::Fault => tracing::error!(method, reason, correlation_id, "{text}"),
            Worry::None => tracing::debug!(method, reason, correlation_id, "refused: {text}"),
        }
    }
}

impl From<Refusal> for Status {
    fn from(refusal: Refusal) -> Self {
        Self::with_error_details(refusal.reason.code(), refusal.message(), refusal.details())
    }
}

impl From<Refusal> for v1::RequestError {
    fn from(refusal: Refusal) -> Self {
        Self {
            code: refusal.reason.code().into(),
            reason: refusal.reason.as_str().into(),
            message: refusal.message(),
            retry_delay: refusal.reason.retry_after().map(time::to_proto_duration),
            field: refusal.field.unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_field_at_fault_is_in_the_text_and_in_the_details() {
        let refusal = Refusal::field("data", "is too long, the limit is 3").within("messages[7]");
        let status = Status::from(refusal.clone());
        assert_eq!(status.message(), "messages[7].data: is too long, the limit is 3");
        let details = status.get_error_details();
        let violation = &details.bad_request().unwrap().field_violations[0];
        assert_eq!(
            (violation.field.as_str(), violation.description.as_str()),
            ("messages[7].data", "is too long, the limit is 3")
        );
        assert_eq!(details.error_info().unwrap().reason, "INVALID_FIELD");
        assert_eq!(v1::RequestError::from(refusal).field, "messages[7].data");
    }

    #[test]
    fn where_waiting_helps_the_details_say_how_long() {
        let refusal = Refusal::new(Reason::TopicFull, "full").about("topic", "projects/p/topics/t");
        let details = Status::from(refusal).get_error_details();
        assert_eq!(details.retry_info().unwrap().retry_delay, Some(Duration::from_secs(5)));
        assert_eq!(details.resource_info().unwrap().resource_name, "projects/p/topics/t");
    }

    #[test]
    fn a_hostile_text_does_not_fill_the_answer() {
        let status = Status::from(Refusal::field("f", "ä".repeat(1 << 20)));
        assert!(status.message().len() < 4_096 && status.details().len() < 8_192);
    }
}
