//! What the handle offers on filter policies: trying them out, and why a message went where it did.

use filter::{Mismatch, Policy};
use types::{MessageId, Position, Sequence, SubscriptionName, Timestamp, TopicName, limits};

use crate::{
    Broker, SubscriptionNotFound, TestFilterError, Unavailable,
    decoded::Decoded,
    topic::{Block, Topic},
};

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
    /// Where it was set: it decides on the messages with a greater sequence. 0: there never was another.
    pub position: Position,
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
        Ok(topic.verdict(policy, message.sequence, &stored.payload, at))
    }

    /// What a policy makes of the last messages of a topic that are kept, 1 to [`limits::FILTER_TEST_MESSAGES`] of them; the oldest first.
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
        let messages = messages.clamp(1, limits::FILTER_TEST_MESSAGES);
        Ok(topic.last_verdicts(policy, messages).await?)
    }
}

impl Topic {
    fn verdict(
        &self,
        policy: Option<&Policy>,
        sequence: Sequence,
        payload: &[u8],
        published_at: Timestamp,
    ) -> Verdict {
        let mut mismatches = Vec::new();
        if let Some(policy) = policy {
            // As long as nothing is shown: what cannot be read matches no policy.
            mismatches.push(Mismatch::unreadable());
            self.shared.contents.read(payload, &mut |content| mismatches = policy.explain(content));
        }
        let message_id = MessageId { log: self.id, sequence };
        Verdict { message_id, published_at, mismatches }
    }

    async fn last_verdicts(
        &self,
        policy: Option<&Policy>,
        messages: usize,
    ) -> Result<Vec<Verdict>, Unavailable> {
        let end = self.visible();
        let first = self.first_of_last(messages, end).await?;
        let mut verdicts = Vec::with_capacity(messages);
        let mut at = first;
        while at < end {
            let block = self.read_block(at).await?;
            for (frame, index) in messages_of(&block, at, end) {
                let sequence = frame.messages[index].sequence;
                verdicts.push(self.verdict(policy, sequence, &frame.payload(index), frame.at));
                // A hostile policy takes long over one message: between two the caller can give up.
                tokio::task::yield_now().await;
            }
            if block.end <= at {
                break;
            }
            at = block.end;
        }
        Ok(verdicts)
    }

    /// Where the last so many messages begin, or what is kept. Messages are numbered, so a search by halves finds it, whatever else lies
    /// between them.
    async fn first_of_last(&self, messages: usize, end: Position) -> Result<Position, Unavailable> {
        let before = self.ordinal_at(end).await?.saturating_sub(messages as u64);
        let (mut low, mut high) = (self.first_position(), end);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.ordinal_at(middle).await? < before {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        Ok(low)
    }
}

/// The messages of a block that are not below `from` and below `end`: their frames, and where in them they are.
fn messages_of(block: &Block, from: Position, end: Position) -> impl Iterator<Item = (&Decoded, usize)> {
    let all = block.frames.iter().flat_map(|frame| {
        let frame: &Decoded = frame;
        (0..frame.messages.len()).map(move |index| (frame, index))
    });
    all.filter(move |(frame, index)| (from..end).contains(&frame.messages[*index].sequence))
}
