//! What of the broker's answers is decoded at once.
//!
//! The generated types would decode every field of every message, each text into an allocation of its own, though most consumers look at the data
//! alone. So a message stays the bytes that it is; they are a part of the buffer that the transport has filled, as its data is a part of them.
//!
//! # Invariants
//!
//! - Field for field the same numbers and types as in [`v1`], less what nobody here looks at. The tests compare.
//! - Nothing is copied out of a buffer that has a message in one piece.
//! - Each message is read once, and then it is known whether it is one: later nobody could be told.

use std::ops::Range;

use bytes::{Buf, Bytes};
use fanfare_proto::v1;
use prost::encoding::{
    self, DecodeContext, WireType, check_wire_type, decode_key, decode_varint, skip_field,
};
use prost_types::Timestamp;

use super::fields::{Fields, Malformed, Value};

/// [`v1::StreamingPullResponse`].
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Answer {
    /// Of a broker that does not know of blocks.
    pub(super) messages: Vec<Bytes>,
    pub(super) ack_results: Vec<v1::SettleResult>,
    pub(super) nack_results: Vec<v1::SettleResult>,
    pub(super) extend_results: Vec<v1::ExtendResult>,
    pub(super) blocks: Vec<DeliveryBlock>,
    pub(super) acked: Vec<v1::DeliveryRange>,
    pub(super) range_results: Vec<v1::RangeResult>,
}

/// [`v1::DeliveryBlock`].
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct DeliveryBlock {
    pub(super) delivery_attempt: u32,
    pub(super) first_delivery: bool,
    pub(super) lease_deadline: Option<Timestamp>,
    pub(super) first_lease: u64,
    pub(super) subscription_uid: u64,
    pub(super) log: u64,
    pub(super) messages: Vec<StoredMessage>,
}

/// [`v1::StoredMessage`].
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct StoredMessage {
    pub(super) sequence: u64,
    pub(super) publish_time: Option<Timestamp>,
    /// An encoded [`v1::Message`].
    pub(super) message: Bytes,
    /// Of the message.
    pub(super) data: Bytes,
}

/// Reads an answer.
pub(super) fn read(mut buffer: impl Buf) -> Result<Answer, Malformed> {
    let mut answer = Answer::default();
    while buffer.has_remaining() {
        let (tag, wire_type) = decode_key(&mut buffer)?;
        if tag == 5 {
            let block = part(wire_type, &mut buffer)?;
            answer.blocks.push(read_block(block)?);
        } else {
            answer.merge(tag, wire_type, &mut buffer)?;
        }
    }
    Ok(answer)
}

/// A field that is a message.
fn part(wire_type: WireType, mut buffer: impl Buf) -> Result<impl Buf, Malformed> {
    check_wire_type(WireType::LengthDelimited, wire_type)?;
    let length = decode_varint(&mut buffer)?;
    let length = usize::try_from(length).ok().filter(|length| *length <= buffer.remaining());
    Ok(buffer.take(length.ok_or(Malformed::CutOff)?))
}

fn read_block(mut buffer: impl Buf) -> Result<DeliveryBlock, Malformed> {
    let mut block = DeliveryBlock::default();
    while buffer.has_remaining() {
        let (tag, wire_type) = decode_key(&mut buffer)?;
        if tag == 15 {
            let mut stored = part(wire_type, &mut buffer)?;
            block.messages.push(StoredMessage::read(stored.copy_to_bytes(stored.remaining()))?);
        } else {
            block.merge(tag, wire_type, &mut buffer)?;
        }
    }
    Ok(block)
}

impl Answer {
    /// All but the blocks.
    fn merge(&mut self, tag: u32, wire_type: WireType, buffer: &mut impl Buf) -> Result<(), Malformed> {
        let context = DecodeContext::default();
        match tag {
            1 => encoding::bytes::merge_repeated(wire_type, &mut self.messages, buffer, context),
            2 => encoding::message::merge_repeated(wire_type, &mut self.ack_results, buffer, context),
            3 => encoding::message::merge_repeated(wire_type, &mut self.nack_results, buffer, context),
            4 => encoding::message::merge_repeated(wire_type, &mut self.extend_results, buffer, context),
            6 => encoding::message::merge_repeated(wire_type, &mut self.acked, buffer, context),
            7 => encoding::message::merge_repeated(wire_type, &mut self.range_results, buffer, context),
            _ => skip_field(wire_type, tag, buffer, context),
        }
        .map_err(Malformed::from)
    }
}

impl DeliveryBlock {
    /// All but the messages.
    fn merge(&mut self, tag: u32, wire_type: WireType, buffer: &mut impl Buf) -> Result<(), Malformed> {
        let context = DecodeContext::default();
        match tag {
            1 => encoding::uint32::merge(wire_type, &mut self.delivery_attempt, buffer, context),
            2 => encoding::bool::merge(wire_type, &mut self.first_delivery, buffer, context),
            3 => {
                let deadline = self.lease_deadline.get_or_insert_default();
                encoding::message::merge(wire_type, deadline, buffer, context)
            }
            4 => encoding::uint64::merge(wire_type, &mut self.first_lease, buffer, context),
            5 => encoding::uint64::merge(wire_type, &mut self.subscription_uid, buffer, context),
            6 => encoding::uint64::merge(wire_type, &mut self.log, buffer, context),
            _ => skip_field(wire_type, tag, buffer, context),
        }
        .map_err(Malformed::from)
    }
}

impl StoredMessage {
    /// Reads one.
    pub(super) fn read(bytes: Bytes) -> Result<Self, Malformed> {
        let mut stored = Self::default();
        let (mut message, mut data) = (0..0, 0..0);
        let mut fields = Fields::of(&bytes, &(0..bytes.len()));
        while let Some(field) = fields.next()? {
            match field {
                (1, Value::Number(sequence)) => stored.sequence = sequence,
                (2, Value::Bytes(time)) => stored.publish_time = Some(timestamp(&bytes, &time)?),
                (15, Value::Bytes(found)) => message = found,
                (1 | 2 | 15, _) => return Err(Malformed::Field(field.0)),
                _ => {}
            }
        }
        let mut fields = Fields::of(&bytes, &message);
        while let Some(field) = fields.next()? {
            match field {
                (1, Value::Bytes(found)) => data = found,
                (1, _) => return Err(Malformed::Field(1)),
                _ => {}
            }
        }
        stored.data = bytes.slice(data);
        stored.message = cut(bytes, &message);
        Ok(stored)
    }
}

/// As `slice`, of bytes that are not needed any more.
fn cut(mut bytes: Bytes, part: &Range<usize>) -> Bytes {
    bytes.truncate(part.end);
    bytes.advance(part.start);
    bytes
}

fn timestamp(bytes: &[u8], part: &Range<usize>) -> Result<Timestamp, Malformed> {
    let mut time = Timestamp::default();
    let mut fields = Fields::of(bytes, part);
    while let Some(field) = fields.next()? {
        match field {
            (1, Value::Number(seconds)) => time.seconds = seconds.cast_signed(),
            // As every decoder does: of a number that is too large, the low bits.
            #[expect(clippy::cast_possible_truncation, reason = "see above")]
            (2, Value::Number(nanos)) => time.nanos = nanos.cast_signed() as i32,
            (1 | 2, _) => return Err(Malformed::Field(field.0)),
            _ => {}
        }
    }
    Ok(time)
}

#[cfg(test)]
mod tests {
    use prost::Message as _;

    use super::*;
    use crate::subscriber::incoming::Pieces;

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

    fn block() -> v1::DeliveryBlock {
        let stored =
            |sequence| v1::StoredMessage { sequence, publish_time: time(-2), message: Some(message()) };
        v1::DeliveryBlock {
            delivery_attempt: 3,
            first_delivery: true,
            lease_deadline: time(3),
            first_lease: 4,
            subscription_uid: 5,
            log: 6,
            messages: vec![stored(7), stored(u64::MAX)],
        }
    }

    fn usual() -> v1::StreamingPullResponse {
        let result = || v1::SettleResult { ack_id: "a".into(), outcome: 2, detail: "why".into() };
        let refused = v1::RangeResult { deliveries: Some(range(3)), outcome: 2, detail: "d".into() };
        v1::StreamingPullResponse {
            messages: vec![v1::ReceivedMessage { sequence: 9, ..Default::default() }],
            ack_results: vec![result()],
            nack_results: vec![result(), result()],
            extend_results: vec![v1::ExtendResult { ack_id: "e".into(), ..Default::default() }],
            blocks: vec![block(), block()],
            acked: vec![range(1)],
            range_results: vec![refused],
        }
    }

    /// What the generated types make of the same bytes.
    fn as_usual(answer: Answer) -> v1::StreamingPullResponse {
        let decoded = |message: &StoredMessage| v1::Message::decode(message.message.clone()).unwrap();
        let stored = |stored: StoredMessage| {
            assert_eq!(stored.data, decoded(&stored).data);
            let message = Some(decoded(&stored));
            v1::StoredMessage { sequence: stored.sequence, publish_time: stored.publish_time, message }
        };
        let block = |block: DeliveryBlock| v1::DeliveryBlock {
            delivery_attempt: block.delivery_attempt,
            first_delivery: block.first_delivery,
            lease_deadline: block.lease_deadline,
            first_lease: block.first_lease,
            subscription_uid: block.subscription_uid,
            log: block.log,
            messages: block.messages.into_iter().map(stored).collect(),
        };
        let received = |bytes: Bytes| v1::ReceivedMessage::decode(bytes).unwrap();
        v1::StreamingPullResponse {
            messages: answer.messages.into_iter().map(received).collect(),
            ack_results: answer.ack_results,
            nack_results: answer.nack_results,
            extend_results: answer.extend_results,
            blocks: answer.blocks.into_iter().map(block).collect(),
            acked: answer.acked,
            range_results: answer.range_results,
        }
    }

    #[test]
    fn an_answer_says_the_same_as_the_usual_one_wherever_its_pieces_end() {
        let bytes = Bytes::from(usual().encode_to_vec());
        assert_eq!(as_usual(read(bytes.clone()).unwrap()), usual());
        for size in 1..bytes.len() {
            let mut pieces = Pieces::default();
            (0..bytes.len())
                .step_by(size)
                .for_each(|start| pieces.push(bytes.slice(start..bytes.len().min(start + size))));
            assert_eq!(as_usual(read(&mut pieces).unwrap()), usual(), "in pieces of {size}");
        }
    }

    #[test]
    fn a_field_that_is_not_known_is_passed_over() {
        let unknown = [0xa2, 0x06, 3, 1, 2, 3, 0xa8, 0x06, 1];
        let stored = block().messages[0].encode_to_vec();
        let read = StoredMessage::read([&unknown[..], &stored].concat().into()).unwrap();
        assert_eq!((read.sequence, &*read.data), (7, &b"data"[..]));
        let answer = [&unknown[..], &usual().encode_to_vec()].concat();
        assert_eq!(as_usual(super::read(&*answer).unwrap()), usual());
    }

    #[test]
    fn data_is_a_part_of_the_answer_s_buffer() {
        // As from the stream: with the beginning of the next answer behind it, and in two frames that part between messages.
        let answer = usual().encode_to_vec();
        let length = answer.len();
        let bytes = Bytes::from([&answer[..], &[0; 9]].concat());
        let messages = block().messages.split_off(1);
        let last = v1::DeliveryBlock { messages, ..Default::default() }.encoded_len();
        let v1::StreamingPullResponse { acked, range_results, .. } = usual();
        let behind = v1::StreamingPullResponse { acked, range_results, ..Default::default() };
        let start = length - behind.encoded_len() - last;
        let (whole, parted) = (vec![bytes.clone()], vec![bytes.slice(..start), bytes.slice(start..)]);
        for frames in [whole, parted] {
            let mut pieces = Pieces::default();
            frames.into_iter().for_each(|frame| pieces.push(frame));
            let ours = read((&mut pieces).take(length)).unwrap();
            let messages: Vec<_> = ours.blocks.iter().flat_map(|block| &block.messages).collect();
            assert_eq!((messages.len(), pieces.remaining()), (4, 9));
            let is_part = |part: &Bytes| bytes.as_ptr_range().contains(&part.as_ptr());
            let copied = messages.iter().filter(|one| !is_part(&one.data) || !is_part(&one.message)).count();
            assert!(messages.iter().all(|one| one.data == "data"));
            assert_eq!(copied, 0);
        }
    }

    #[test]
    fn an_answer_that_is_cut_off_anywhere_is_none() {
        let answer = v1::StreamingPullResponse { blocks: vec![block()], ..Default::default() };
        let bytes = answer.encode_to_vec();
        (1..bytes.len()).for_each(|end| assert!(read(&bytes[..end]).is_err(), "{end}"));
    }

    #[test]
    fn a_message_that_is_cut_off_is_found_out() {
        let whole = block().messages.remove(0);
        let head = v1::StoredMessage { message: None, ..whole }.encode_to_vec();
        let message = message().encode_to_vec();
        // Cut in the middle of its last field, which is none of ours.
        let cut = &message[..message.len() - 1];
        let with = |message: &[u8]| {
            let length = [0x7a, u8::try_from(message.len()).unwrap()];
            StoredMessage::read([&head[..], &length, message].concat().into())
        };
        assert!(with(&message).is_ok());
        assert_eq!(with(cut), Err(Malformed::CutOff));
    }
}
