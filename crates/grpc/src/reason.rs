use std::time::Duration;

use tonic::Code;

/// Why a request was refused, as a stable word for programs. docs/ERRORS.md has the same table for people; a test
/// compares the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// A field breaks a rule.
    InvalidField,
    /// The request is larger than the broker reads.
    RequestTooLarge,
    /// The request is no protobuf of the expected type.
    UnreadableRequest,
    /// There is no such topic.
    TopicNotFound,
    /// There is no such subscription.
    SubscriptionNotFound,
    /// There is no such message, or it is not kept any more.
    MessageNotFound,
    /// The topic exists with other settings.
    TopicExists,
    /// The subscription exists with other settings or on another topic.
    SubscriptionExists,
    /// The topic cannot be deleted while messages in it are not settled.
    TopicHasBacklog,
    /// The subscription's unread backlog is under as many filter policies as it can be.
    TooManyFilterPolicies,
    /// The caller is no push worker that the operator lets in.
    WorkerNotAdmitted,
    /// The broker has as many topics as it takes.
    TooManyTopics,
    /// The topic has as many subscriptions as it takes.
    TooManySubscriptions,
    /// The subscription has as many consumers as it takes.
    TooManyConsumers,
    /// The broker has as many push workers as it takes.
    TooManyPushWorkers,
    /// The topic remembers as many deduplication IDs as it can.
    TooManyDeduplicationIds,
    /// Requests that wait take all the memory that they may take.
    TooManyRequestBytes,
    /// The topic is at its byte limit.
    TopicFull,
    /// The disk is nearly full.
    OutOfSpace,
    /// The broker is shutting down.
    BrokerDraining,
    /// The journal failed.
    JournalPoisoned,
    /// The log could not be read.
    LogUnreadable,
    /// The broker did not answer within its own limit.
    RequestTimeout,
}

/// How much a refusal should worry the operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Worry {
    /// The client's affair, or expected under load and at shutdown.
    None,
    /// The broker's fault: someone should look.
    Fault,
}

impl Reason {
    /// All of them, in the order of docs/ERRORS.md.
    pub const ALL: [Self; 23] = [
        Self::InvalidField,
        Self::RequestTooLarge,
        Self::UnreadableRequest,
        Self::TopicNotFound,
        Self::SubscriptionNotFound,
        Self::MessageNotFound,
        Self::TopicExists,
        Self::SubscriptionExists,
        Self::TopicHasBacklog,
        Self::TooManyFilterPolicies,
        Self::WorkerNotAdmitted,
        Self::TooManyTopics,
        Self::TooManySubscriptions,
        Self::TooManyConsumers,
        Self::TooManyPushWorkers,
        Self::TooManyDeduplicationIds,
        Self::TooManyRequestBytes,
        Self::TopicFull,
        Self::OutOfSpace,
        Self::BrokerDraining,
        Self::JournalPoisoned,
        Self::LogUnreadable,
        Self::RequestTimeout,
    ];

    /// The word on the wire (`google.rpc.ErrorInfo.reason`).
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidField => "INVALID_FIELD",
            Self::RequestTooLarge => "REQUEST_TOO_LARGE",
            Self::UnreadableRequest => "UNREADABLE_REQUEST",
            Self::TopicNotFound => "TOPIC_NOT_FOUND",
            Self::SubscriptionNotFound => "SUBSCRIPTION_NOT_FOUND",
            Self::MessageNotFound => "MESSAGE_NOT_FOUND",
            Self::TopicExists => "TOPIC_EXISTS",
            Self::SubscriptionExists => "SUBSCRIPTION_EXISTS",
            Self::TopicHasBacklog => "TOPIC_HAS_BACKLOG",
            Self::TooManyFilterPolicies => "TOO_MANY_FILTER_POLICIES",
            Self::WorkerNotAdmitted => "WORKER_NOT_ADMITTED",
            Self::TooManyTopics => "TOO_MANY_TOPICS",
            Self::TooManySubscriptions => "TOO_MANY_SUBSCRIPTIONS",
            Self::TooManyConsumers => "TOO_MANY_CONSUMERS",
            Self::TooManyPushWorkers => "TOO_MANY_PUSH_WORKERS",
            Self::TooManyDeduplicationIds => "TOO_MANY_DEDUPLICATION_IDS",
            Self::TooManyRequestBytes => "TOO_MANY_REQUEST_BYTES",
            Self::TopicFull => "TOPIC_FULL",
            Self::OutOfSpace => "OUT_OF_SPACE",
            Self::BrokerDraining => "BROKER_DRAINING",
            Self::JournalPoisoned => "JOURNAL_POISONED",
            Self::LogUnreadable => "LOG_UNREADABLE",
            Self::RequestTimeout => "REQUEST_TIMEOUT",
        }
    }

    /// The canonical code.
    pub fn code(self) -> Code {
        match self {
            Self::InvalidField | Self::RequestTooLarge | Self::UnreadableRequest => Code::InvalidArgument,
            Self::TopicNotFound | Self::SubscriptionNotFound | Self::MessageNotFound => Code::NotFound,
            Self::TopicExists | Self::SubscriptionExists => Code::AlreadyExists,
            Self::TopicHasBacklog | Self::TooManyFilterPolicies => Code::FailedPrecondition,
            Self::WorkerNotAdmitted => Code::Unauthenticated,
            Self::TooManyTopics
            | Self::TooManySubscriptions
            | Self::TooManyConsumers
            | Self::TooManyPushWorkers
            | Self::TooManyDeduplicationIds
            | Self::TooManyRequestBytes
            | Self::TopicFull
            | Self::OutOfSpace => Code::ResourceExhausted,
            Self::BrokerDraining | Self::JournalPoisoned => Code::Unavailable,
            Self::LogUnreadable => Code::Internal,
            Self::RequestTimeout => Code::DeadlineExceeded,
        }
    }

    /// How long to wait before the same request has a chance (`google.rpc.RetryInfo`); none where only a change of
    /// the request or of the broker helps.
    pub fn retry_after(self) -> Option<Duration> {
        let seconds = match self {
            Self::TooManyConsumers
            | Self::TooManyRequestBytes
            | Self::BrokerDraining
            | Self::RequestTimeout => 1,
            Self::TooManyPushWorkers | Self::TopicFull | Self::OutOfSpace | Self::JournalPoisoned => 5,
            Self::TooManyDeduplicationIds => 10,
            _ => return None,
        };
        Some(Duration::from_secs(seconds))
    }

    pub(crate) fn worry(self) -> Worry {
        match self {
            Self::JournalPoisoned | Self::LogUnreadable | Self::RequestTimeout => Worry::Fault,
            _ => Worry::None,
        }
    }

    /// Whether nothing more can succeed on a stream of publishes.
    pub(crate) fn ends_publishing(self) -> bool {
        matches!(self, Self::BrokerDraining | Self::JournalPoisoned | Self::UnreadableRequest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = include_str!("../../../docs/ERRORS.md");

    /// The rows of the table, as reason, code and delay.
    fn rows() -> Vec<(String, String, String)> {
        let cells = |line: &str| line.split('|').map(|cell| cell.trim().to_owned()).collect::<Vec<_>>();
        let rows = PAGE.lines().filter(|line| line.starts_with("| `")).map(cells);
        rows.map(|row| (row[1].trim_matches('`').into(), row[2].clone(), row[3].clone())).collect()
    }

    fn spelled(code: Code) -> &'static str {
        match code {
            Code::InvalidArgument => "INVALID_ARGUMENT",
            Code::NotFound => "NOT_FOUND",
            Code::AlreadyExists => "ALREADY_EXISTS",
            Code::FailedPrecondition => "FAILED_PRECONDITION",
            Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
            Code::Unauthenticated => "UNAUTHENTICATED",
            Code::Unavailable => "UNAVAILABLE",
            Code::Internal => "INTERNAL",
            Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
            other => panic!("no reason has {other:?}"),
        }
    }

    #[test]
    fn the_page_and_the_code_say_the_same_of_every_reason() {
        let ours = Reason::ALL.map(|reason| {
            let delay = reason.retry_after().map_or("-".into(), |delay| format!("{} s", delay.as_secs()));
            (reason.as_str().to_owned(), spelled(reason.code()).to_owned(), delay)
        });
        assert_eq!(rows(), ours);
    }
}
