//! Answers that hold stored messages as bytes.
//!
//! A message is encoded once, when it is accepted. The generated types would decode it for every delivery, only for
//! tonic to encode it again; these keep the bytes and have the same form on the wire.
//!
//! # Invariants
//!
//! - Field for field the same tags and types as in [`crate::v1`], except that a message is `bytes`, which the wire
//!   cannot tell from a message. The test below compares the bytes.
//! - A message is never empty: it has a correlation ID. (Empty `bytes` would be left out, an empty message would not.)

use bytes::Bytes;
use prost_types::Timestamp;

use crate::v1::{DeliveryRange, ExtendResult, RangeResult, SettleResult};

/// [`crate::v1::ReceivedMessage`].
#[derive(Clone, PartialEq, prost::Message)]
pub struct ReceivedMessage {
    /// Settles the delivery.
    #[prost(string, tag = "1")]
    pub ack_id: String,
    /// Failed attempts, plus one.
    #[prost(uint32, tag = "2")]
    pub delivery_attempt: u32,
    /// Certainly never delivered before.
    #[prost(bool, tag = "3")]
    pub first_delivery: bool,
    /// The message's identity.
    #[prost(string, tag = "4")]
    pub message_id: String,
    /// Its number in the topic.
    #[prost(uint64, tag = "5")]
    pub sequence: u64,
    /// When it was accepted.
    #[prost(message, optional, tag = "6")]
    pub publish_time: Option<Timestamp>,
    /// When the lease ends.
    #[prost(message, optional, tag = "7")]
    pub lease_deadline: Option<Timestamp>,
    /// An encoded [`crate::v1::Message`].
    #[prost(bytes = "bytes", tag = "15")]
    pub message: Bytes,
}

/// [`crate::v1::PullResponse`].
#[derive(Clone, PartialEq, prost::Message)]
pub struct PullResponse {
    /// Each under a lease.
    #[prost(message, repeated, tag = "1")]
    pub messages: Vec<ReceivedMessage>,
}

/// [`crate::v1::StreamingPullResponse`].
#[derive(Clone, PartialEq, prost::Message)]
pub struct StreamingPullResponse {
    /// Each under a lease.
    #[prost(message, repeated, tag = "1")]
    pub messages: Vec<ReceivedMessage>,
    /// One for each of a request's `acks`.
    #[prost(message, repeated, tag = "2")]
    pub ack_results: Vec<SettleResult>,
    /// One for each ack ID of a request's `nacks`.
    #[prost(message, repeated, tag = "3")]
    pub nack_results: Vec<SettleResult>,
    /// One for each ack ID of a request's `extensions`.
    #[prost(message, repeated, tag = "4")]
    pub extend_results: Vec<ExtendResult>,
    /// Each under a lease.
    #[prost(message, repeated, tag = "5")]
    pub blocks: Vec<crate::v1::DeliveryBlock>,
    /// Acknowledged durably.
    #[prost(message, repeated, tag = "6")]
    pub acked: Vec<DeliveryRange>,
    /// Not acknowledged.
    #[prost(message, repeated, tag = "7")]
    pub range_results: Vec<RangeResult>,
}

/// [`crate::push::v1::PushedMessage`].
#[derive(Clone, PartialEq, prost::Message)]
pub struct PushedMessage {
    /// The message's identity.
    #[prost(string, tag = "1")]
    pub message_id: String,
    /// Failed attempts, plus one.
    #[prost(uint32, tag = "2")]
    pub delivery_attempt: u32,
    /// Its number in the topic.
    #[prost(uint64, tag = "3")]
    pub sequence: u64,
    /// When it was accepted.
    #[prost(message, optional, tag = "4")]
    pub publish_time: Option<Timestamp>,
    /// An encoded [`crate::v1::Message`].
    #[prost(bytes = "bytes", tag = "15")]
    pub message: Bytes,
}

/// [`crate::push::v1::DeliverRequest`].
#[derive(Clone, PartialEq, prost::Message)]
pub struct DeliverRequest {
    /// Full name of the subscription.
    #[prost(string, tag = "1")]
    pub subscription: String,
    /// In the order of their sequences.
    #[prost(message, repeated, tag = "2")]
    pub messages: Vec<PushedMessage>,
}

#[cfg(test)]
mod tests {
    use prost::Message as _;

    use super::*;
    use crate::{
        push,
        v1::{self, attribute_value::Value::Number},
    };

    fn stored() -> v1::Message {
        v1::Message {
            data: Bytes::from_static(b"hello"),
            attributes: [("kind".into(), "order".into())].into(),
            typed_attributes: [("price".into(), v1::AttributeValue { value: Some(Number(0.0)) })].into(),
            ordering_key: "customer-1".into(),
            correlation_id: "c-1".into(),
            expire_at: Some(Timestamp { seconds: 9, nanos: 10 }),
            ..v1::Message::default()
        }
    }

    fn received() -> v1::ReceivedMessage {
        v1::ReceivedMessage {
            ack_id: "ack".into(),
            delivery_attempt: 3,
            first_delivery: true,
            message_id: "id".into(),
            sequence: 1 << 40,
            publish_time: Some(Timestamp { seconds: 1, nanos: 2 }),
            lease_deadline: Some(Timestamp { seconds: 3, nanos: 4 }),
            message: Some(stored()),
        }
    }

    fn encoded(message: v1::ReceivedMessage) -> ReceivedMessage {
        ReceivedMessage {
            ack_id: message.ack_id,
            delivery_attempt: message.delivery_attempt,
            first_delivery: message.first_delivery,
            message_id: message.message_id,
            sequence: message.sequence,
            publish_time: message.publish_time,
            lease_deadline: message.lease_deadline,
            message: message.message.unwrap_or_default().encode_to_vec().into(),
        }
    }

    #[test]
    fn a_pull_answer_has_the_same_bytes_either_way() {
        let usual = v1::PullResponse { messages: vec![received(), received()] };
        let ours = PullResponse { messages: vec![encoded(received()), encoded(received())] };
        assert_eq!(ours.encode_to_vec(), usual.encode_to_vec());
    }

    #[test]
    fn a_streamed_answer_has_the_same_bytes_either_way() {
        let settled = || v1::SettleResult { ack_id: "ack".into(), outcome: 2, detail: "why".into() };
        let extended = || v1::ExtendResult {
            ack_id: "ack".into(),
            outcome: 1,
            lease_deadline: Some(Timestamp { seconds: 5, nanos: 6 }),
            ..v1::ExtendResult::default()
        };
        let usual = v1::StreamingPullResponse {
            messages: vec![received()],
            ack_results: vec![settled()],
            nack_results: vec![settled(), settled()],
            extend_results: vec![extended()],
        };
        let ours = StreamingPullResponse {
            messages: vec![encoded(received())],
            ack_results: vec![settled()],
            nack_results: vec![settled(), settled()],
            extend_results: vec![extended()],
        };
        assert_eq!(ours.encode_to_vec(), usual.encode_to_vec());
    }

    #[test]
    fn a_pushed_batch_has_the_same_bytes_either_way() {
        let usual = || push::v1::PushedMessage {
            message_id: "id".into(),
            delivery_attempt: 3,
            sequence: 1 << 40,
            publish_time: Some(Timestamp { seconds: 1, nanos: 2 }),
            message: Some(stored()),
        };
        let ours = || PushedMessage {
            message_id: "id".into(),
            delivery_attempt: 3,
            sequence: 1 << 40,
            publish_time: Some(Timestamp { seconds: 1, nanos: 2 }),
            message: stored().encode_to_vec().into(),
        };
        let usual = push::v1::DeliverRequest { subscription: "s".into(), messages: vec![usual(), usual()] };
        let ours = DeliverRequest { subscription: "s".into(), messages: vec![ours(), ours()] };
        assert_eq!(ours.encode_to_vec(), usual.encode_to_vec());
    }

    #[test]
    fn the_message_comes_last_on_the_wire() {
        let bytes = received().encode_to_vec();
        assert!(bytes.ends_with(&stored().encode_to_vec()));
    }

    #[test]
    fn the_descriptors_name_every_service() {
        let set = prost_types::FileDescriptorSet::decode(crate::FILE_DESCRIPTOR_SET).unwrap();
        let ours = set.file.iter().filter(|file| file.package() == "fanfare.v1");
        let mut names: Vec<_> = ours.flat_map(|file| &file.service).map(|service| service.name()).collect();
        names.sort_unstable();
        assert_eq!(
            names,
            [
                "AdminService",
                "PublisherService",
                "PushService",
                "SubscriberService",
                "SubscriptionService",
                "TopicService"
            ]
        );
    }
}
