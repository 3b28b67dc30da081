//! What the handle offers on filter policies: trying them out, and why a message went where it did.

use filter::{Mismatch, Policy};
use types::{MessageId, Position, SubscriptionName, Timestamp, TopicName};

use crate::{Broker, SubscriptionNotFound, TestFilterError};

/// What a policy makes of one stored message.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// Which message.
    pub message_id: MessageId,
    /// When it was accepted.
    pub published_at: Timestamp,
    /// The clauses that fail; none if it matches.
    pub mismatches: Vec<Mismatch>,
}

/// The policy of a subscription.
#[derive(Debug, Clone)]
pub struct PolicyInForce {
    /// The topic it reads.
    pub topic: TopicName,
    /// None: it gets everything.
    pub policy: Option<Policy>,
    /// The log position from which it decides.
    pub since: Position,
}

impl Broker {
    /// The policy that decides now what enters a subscription's queue.
    ///
    /// # Errors
    /// There is none of that name.
    pub fn policy_of(&self, _name: &SubscriptionName) -> Result<PolicyInForce, SubscriptionNotFound> {
        todo!()
    }

    /// What a policy makes of one message of a topic; no policy matches everything.
    ///
    /// # Errors
    /// See [`TestFilterError`].
    pub async fn test_filter_on(
        &self,
        _policy: Option<&Policy>,
        _message: MessageId,
    ) -> Result<Verdict, TestFilterError> {
        todo!()
    }

    /// What a policy makes of the last messages of a topic that are kept, at most [`types::limits::FILTER_TEST_MESSAGES`]; the oldest first.
    ///
    /// # Errors
    /// See [`TestFilterError`].
    pub async fn test_filter_on_last(
        &self,
        _policy: Option<&Policy>,
        _topic: &TopicName,
        _messages: usize,
    ) -> Result<Vec<Verdict>, TestFilterError> {
        todo!()
    }
}
