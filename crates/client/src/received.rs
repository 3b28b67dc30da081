//! A message as it is delivered.

use std::time::SystemTime;

use bytes::Bytes;
use fanfare_proto::v1;

/// One delivery of a message.
#[derive(Debug, Clone, PartialEq)]
pub struct ReceivedMessage {
    delivery: v1::ReceivedMessage,
    message: v1::Message,
}

impl ReceivedMessage {
    /// Its data.
    pub fn data(&self) -> &Bytes {
        &self.message.data
    }

    /// Its data as text, if it is UTF-8.
    pub fn text(&self) -> Option<&str> {
        std::str::from_utf8(&self.message.data).ok()
    }

    /// The text attribute of this name.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        match self.message.attributes.get(name) {
            Some(text) => Some(text),
            None => match self.message.typed_attributes.get(name)?.value.as_ref()? {
                v1::attribute_value::Value::Text(text) => Some(text),
                _ => None,
            },
        }
    }

    /// Its ordering key; empty if it has none.
    pub fn ordering_key(&self) -> &str {
        &self.message.ordering_key
    }

    /// Its correlation ID. Never empty.
    pub fn correlation_id(&self) -> &str {
        &self.message.correlation_id
    }

    /// Media type of the data; empty if the publisher did not say.
    pub fn content_type(&self) -> &str {
        &self.message.content_type
    }

    /// The message's identity: the same in every delivery, and at every subscription.
    pub fn message_id(&self) -> &str {
        &self.delivery.message_id
    }

    /// The message's number in its topic: increasing, with gaps.
    pub fn sequence(&self) -> u64 {
        self.delivery.sequence
    }

    /// Failed attempts of this subscription so far, plus one.
    pub fn delivery_attempt(&self) -> u32 {
        self.delivery.delivery_attempt
    }

    /// True if it was certainly never delivered to this subscription before.
    pub fn first_delivery(&self) -> bool {
        self.delivery.first_delivery
    }

    /// When it was accepted.
    pub fn publish_time(&self) -> SystemTime {
        let time = self.delivery.publish_time.and_then(|time| SystemTime::try_from(time).ok());
        time.unwrap_or(SystemTime::UNIX_EPOCH)
    }

    /// The message as published, with everything that this type has no accessor for.
    pub fn message(&self) -> &v1::Message {
        &self.message
    }

    /// The delivery as it was on the wire.
    pub fn into_proto(self) -> v1::ReceivedMessage {
        v1::ReceivedMessage { message: Some(self.message), ..self.delivery }
    }

    /// What settles this delivery, and no other of the same message.
    pub(crate) fn ack_id(&self) -> &str {
        &self.delivery.ack_id
    }
}

impl From<v1::ReceivedMessage> for ReceivedMessage {
    fn from(mut delivery: v1::ReceivedMessage) -> Self {
        let message = delivery.message.take().unwrap_or_default();
        Self { delivery, message }
    }
}
