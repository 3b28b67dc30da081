//! A topic as an endpoint: messages go on into another topic, so that topics make a tree.
//!
//! # Invariants
//!
//! - A message is forwarded as it is, with the trace and the correlation ID it came with; what is new is its place in the other topic.
//! - It knows where it came from ([`Message::forwarded_from`]). One that was in the target topic before is not forwarded there again, and one
//!   that has come through [`limits::FORWARD_HOPS`] topics goes no further.
//! - A second attempt stores nothing twice, as long as the target topic remembers deduplication IDs: the message's is made of the
//!   subscription's incarnation and the message it was. The publisher's own has done its work in the first topic.
//! - A delay is not waited for again: it was over before the message got here. An expiry stays what it was.
//!
//! [`Message::forwarded_from`]: v1::Message::forwarded_from

mod message;
#[cfg(test)]
mod tests;

use broker::{AssignedEndpoint, Broker, Delivery, NewMessage, PublishError, TopicNotFound};
use bytes::Bytes;
use types::{Invalid, LogId, SubscriptionUid, TopicName, limits};

use crate::{Answer, Carrier, Consent, Failure, Response};

/// The topics that can be forwarded to.
pub trait Topics: Send + Sync + 'static {
    /// Which incarnation of a topic there is.
    ///
    /// # Errors
    /// None.
    fn log(&self, topic: &TopicName) -> Result<LogId, TopicNotFound>;

    /// Publishes one message; durable when it is answered.
    ///
    /// # Errors
    /// See [`PublishError`].
    fn publish(
        &self,
        topic: &TopicName,
        message: NewMessage,
    ) -> impl Future<Output = Result<(), PublishError>> + Send;
}

impl Topics for Broker {
    fn log(&self, topic: &TopicName) -> Result<LogId, TopicNotFound> {
        Ok(self.topic(topic)?.log)
    }

    async fn publish(&self, topic: &TopicName, message: NewMessage) -> Result<(), PublishError> {
        Self::publish(self, topic, vec![message]).await.map(drop)
    }
}

/// Brings messages to one topic.
#[derive(Debug)]
pub struct Forwarder<T> {
    topics: T,
    target: TopicName,
    subscription: SubscriptionUid,
}

/// Why a message did not get there.
#[derive(Debug, thiserror::Error)]
enum ForwardError {
    #[error("what is stored is no message of this API")]
    Undecodable,
    #[error("the message has been in {0} before")]
    Circle(TopicName),
    #[error("the message has been forwarded {0} times, which is the limit")]
    TooFar(usize),
    #[error(transparent)]
    NoTopic(#[from] TopicNotFound),
    #[error(transparent)]
    Publish(#[from] PublishError),
}

impl<T: Topics> Forwarder<T> {
    /// Forwards to the endpoint's topic.
    ///
    /// # Errors
    /// The endpoint is none.
    pub fn new(topics: T, endpoint: &AssignedEndpoint) -> Result<Self, Invalid> {
        let target = endpoint.push.topic()?.ok_or_else(|| Invalid::new("endpoint", "is no topic"))?;
        Ok(Self { topics, target, subscription: endpoint.uid })
    }

    async fn forward(&self, delivery: &Delivery) -> Result<(), ForwardError> {
        let mut message = message::decode(delivery).ok_or(ForwardError::Undecodable)?;
        if message.forwarded_from.len() >= limits::FORWARD_HOPS {
            return Err(ForwardError::TooFar(limits::FORWARD_HOPS));
        }
        let target = self.topics.log(&self.target)?;
        message.forwarded_from.push(delivery.message_id.to_string());
        if message::has_been_in(&message, target) {
            return Err(ForwardError::Circle(self.target.clone()));
        }
        let message = message::publishable(message, self.subscription, delivery.message_id);
        Ok(self.topics.publish(&self.target, message).await?)
    }
}

impl<T: Topics> Carrier for Forwarder<T> {
    async fn deliver(&self, messages: &[Delivery]) -> Vec<Answer> {
        let mut answers = Vec::with_capacity(messages.len());
        for delivery in messages {
            answers.push(answer(self.forward(delivery).await));
        }
        answers
    }

    /// Who may subscribe and who may publish is the same broker's business, so a topic that is there is asked nothing.
    async fn confirm(&self, _token: &str) -> Consent {
        match self.topics.log(&self.target) {
            Ok(_) => Consent::Given,
            Err(missing) => Consent::Failed(missing.to_string()),
        }
    }
}

fn answer(result: Result<(), ForwardError>) -> Answer {
    let Err(error) = result else {
        return Answer {
            response: Response::Forwarded,
            retry_after: None,
            body: Bytes::new(),
            error: String::new(),
        };
    };
    let mut text = error.to_string();
    text.truncate(text.floor_char_boundary(limits::ATTEMPT_ERROR_BYTES));
    Answer { response: response(&error), retry_after: None, body: Bytes::new(), error: text }
}

/// What time may heal is tried again; what is wrong with the message is not.
fn response(error: &ForwardError) -> Response {
    match error {
        ForwardError::Circle(_) | ForwardError::TooFar(_) => Response::Failed(Failure::Loop),
        ForwardError::NoTopic(_) | ForwardError::Publish(PublishError::NotFound(_)) => {
            Response::Failed(Failure::NoTopic)
        }
        ForwardError::Undecodable | ForwardError::Publish(PublishError::Invalid(_)) => {
            Response::Failed(Failure::Unsendable)
        }
        ForwardError::Publish(
            PublishError::TopicFull { .. }
            | PublishError::TooManyDeduplicationIds { .. }
            | PublishError::Unavailable(_),
        ) => Response::Again,
    }
}
