//! What of the broker's answers is decoded at once, and with what they are read.
//!
//! The generated types would decode every field of every message, each text into an allocation of its own, though most consumers look at the data
//! alone. So a message stays the bytes that it is; they are a part of the answer's buffer, as its data is a part of them.
//!
//! # Invariants
//!
//! - Field for field the same numbers and types as in [`v1`], less what nobody here looks at. The tests compare.
//! - Nothing is copied out of the buffer that the transport has filled.

use bytes::{Buf as _, Bytes};
use fanfare_proto::v1;
use prost::Message as _;
use prost_types::Timestamp;
use tonic::{
    Status,
    codec::{DecodeBuf, Decoder},
};
use tonic_prost::ProstEncoder;

/// [`v1::StreamingPullResponse`].
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Answer {
    /// Of a broker that does not know of blocks.
    #[prost(bytes = "bytes", repeated, tag = "1")]
    pub(super) messages: Vec<Bytes>,
    #[prost(message, repeated, tag = "2")]
    pub(super) ack_results: Vec<v1::SettleResult>,
    #[prost(message, repeated, tag = "3")]
    pub(super) nack_results: Vec<v1::SettleResult>,
    #[prost(message, repeated, tag = "4")]
    pub(super) extend_results: Vec<v1::ExtendResult>,
    #[prost(message, repeated, tag = "5")]
    pub(super) blocks: Vec<DeliveryBlock>,
    #[prost(message, repeated, tag = "6")]
    pub(super) acked: Vec<v1::DeliveryRange>,
    #[prost(message, repeated, tag = "7")]
    pub(super) range_results: Vec<v1::RangeResult>,
}

/// [`v1::DeliveryBlock`].
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct DeliveryBlock {
    #[prost(uint32, tag = "1")]
    pub(super) delivery_attempt: u32,
    #[prost(bool, tag = "2")]
    pub(super) first_delivery: bool,
    #[prost(message, optional, tag = "3")]
    pub(super) lease_deadline: Option<Timestamp>,
    #[prost(uint64, tag = "4")]
    pub(super) first_lease: u64,
    #[prost(uint64, tag = "5")]
    pub(super) subscription_uid: u64,
    #[prost(uint64, tag = "6")]
    pub(super) log: u64,
    #[prost(message, repeated, tag = "15")]
    pub(super) messages: Vec<StoredMessage>,
}

/// [`v1::StoredMessage`].
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct StoredMessage {
    #[prost(uint64, tag = "1")]
    pub(super) sequence: u64,
    #[prost(message, optional, tag = "2")]
    pub(super) publish_time: Option<Timestamp>,
    /// An encoded [`v1::Message`].
    #[prost(bytes = "bytes", tag = "15")]
    pub(super) message: Bytes,
}

/// Of a [`v1::Message`].
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Content {
    #[prost(bytes = "bytes", tag = "1")]
    pub(super) data: Bytes,
}

/// Reads answers.
#[derive(Debug, Default)]
pub(super) struct Codec;

impl tonic::codec::Codec for Codec {
    type Encode = v1::StreamingPullRequest;
    type Decode = Answer;
    type Encoder = ProstEncoder<v1::StreamingPullRequest>;
    type Decoder = Self;

    fn encoder(&mut self) -> Self::Encoder {
        ProstEncoder::default()
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Decoder for Codec {
    type Item = Answer;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Answer>, Status> {
        let bytes = buffer.copy_to_bytes(buffer.remaining());
        // As tonic-prost says it.
        Answer::decode(bytes).map(Some).map_err(|error| Status::internal(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(seconds: i64) -> Option<Timestamp> {
        Some(Timestamp { seconds, nanos: 5 })
    }

    fn range(first: u64) -> v1::DeliveryRange {
        v1::DeliveryRange { first, last: first + 1 }
    }

    fn message() -> v1::Message {
        v1::Message {
            data: "data".into(),
            correlation_id: "c".into(),
            deliver_at: time(9),
            ..Default::default()
        }
    }

    fn usual() -> v1::StreamingPullResponse {
        let stored =
            |sequence| v1::StoredMessage { sequence, publish_time: time(2), message: Some(message()) };
        let block = v1::DeliveryBlock {
            delivery_attempt: 3,
            first_delivery: true,
            lease_deadline: time(3),
            first_lease: 4,
            subscription_uid: 5,
            log: 6,
            messages: vec![stored(7), stored(8)],
        };
        let result = || v1::SettleResult { ack_id: "a".into(), outcome: 2, detail: "why".into() };
        v1::StreamingPullResponse {
            messages: vec![],
            ack_results: vec![result()],
            nack_results: vec![result(), result()],
            extend_results: vec![v1::ExtendResult { ack_id: "e".into(), ..Default::default() }],
            blocks: vec![block.clone(), block],
            acked: vec![range(1)],
            range_results: vec![v1::RangeResult {
                deliveries: Some(range(3)),
                outcome: 2,
                detail: "d".into(),
            }],
        }
    }

    #[test]
    fn an_answer_has_the_same_bytes_as_the_usual_one() {
        let bytes = Bytes::from(usual().encode_to_vec());
        let ours = Answer::decode(bytes.clone()).unwrap();
        assert_eq!(ours.blocks[1].messages[1].sequence, 8);
        assert_eq!(ours.encode_to_vec(), bytes);
    }

    #[test]
    fn data_is_a_part_of_the_answer_s_buffer() {
        let bytes = Bytes::from(usual().encode_to_vec());
        let ours = Answer::decode(bytes.clone()).unwrap();
        let data = Content::decode(ours.blocks[0].messages[0].message.clone()).unwrap().data;
        assert_eq!(data, "data");
        assert!(bytes.as_ptr_range().contains(&data.as_ptr()), "it was copied");
    }

    #[test]
    fn a_message_that_is_cut_off_is_found_out() {
        let bytes = message().encode_to_vec();
        // Cut in the middle of its last field, which is none of ours.
        assert!(Content::decode(&bytes[..bytes.len() - 1]).is_err());
    }
}
