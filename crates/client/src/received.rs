//! A message as it is delivered.
//!
//! On a stream it comes as the bytes that are stored. What is asked for is made of them when it is asked for first, so what nobody looks at
//! costs nothing.

use std::{sync::OnceLock, time::SystemTime};

use bytes::Bytes;
use fanfare_proto::{ids, v1};
use prost::Message as _;
use prost_types::Timestamp;

/// One delivery of a message.
///
/// One that came on a stream shares a buffer, of 1 MiB mostly and of its own size if it is larger, with those that came with it: as long as any of
/// them is kept, or their [`data`](Self::data), the buffer is. What is to be kept for long is better copied.
#[derive(Debug, Clone)]
pub struct ReceivedMessage {
    head: Head,
    sequence: u64,
    publish_time: Option<Timestamp>,
    data: Bytes,
    /// The encoded message.
    bytes: Bytes,
    message: OnceLock<Box<v1::Message>>,
    texts: OnceLock<Box<Texts>>,
}

/// What a delivery on a stream has in common with those that are leased together with it, but for the lease.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Head {
    pub(crate) delivery_attempt: u32,
    pub(crate) first_delivery: bool,
    pub(crate) lease_deadline: Option<Timestamp>,
    pub(crate) lease: u64,
    pub(crate) subscription_uid: u64,
    pub(crate) log: u64,
}

#[derive(Debug, Clone)]
struct Texts {
    ack_id: String,
    message_id: String,
}

impl ReceivedMessage {
    /// From a stream. The bytes are a message that has these data.
    pub(crate) fn stored(
        head: Head,
        sequence: u64,
        publish_time: Option<Timestamp>,
        bytes: Bytes,
        data: Bytes,
    ) -> Self {
        Self { head, sequence, publish_time, data, bytes, message: OnceLock::new(), texts: OnceLock::new() }
    }

    /// Its data.
    pub fn data(&self) -> &Bytes {
        &self.data
    }

    /// Its data as text, if it is UTF-8.
    pub fn text(&self) -> Option<&str> {
        std::str::from_utf8(&self.data).ok()
    }

    /// The text attribute of this name.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        match self.message().attributes.get(name) {
            Some(text) => Some(text),
            None => match self.message().typed_attributes.get(name)?.value.as_ref()? {
                v1::attribute_value::Value::Text(text) => Some(text),
                _ => None,
            },
        }
    }

    /// Its ordering key; empty if it has none.
    pub fn ordering_key(&self) -> &str {
        &self.message().ordering_key
    }

    /// Its correlation ID. Empty only if the broker has delivered what cannot be read but for its data.
    pub fn correlation_id(&self) -> &str {
        &self.message().correlation_id
    }

    /// Media type of the data; empty if the publisher did not say.
    pub fn content_type(&self) -> &str {
        &self.message().content_type
    }

    /// The message's identity: the same in every delivery, and at every subscription.
    pub fn message_id(&self) -> &str {
        &self.texts().message_id
    }

    /// The message's number in its topic: increasing, with gaps.
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// Failed attempts of this subscription so far, plus one.
    pub fn delivery_attempt(&self) -> u32 {
        self.head.delivery_attempt
    }

    /// True if it was certainly never delivered to this subscription before.
    pub fn first_delivery(&self) -> bool {
        self.head.first_delivery
    }

    /// When it was accepted.
    pub fn publish_time(&self) -> SystemTime {
        let time = self.publish_time.and_then(|time| SystemTime::try_from(time).ok());
        time.unwrap_or(SystemTime::UNIX_EPOCH)
    }

    /// The message as published, with everything that this type has no accessor for.
    pub fn message(&self) -> &v1::Message {
        self.message.get_or_init(|| Box::new(decoded(&self.bytes, &self.data)))
    }

    /// The delivery as it was on the wire.
    pub fn into_proto(self) -> v1::ReceivedMessage {
        let Texts { ack_id, message_id } = self.texts().clone();
        self.message();
        v1::ReceivedMessage {
            ack_id,
            message_id,
            delivery_attempt: self.head.delivery_attempt,
            first_delivery: self.head.first_delivery,
            sequence: self.sequence,
            publish_time: self.publish_time,
            lease_deadline: self.head.lease_deadline,
            message: self.message.into_inner().map(|message| *message),
        }
    }

    /// What settles this delivery, and no other of the same message.
    pub(crate) fn ack_id(&self) -> &str {
        &self.texts().ack_id
    }

    fn texts(&self) -> &Texts {
        let Head { subscription_uid, lease, log, .. } = self.head;
        let texts = || Texts {
            ack_id: ids::ack_id_text(subscription_uid, self.sequence, lease),
            message_id: ids::message_id_text(log, self.sequence),
        };
        self.texts.get_or_init(|| Box::new(texts()))
    }
}

/// It was checked when it was published, and its form when it came: what is left is a text that is no UTF-8.
fn decoded(bytes: &Bytes, data: &Bytes) -> v1::Message {
    v1::Message::decode(bytes.clone()).unwrap_or_else(|error| {
        tracing::error!(%error, "of a message the data alone can be read");
        v1::Message { data: data.clone(), ..v1::Message::default() }
    })
}

impl PartialEq for ReceivedMessage {
    fn eq(&self, other: &Self) -> bool {
        self.clone().into_proto() == other.clone().into_proto()
    }
}

impl From<v1::ReceivedMessage> for ReceivedMessage {
    fn from(delivery: v1::ReceivedMessage) -> Self {
        let message = delivery.message.unwrap_or_default();
        let head = Head {
            delivery_attempt: delivery.delivery_attempt,
            first_delivery: delivery.first_delivery,
            lease_deadline: delivery.lease_deadline,
            ..Head::default()
        };
        let texts = Texts { ack_id: delivery.ack_id, message_id: delivery.message_id };
        Self {
            head,
            sequence: delivery.sequence,
            publish_time: delivery.publish_time,
            data: message.data.clone(),
            bytes: Bytes::new(),
            message: Box::new(message).into(),
            texts: Box::new(texts).into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message() -> v1::Message {
        v1::Message {
            data: "data".into(),
            attributes: [("a".into(), "b".into())].into(),
            correlation_id: "c".into(),
            ordering_key: "k".into(),
            content_type: "text/plain".into(),
            ..v1::Message::default()
        }
    }

    fn wire() -> v1::ReceivedMessage {
        v1::ReceivedMessage {
            ack_id: ids::ack_id_text(1, 7, 9),
            message_id: ids::message_id_text(2, 7),
            delivery_attempt: 3,
            first_delivery: true,
            sequence: 7,
            publish_time: Some(Timestamp { seconds: 1, nanos: 2 }),
            lease_deadline: Some(Timestamp { seconds: 3, nanos: 4 }),
            message: Some(message()),
        }
    }

    fn stored(bytes: Vec<u8>) -> ReceivedMessage {
        let head = Head {
            delivery_attempt: 3,
            first_delivery: true,
            lease_deadline: wire().lease_deadline,
            lease: 9,
            subscription_uid: 1,
            log: 2,
        };
        ReceivedMessage::stored(head, 7, wire().publish_time, bytes.into(), "data".into())
    }

    #[test]
    fn one_of_a_stream_and_one_that_was_pulled_are_the_same() {
        let (streamed, pulled) = (stored(message().encode_to_vec()), ReceivedMessage::from(wire()));
        assert_eq!(streamed, pulled);
        for one in [&streamed, &pulled] {
            assert_eq!((one.text(), one.attribute("a"), one.attribute("x")), (Some("data"), Some("b"), None));
            assert_eq!(
                (one.correlation_id(), one.ordering_key(), one.content_type()),
                ("c", "k", "text/plain")
            );
            assert_eq!(
                (one.message_id(), one.ack_id()),
                (wire().message_id.as_str(), wire().ack_id.as_str())
            );
            assert_eq!(one.message(), &message());
        }
        assert_eq!(streamed.into_proto(), wire());
        assert_eq!(pulled.into_proto(), wire());
    }

    #[test]
    fn of_one_that_has_a_text_which_is_none_the_data_can_be_read() {
        let mut bytes = message().encode_to_vec();
        let place = bytes.iter().rposition(|byte| *byte == b'c').unwrap();
        bytes[place] = 0xff;
        let received = stored(bytes);
        assert_eq!((received.text(), received.correlation_id()), (Some("data"), ""));
        assert_eq!(received.message().data, "data");
    }
}
