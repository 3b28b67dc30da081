//! One enum an operation. Each variant says what happened to the message or resource; the texts are for people, the
//! variants for the API's one mapping.

use journal::{JournalError, Poisoned, ReadError};
use queue::LeaseError;
use types::{Invalid, MessageId, Position, SubscriptionName, TopicName, limits};

use crate::{record::Malformed, subscription};

/// There is no such topic.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no topic {0}")]
pub struct TopicNotFound(pub TopicName);

/// There is no such subscription.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no subscription {0}")]
pub struct SubscriptionNotFound(pub SubscriptionName);

/// The broker cannot do this now. Nothing changed, unless the variant says otherwise.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unavailable {
    /// It is being shut down.
    #[error("the broker is shutting down")]
    Draining,
    /// The disk is nearly full.
    #[error("the disk is nearly full; publishes are refused until space is free again")]
    OutOfSpace,
    /// The journal failed. Whether this change survives a restart is unknown.
    #[error(transparent)]
    Poisoned(#[from] Poisoned),
    /// The log could not be read.
    #[error("the log could not be read: {0}")]
    Read(String),
}

impl From<JournalError> for Unavailable {
    fn from(error: JournalError) -> Self {
        match error {
            JournalError::Poisoned(poisoned) => Self::Poisoned(poisoned),
            JournalError::Fenced => Self::Draining,
            other => Self::Read(other.to_string()),
        }
    }
}

impl From<ReadError> for Unavailable {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Fenced => Self::Draining,
            other => Self::Read(other.to_string()),
        }
    }
}

impl From<Malformed> for Unavailable {
    fn from(error: Malformed) -> Self {
        Self::Read(error.to_string())
    }
}

impl From<OpenError> for Unavailable {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Journal(error) => error.into(),
            OpenError::Read(error) => error.into(),
            OpenError::Unavailable(unavailable) => unavailable,
            other => Self::Read(other.to_string()),
        }
    }
}

/// Why the broker could not start. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// The journal would not open.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A log could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The catalog would not take a record.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    /// A record or checkpoint that passed its checksum makes no sense.
    #[error("log {log}, position {position}: {what}")]
    Damaged {
        /// Which log.
        log: u64,
        /// Where.
        position: Position,
        /// What is wrong.
        what: String,
    },
    /// A setting is out of its limits.
    #[error(transparent)]
    Config(#[from] Invalid),
}

/// Why a topic was not created.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CreateTopicError {
    /// A setting is out of its limits.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// It exists with other settings.
    #[error("topic {0} exists with other settings")]
    Exists(TopicName),
    /// The broker has as many as it takes.
    #[error("there are {limit} topics, which is the limit")]
    TooMany {
        /// How many it takes.
        limit: usize,
    },
    /// Try again later.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// Why a topic was not changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UpdateTopicError {
    /// There is none.
    #[error(transparent)]
    NotFound(#[from] TopicNotFound),
    /// The settings as changed break a rule.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// Try again later.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// Why a topic was not deleted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeleteTopicError {
    /// There is none.
    #[error(transparent)]
    NotFound(#[from] TopicNotFound),
    /// A subscription has unsettled messages or dead letters, and `force` was not given.
    #[error(
        "subscription {subscription} has {backlog} unsettled messages and {dead_letters} dead letters; settle them or use force"
    )]
    Backlog {
        /// One that has.
        subscription: SubscriptionName,
        /// Its unsettled messages.
        backlog: u64,
        /// Its dead letters.
        dead_letters: u64,
    },
    /// Try again later.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// Why a publish was refused. None of its messages was stored, unless the variant says otherwise.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// There is no such topic.
    #[error(transparent)]
    NotFound(#[from] TopicNotFound),
    /// A message breaks a rule; the field starts with `messages[i]`.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// The topic is at its byte limit and rejects publishes there.
    #[error("topic {topic} holds {bytes} bytes, its retention.max_bytes is {limit}")]
    TopicFull {
        /// Which.
        topic: TopicName,
        /// What it holds.
        bytes: u64,
        /// What it may hold.
        limit: u64,
    },
    /// The topic remembers as many deduplication IDs as it can.
    #[error("the topic remembers {limit} deduplication IDs inside its window, which is the limit")]
    TooManyDeduplicationIds {
        /// How many it can.
        limit: usize,
    },
    /// Try again later. With `Poisoned` the messages may have been stored.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// Why a subscription was not created.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CreateSubscriptionError {
    /// There is no such topic.
    #[error(transparent)]
    TopicNotFound(#[from] TopicNotFound),
    /// A setting is out of its limits.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// It exists with other settings or on another topic.
    #[error("subscription {0} exists with other settings or on another topic")]
    Exists(SubscriptionName),
    /// The topic has as many as it takes.
    #[error("the topic has {limit} subscriptions, which is the limit")]
    TooMany {
        /// How many it takes.
        limit: usize,
    },
    /// Try again later.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// Why a subscription was not changed (update, pause, resume, delete).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UpdateSubscriptionError {
    /// There is none.
    #[error(transparent)]
    NotFound(#[from] SubscriptionNotFound),
    /// The settings as changed break a rule, or change what is fixed at creation.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// The unread backlog is under as many earlier filter policies as it can be. It can be settled, re-evaluated or left by a seek.
    #[error(
        "{limit} earlier filter policies decide over the unread backlog, which is the limit; settle it or seek"
    )]
    TooManyPolicies {
        /// How many it can be.
        limit: usize,
    },
    /// Try again later.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

impl From<subscription::TooManyPolicies> for UpdateSubscriptionError {
    fn from(_: subscription::TooManyPolicies) -> Self {
        Self::TooManyPolicies { limit: limits::FILTER_ERAS }
    }
}

/// Why a filter policy was not tried out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TestFilterError {
    /// There is no such topic.
    #[error(transparent)]
    TopicNotFound(#[from] TopicNotFound),
    /// There is no such message, it is not kept any more, or it is damaged.
    #[error("there is no message {0}, or it is no longer kept")]
    MessageNotFound(MessageId),
    /// Try again later.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// Why the attempts to push a message were not read back.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AttemptsError {
    /// There is no such subscription.
    #[error(transparent)]
    NotFound(#[from] SubscriptionNotFound),
    /// The subscription's topic never had such a message.
    #[error("the subscription's topic has no message {0}")]
    MessageNotFound(MessageId),
    /// Try again later.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// Why an endpoint was not confirmed. Nothing changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfirmError {
    /// There is none.
    #[error(transparent)]
    NotFound(#[from] SubscriptionNotFound),
    /// The token is not the one that was sent last, or is used or too old; or the subscription has no endpoint that waits for one.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// Try again later.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// Why a push worker was not let in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JoinPushError {
    /// There are as many as the broker takes.
    #[error("the broker has {limit} push workers, which is the limit")]
    TooMany {
        /// How many it takes.
        limit: usize,
    },
    /// Try again later.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// Why a subscription was not moved.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SeekError {
    /// There is none.
    #[error(transparent)]
    NotFound(#[from] SubscriptionNotFound),
    /// The target makes no sense.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// Try again later.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// Why a consumer got nothing. Nothing is leased.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConsumeError {
    /// There is no such subscription, or it was deleted meanwhile.
    #[error(transparent)]
    NotFound(#[from] SubscriptionNotFound),
    /// The subscription has as many consumers as it takes.
    #[error("the subscription has {limit} consumers, which is the limit")]
    TooManyConsumers {
        /// How many it takes.
        limit: usize,
    },
    /// Try again later.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// Why a whole settle request (ack, nack, extend, report) was refused. Nothing was settled, unless the variant says otherwise.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettleError {
    /// There is no such subscription, or it was deleted meanwhile.
    #[error(transparent)]
    NotFound(#[from] SubscriptionNotFound),
    /// An ack ID belongs to another subscription (or to an earlier one of the same name).
    #[error("ack_ids[{index}] belongs to another subscription")]
    OtherSubscription {
        /// Which of the request's.
        index: usize,
    },
    /// It is no request that makes sense.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// Try again later. With `Poisoned` it may have been settled.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// What became of one ack ID.
pub type Outcome = Result<(), LeaseError>;
