//! What the handle offers on filter policies: trying them out, and why a message went where it did.

use std::collections::VecDeque;

use filter::{Mismatch, Policy};
use types::{MessageId, Position, Sequence, SubscriptionName, Timestamp, TopicName, limits};

use crate::{Broker, SubscriptionNotFound, TestFilterError, Unavailable, record::Message, topic::Topic};

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
    pub fn policy_of(&self, name: &SubscriptionName) -> Result<PolicyInForce, SubscriptionNotFound> {
        self.inner.subscription(name)?.policy_in_force()
    }

    /// What a policy makes of one message of a topic; no policy matches everything.
    ///
    /// # Errors
    /// See [`TestFilterError`].
    pub async fn test_filter_on(
        &self,
        policy: Option<&Policy>,
        message: MessageId,
    ) -> Result<Verdict, TestFilterError> {
        self.inner.shared.check_serving()?;
        let not_found = || TestFilterError::MessageNotFound(message);
        let topic = self.inner.topic_of(message.log).ok_or_else(not_found)?;
        let found = topic.read_message(message.sequence).await?;
        let (stored, at) = found.ok_or_else(not_found)?;
        Ok(topic.verdict(policy, message.sequence, &stored, at))
    }

    /// What a policy makes of the last messages of a topic that are kept, at most [`types::limits::FILTER_TEST_MESSAGES`]; the oldest first.
    ///
    /// # Errors
    /// See [`TestFilterError`].
    pub async fn test_filter_on_last(
        &self,
        policy: Option<&Policy>,
        topic: &TopicName,
        messages: usize,
    ) -> Result<Vec<Verdict>, TestFilterError> {
        self.inner.shared.check_serving()?;
        let topic = self.inner.topic(topic)?;
        let messages = messages.min(limits::FILTER_TEST_MESSAGES);
        Ok(topic.last_verdicts(policy, messages).await?)
    }
}

impl Topic {
    fn verdict(
        &self,
        policy: Option<&Policy>,
        sequence: Sequence,
        message: &Message,
        published_at: Timestamp,
    ) -> Verdict {
        let mut mismatches = Vec::new();
        if let Some(policy) = policy {
            self.shared.contents.read(&message.payload, &mut |content| mismatches = policy.explain(content));
        }
        let message_id = MessageId { log: self.id, sequence };
        Verdict { message_id, published_at, mismatches }
    }

    /// Looks back further and further until there are enough messages: positions between them may be anything else.
    async fn last_verdicts(
        &self,
        policy: Option<&Policy>,
        messages: usize,
    ) -> Result<Vec<Verdict>, Unavailable> {
        let (first, end) = (self.first_position(), self.visible());
        let mut back = (messages as u64).max(64);
        loop {
            let from = end.saturating_sub(back).max(first);
            let last = self.last_between(from, end, messages).await?;
            if last.len() >= messages || from == first {
                let verdict = |(sequence, message, at)| self.verdict(policy, sequence, &message, at);
                return Ok(last.into_iter().map(verdict).collect());
            }
            back = back.saturating_mul(4);
        }
    }

    /// The last `most` messages of a stretch.
    async fn last_between(
        &self,
        from: Position,
        end: Position,
        most: usize,
    ) -> Result<VecDeque<(Sequence, Message, Timestamp)>, Unavailable> {
        let mut last = VecDeque::with_capacity(most.min(limits::FILTER_TEST_MESSAGES) + 1);
        let mut at = from;
        while at < end && most > 0 {
            let block = self.read_block(at).await?;
            for frame in &block.frames {
                for (sequence, message) in frame.messages.iter().filter(|(s, _)| (at..end).contains(s)) {
                    if last.len() == most {
                        last.pop_front();
                    }
                    last.push_back((*sequence, message.clone(), frame.at));
                }
            }
            if block.end <= at {
                break;
            }
            at = block.end;
        }
        Ok(last)
    }
}
