//! The one mapping from the broker's errors to refusals. docs/ERRORS.md says the same for people.

use broker::{
    ConfirmError, ConsumeError, CreateSubscriptionError, CreateTopicError, DeleteTopicError, JoinPushError,
    PublishError, SeekError, SettleError, SubscriptionNotFound, TestFilterError, TopicNotFound, Unavailable,
    UpdateSubscriptionError, UpdateTopicError,
};
use types::Invalid;

use crate::{check, reason::Reason, refusal::Refusal};

const TOPIC: &str = "fanfare.v1.Topic";
const SUBSCRIPTION: &str = "fanfare.v1.Subscription";
const MESSAGE: &str = "fanfare.v1.Message";

impl From<Invalid> for Refusal {
    fn from(invalid: Invalid) -> Self {
        Self::field(invalid.field, invalid.reason)
    }
}

impl From<TopicNotFound> for Refusal {
    fn from(error: TopicNotFound) -> Self {
        Self::new(Reason::TopicNotFound, &error).about(TOPIC, &error.0)
    }
}

impl From<SubscriptionNotFound> for Refusal {
    fn from(error: SubscriptionNotFound) -> Self {
        Self::new(Reason::SubscriptionNotFound, &error).about(SUBSCRIPTION, &error.0)
    }
}

impl From<Unavailable> for Refusal {
    fn from(error: Unavailable) -> Self {
        let reason = match &error {
            Unavailable::Draining => Reason::BrokerDraining,
            Unavailable::OutOfSpace => Reason::OutOfSpace,
            Unavailable::Poisoned(_) => Reason::JournalPoisoned,
            Unavailable::Read(_) => Reason::LogUnreadable,
        };
        Self::new(reason, error)
    }
}

impl From<CreateTopicError> for Refusal {
    fn from(error: CreateTopicError) -> Self {
        match error {
            CreateTopicError::Invalid(invalid) => invalid.into(),
            CreateTopicError::Exists(ref name) => Self::new(Reason::TopicExists, &error).about(TOPIC, name),
            CreateTopicError::TooMany { .. } => Self::new(Reason::TooManyTopics, error),
            CreateTopicError::Unavailable(unavailable) => unavailable.into(),
        }
    }
}

impl From<UpdateTopicError> for Refusal {
    fn from(error: UpdateTopicError) -> Self {
        match error {
            UpdateTopicError::NotFound(missing) => missing.into(),
            UpdateTopicError::Invalid(invalid) => invalid.into(),
            UpdateTopicError::Unavailable(unavailable) => unavailable.into(),
        }
    }
}

impl From<DeleteTopicError> for Refusal {
    fn from(error: DeleteTopicError) -> Self {
        match error {
            DeleteTopicError::NotFound(missing) => missing.into(),
            DeleteTopicError::Backlog { ref subscription, .. } => {
                Self::new(Reason::TopicHasBacklog, &error).about(SUBSCRIPTION, subscription)
            }
            DeleteTopicError::Unavailable(unavailable) => unavailable.into(),
        }
    }
}

impl From<PublishError> for Refusal {
    fn from(error: PublishError) -> Self {
        match error {
            PublishError::NotFound(missing) => missing.into(),
            PublishError::Invalid(invalid) => invalid.into(),
            PublishError::TopicFull { ref topic, .. } => {
                Self::new(Reason::TopicFull, &error).about(TOPIC, topic)
            }
            PublishError::TooManyDeduplicationIds { .. } => Self::new(Reason::TooManyDeduplicationIds, error),
            PublishError::Unavailable(unavailable) => unavailable.into(),
        }
    }
}

impl From<CreateSubscriptionError> for Refusal {
    fn from(error: CreateSubscriptionError) -> Self {
        match error {
            CreateSubscriptionError::TopicNotFound(missing) => missing.into(),
            CreateSubscriptionError::Invalid(invalid) => invalid.into(),
            CreateSubscriptionError::Exists(ref name) => {
                Self::new(Reason::SubscriptionExists, &error).about(SUBSCRIPTION, name)
            }
            CreateSubscriptionError::TooMany { .. } => Self::new(Reason::TooManySubscriptions, error),
            CreateSubscriptionError::Unavailable(unavailable) => unavailable.into(),
        }
    }
}

impl From<UpdateSubscriptionError> for Refusal {
    fn from(error: UpdateSubscriptionError) -> Self {
        match error {
            UpdateSubscriptionError::NotFound(missing) => missing.into(),
            UpdateSubscriptionError::Invalid(invalid) => invalid.into(),
            UpdateSubscriptionError::TooManyPolicies { .. } => {
                Self::new(Reason::TooManyFilterPolicies, error)
            }
            UpdateSubscriptionError::Unavailable(unavailable) => unavailable.into(),
        }
    }
}

impl From<ConfirmError> for Refusal {
    fn from(error: ConfirmError) -> Self {
        match error {
            ConfirmError::NotFound(missing) => missing.into(),
            ConfirmError::Invalid(invalid) => invalid.into(),
            ConfirmError::Unavailable(unavailable) => unavailable.into(),
        }
    }
}

impl From<JoinPushError> for Refusal {
    fn from(error: JoinPushError) -> Self {
        match error {
            JoinPushError::TooMany { .. } => Self::new(Reason::TooManyPushWorkers, error),
            JoinPushError::Unavailable(unavailable) => unavailable.into(),
        }
    }
}

impl From<TestFilterError> for Refusal {
    fn from(error: TestFilterError) -> Self {
        match error {
            TestFilterError::TopicNotFound(missing) => missing.into(),
            TestFilterError::MessageNotFound(ref id) => {
                Self::new(Reason::MessageNotFound, &error).about(MESSAGE, id)
            }
            TestFilterError::Unavailable(unavailable) => unavailable.into(),
        }
    }
}

impl From<SeekError> for Refusal {
    fn from(error: SeekError) -> Self {
        match error {
            SeekError::NotFound(missing) => missing.into(),
            SeekError::Invalid(invalid) => invalid.into(),
            SeekError::Unavailable(unavailable) => unavailable.into(),
        }
    }
}

impl From<ConsumeError> for Refusal {
    fn from(error: ConsumeError) -> Self {
        match error {
            ConsumeError::NotFound(missing) => missing.into(),
            ConsumeError::TooManyConsumers { .. } => Self::new(Reason::TooManyConsumers, error),
            ConsumeError::Unavailable(unavailable) => unavailable.into(),
        }
    }
}

impl From<SettleError> for Refusal {
    fn from(error: SettleError) -> Self {
        match error {
            SettleError::NotFound(missing) => missing.into(),
            SettleError::OtherSubscription { index } => {
                check::other_subscription(format_args!("ack_ids[{index}]"))
            }
            SettleError::Invalid(invalid) => invalid.into(),
            SettleError::Unavailable(unavailable) => unavailable.into(),
        }
    }
}
