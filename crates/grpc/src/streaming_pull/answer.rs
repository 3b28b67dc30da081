//! Answers as they go on the wire: in pieces, of which the large ones are the stored bytes themselves, shared by all who receive them.
//!
//! # Invariants
//!
//! - All pieces of an answer, one after the other, are one gRPC message: its five bytes in front and a `StreamingPullResponse`.
//! - A small piece is copied to what is before it: the transport writes each piece in a frame of its own, which costs as much as
//!   copying [`COPIED_BELOW`].

use broker::{Delivery, DeliveryBlock};
use bytes::{BufMut as _, Bytes, BytesMut};
use fanfare_proto::v1;
use prost::{
    Message,
    encoding::{WireType, encode_key, encode_varint, encoded_len_varint},
};
use types::{AckId, LogId, MessageId, SubscriptionUid, limits};

use crate::convert::time;

/// What is smaller is copied.
const COPIED_BELOW: usize = 16 << 10;

/// The tag of `messages`,
const MESSAGES: u32 = 1;
/// and that of `blocks`.
const BLOCKS: u32 = 5;
/// The tag of a `ReceivedMessage`'s `message`.
const MESSAGE: u32 = 15;

/// Results in one answer, at most. Each takes 100 bytes at most, so an answer stays below 1 MiB; and those of a request's ack IDs are
/// in one answer.
const RESULTS: usize = limits::ACK_IDS;

/// One gRPC message.
pub(crate) type Pieces = Vec<Bytes>;

/// Results.
pub(crate) fn results(results: &v1::StreamingPullResponse) -> Pieces {
    let length = results.encoded_len();
    let mut writer = Writer::new(length, length);
    results.encode_raw(&mut writer.small);
    writer.finish()
}

/// Cuts results into answers of at most [`RESULTS`]. Those of ack IDs come first.
pub(crate) fn cut(mut all: v1::StreamingPullResponse) -> Vec<v1::StreamingPullResponse> {
    let mut answers = Vec::new();
    loop {
        let mut room = RESULTS;
        answers.push(v1::StreamingPullResponse {
            ack_results: take(&mut all.ack_results, &mut room),
            nack_results: take(&mut all.nack_results, &mut room),
            extend_results: take(&mut all.extend_results, &mut room),
            acked: take(&mut all.acked, &mut room),
            range_results: take(&mut all.range_results, &mut room),
            ..v1::StreamingPullResponse::default()
        });
        if room > 0 || all.encoded_len() == 0 {
            return answers;
        }
    }
}

/// The first of them, as many as there is room for.
fn take<T>(from: &mut Vec<T>, room: &mut usize) -> Vec<T> {
    let rest = from.split_off(from.len().min(*room));
    *room -= from.len();
    std::mem::replace(from, rest)
}

/// Deliveries in blocks.
pub(crate) fn blocks(blocks: Vec<DeliveryBlock>, uid: SubscriptionUid, log: LogId) -> Pieces {
    let heads: Vec<_> = blocks.iter().map(|block| head(block, uid, log)).collect();
    let wrapped = |block: &DeliveryBlock| block.wrapped.iter().map(Bytes::len).sum::<usize>();
    let sizes: Vec<_> =
        heads.iter().zip(&blocks).map(|(head, block)| head.encoded_len() + wrapped(block)).collect();
    let length = sizes.iter().map(|size| field(*size)).sum();
    let small =
        blocks.iter().flat_map(|block| &block.wrapped).map(Bytes::len).filter(|size| *size < COPIED_BELOW);
    let mut writer = Writer::new(length, small.sum::<usize>() + 64 * blocks.len());
    for ((block, head), size) in blocks.into_iter().zip(heads).zip(sizes) {
        writer.begin(BLOCKS, size);
        head.encode_raw(&mut writer.small);
        block.wrapped.into_iter().for_each(|piece| writer.put(piece));
    }
    writer.finish()
}

/// All of a block but its messages.
fn head(block: &DeliveryBlock, uid: SubscriptionUid, log: LogId) -> v1::DeliveryBlock {
    v1::DeliveryBlock {
        delivery_attempt: block.attempt,
        first_delivery: block.first_delivery,
        lease_deadline: Some(time::to_proto_timestamp(block.deadline)),
        first_lease: block.first_lease.0,
        subscription_uid: uid.0,
        log: log.0,
        messages: Vec::new(),
    }
}

/// Deliveries one by one.
pub(crate) fn messages(deliveries: Vec<Delivery>) -> Pieces {
    let rests: Vec<_> = deliveries.iter().map(rest).collect();
    let size = |(delivery, rest): (&Delivery, &v1::ReceivedMessage)| {
        let ids = field(AckId::CHARS) + field(MessageId::CHARS);
        ids + rest.encoded_len() + field(delivery.payload.len())
    };
    let sizes: Vec<_> = deliveries.iter().zip(&rests).map(size).collect();
    let length = sizes.iter().map(|size| field(*size)).sum();
    let large = deliveries.iter().map(|delivery| delivery.payload.len()).filter(|size| *size >= COPIED_BELOW);
    let mut writer = Writer::new(length, length - large.sum::<usize>());
    for ((delivery, rest), size) in deliveries.into_iter().zip(rests).zip(sizes) {
        writer.begin(MESSAGES, size);
        writer.text(1, &delivery.ack_id.ascii());
        writer.text(4, &delivery.message_id.ascii());
        rest.encode_raw(&mut writer.small);
        writer.begin(MESSAGE, delivery.payload.len());
        writer.put(delivery.payload);
    }
    writer.finish()
}

/// All of a delivery but its texts and its message.
fn rest(delivery: &Delivery) -> v1::ReceivedMessage {
    v1::ReceivedMessage {
        delivery_attempt: delivery.attempt,
        first_delivery: delivery.first_delivery,
        sequence: delivery.message_id.sequence,
        publish_time: Some(time::to_proto_timestamp(delivery.published_at)),
        lease_deadline: Some(time::to_proto_timestamp(delivery.deadline)),
        ..v1::ReceivedMessage::default()
    }
}

/// Bytes of a field of that length with a tag below 16.
fn field(length: usize) -> usize {
    1 + encoded_len_varint(length as u64) + length
}

/// An answer under way.
struct Writer {
    pieces: Pieces,
    small: BytesMut,
}

impl Writer {
    /// For a message of that length, of which about so much is small.
    fn new(length: usize, small: usize) -> Self {
        let mut small = BytesMut::with_capacity(5 + small);
        small.put_u8(0);
        small.put_u32(u32::try_from(length).expect("a frame is some MiB at the most"));
        Self { pieces: Vec::new(), small }
    }

    /// A field of that length, which is to follow.
    fn begin(&mut self, tag: u32, length: usize) {
        encode_key(tag, WireType::LengthDelimited, &mut self.small);
        encode_varint(length as u64, &mut self.small);
    }

    fn text(&mut self, tag: u32, text: &[u8]) {
        self.begin(tag, text.len());
        self.small.put_slice(text);
    }

    fn put(&mut self, piece: Bytes) {
        if piece.len() < COPIED_BELOW {
            return self.small.put_slice(&piece);
        }
        self.flush();
        self.pieces.push(piece);
    }

    fn flush(&mut self) {
        if !self.small.is_empty() {
            self.pieces.push(self.small.split().freeze());
        }
    }

    fn finish(mut self) -> Pieces {
        self.flush();
        self.pieces
    }
}

#[cfg(test)]
mod tests {
    use broker::{LeaseError, ReadContent as _};
    use fanfare_proto::ids;
    use types::{LeaseId, Timestamp};

    use super::*;
    use crate::{StoredMessages, convert::delivery};

    fn stored(bytes: usize) -> v1::Message {
        v1::Message { data: vec![7; bytes].into(), correlation_id: "c".into(), ..v1::Message::default() }
    }

    fn delivery(number: u64, bytes: usize) -> Delivery {
        Delivery {
            ack_id: AckId { subscription: SubscriptionUid(1), sequence: number, lease: LeaseId(number + 10) },
            message_id: MessageId { log: LogId(2), sequence: number },
            published_at: Timestamp::from_millis(1_234),
            deadline: Timestamp::from_millis(60_000),
            attempt: 1,
            first_delivery: true,
            payload: stored(bytes).encode_to_vec().into(),
        }
    }

    fn block(deliveries: &[Delivery]) -> DeliveryBlock {
        let wrap = |delivery: &Delivery| {
            let mut bytes = Vec::new();
            StoredMessages.wrap(
                delivery.message_id.sequence,
                delivery.published_at,
                &delivery.payload,
                &mut bytes,
            );
            bytes.into()
        };
        DeliveryBlock {
            first_lease: deliveries[0].ack_id.lease,
            deadline: deliveries[0].deadline,
            attempt: 1,
            first_delivery: true,
            messages: deliveries.iter().map(|delivery| (delivery.message_id.sequence, 0)).collect(),
            wrapped: deliveries.iter().map(wrap).collect(),
        }
    }

    fn decoded(pieces: &[Bytes]) -> v1::StreamingPullResponse {
        let bytes = pieces.concat();
        assert_eq!(bytes[..5], [&[0][..], &u32::try_from(bytes.len() - 5).unwrap().to_be_bytes()].concat());
        v1::StreamingPullResponse::decode(&bytes[5..]).unwrap()
    }

    /// What a client makes of a block.
    fn received(block: &v1::DeliveryBlock) -> Vec<v1::ReceivedMessage> {
        let one = |(lease, stored): (u64, &v1::StoredMessage)| v1::ReceivedMessage {
            ack_id: ids::ack_id_text(block.subscription_uid, stored.sequence, lease),
            delivery_attempt: block.delivery_attempt,
            first_delivery: block.first_delivery,
            message_id: ids::message_id_text(block.log, stored.sequence),
            sequence: stored.sequence,
            publish_time: stored.publish_time,
            lease_deadline: block.lease_deadline,
            message: stored.message.clone(),
        };
        (block.first_lease..).zip(&block.messages).map(one).collect()
    }

    #[test]
    fn blocks_and_messages_say_the_same_and_what_a_pull_says() {
        let deliveries: Vec<_> = [0, 1, 300, COPIED_BELOW, 100_000, 5]
            .iter()
            .zip(1..)
            .map(|(bytes, number)| delivery(number, *bytes))
            .collect();
        let usual = fanfare_proto::encoded::PullResponse {
            messages: deliveries.iter().cloned().map(delivery::to_proto).collect(),
        };
        let usual = v1::PullResponse::decode(&*usual.encode_to_vec()).unwrap().messages;
        let (some, others) = deliveries.split_at(4);
        let in_blocks = decoded(&blocks(vec![block(some), block(others)], SubscriptionUid(1), LogId(2)));
        assert_eq!(in_blocks.blocks.iter().flat_map(received).collect::<Vec<_>>(), usual);
        assert_eq!(decoded(&messages(deliveries)).messages, usual);
    }

    #[test]
    fn what_is_large_goes_out_as_it_is_and_what_is_small_together() {
        let large = delivery(3, COPIED_BELOW);
        let deliveries = vec![delivery(1, 10), delivery(2, 10), large.clone(), delivery(4, 10)];
        let pieces = messages(deliveries.clone());
        assert_eq!(pieces.len(), 3);
        assert_eq!(pieces[1].as_ptr(), large.payload.as_ptr());
        let block = block(&deliveries);
        let wrapped = block.wrapped[2].as_ptr();
        let pieces = blocks(vec![block], SubscriptionUid(1), LogId(2));
        assert_eq!((pieces.len(), pieces[1].as_ptr()), (3, wrapped));
    }

    #[test]
    fn the_longest_results_are_cut_into_answers_below_1_mib_in_their_order() {
        let lease_deadline = Some(time::to_proto_timestamp(Timestamp::MAX));
        let (ack_id, detail) = ("x".repeat(32), LeaseError::FencedBySeek.to_string());
        let outcome = v1::LeaseOutcome::FencedBySeek.into();
        let extended = v1::ExtendResult { ack_id, outcome, detail: detail.clone(), lease_deadline };
        let range = |number: u64| v1::DeliveryRange { first: u64::MAX - number, last: u64::MAX - number };
        let refused =
            |number| v1::RangeResult { deliveries: Some(range(number)), outcome, detail: detail.clone() };
        let all = v1::StreamingPullResponse {
            extend_results: vec![extended; RESULTS],
            acked: (0..RESULTS as u64 + 1).map(range).collect(),
            range_results: (0..RESULTS as u64).map(refused).collect(),
            ..v1::StreamingPullResponse::default()
        };
        let answers = cut(all.clone());
        assert_eq!(answers.len(), 4);
        let mut together = v1::StreamingPullResponse::default();
        for answer in answers {
            assert!(answer.encoded_len() < 1 << 20, "{}", answer.encoded_len());
            together.merge(&*answer.encode_to_vec()).unwrap();
        }
        assert_eq!(together, all);
        assert_eq!(cut(v1::StreamingPullResponse::default()).len(), 1);
    }

    #[test]
    fn results_are_one_piece() {
        let answer = v1::StreamingPullResponse {
            acked: vec![v1::DeliveryRange { first: 1, last: 1_000 }],
            ..v1::StreamingPullResponse::default()
        };
        let pieces = results(&answer);
        assert_eq!((pieces.len(), decoded(&pieces)), (1, answer));
    }
}
