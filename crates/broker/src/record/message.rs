//! The layout of a message's record; the envelope of all records is in [`super`].
//!
//! What a delivery needs of it is read without copying ([`MessageHead`]); all of it is read when a log is read back.

use std::ops::Range;

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use types::{KeyHash, MessageMeta, Timestamp};

use super::{MESSAGE, Malformed, u8_of, u64_of};

const HAS_KEY: u8 = 1;
const HAS_DEDUPLICATION_ID: u8 = 2;
const HAS_DELIVER_AT: u8 = 4;
const HAS_EXPIRE_AT: u8 = 8;

/// A message as stored. The byte fields are slices of the log's own buffer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Message {
    /// How many messages the topic had accepted before it.
    pub(crate) ordinal: u64,
    pub(crate) deliver_at: Timestamp,
    pub(crate) expire_at: Option<Timestamp>,
    pub(crate) key: Option<KeyHash>,
    pub(crate) deduplication_id: Option<Bytes>,
    pub(crate) correlation_id: Bytes,
    pub(crate) payload: Bytes,
}

/// Bytes that a message record takes beyond its payload and its texts, at most.
pub(crate) const MESSAGE_OVERHEAD: usize = 64;

pub(crate) fn write_message(out: &mut BytesMut, ordinal: u64, meta: &MessageMeta, payload: &[u8]) {
    let delayed = meta.deliver_at > Timestamp::EPOCH;
    let flag = |set: bool, flag: u8| if set { flag } else { 0 };
    out.put_u8(MESSAGE);
    out.put_u8(
        flag(meta.ordering_key.is_some(), HAS_KEY)
            | flag(meta.deduplication_id.is_some(), HAS_DEDUPLICATION_ID)
            | flag(delayed, HAS_DELIVER_AT)
            | flag(meta.expire_at.is_some(), HAS_EXPIRE_AT),
    );
    out.put_u64_le(ordinal);
    if delayed {
        out.put_u64_le(meta.deliver_at.as_micros());
    }
    if let Some(at) = meta.expire_at {
        out.put_u64_le(at.as_micros());
    }
    put_short(out, &meta.correlation_id);
    if let Some(key) = &meta.ordering_key {
        out.put_u16_le(u16::try_from(key.len()).expect("an ordering key is within its limit"));
        out.put_slice(key.as_bytes());
    }
    if let Some(id) = &meta.deduplication_id {
        put_short(out, id);
    }
    out.put_slice(payload);
}

impl Message {
    /// Of a record that holds one.
    pub(super) fn read(record: &Bytes) -> Result<Self, Malformed> {
        let head = MessageHead::read(record)?.ok_or_else(|| Malformed("it is no message".into()))?;
        Ok(Self {
            ordinal: head.ordinal,
            deliver_at: head.deliver_at,
            expire_at: head.expire_at,
            key: head.key,
            deduplication_id: head.deduplication_id.map(|id| record.slice(id)),
            correlation_id: record.slice(head.correlation_id),
            payload: record.slice(head.payload..),
        })
    }
}

/// What a message record says before its payload; ranges are of the record's bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MessageHead {
    pub(crate) ordinal: u64,
    pub(crate) deliver_at: Timestamp,
    pub(crate) expire_at: Option<Timestamp>,
    pub(crate) key: Option<KeyHash>,
    deduplication_id: Option<Range<usize>>,
    correlation_id: Range<usize>,
    /// From here to the end of the record.
    pub(crate) payload: usize,
}

impl MessageHead {
    /// Of a record that holds a message; none of others. Nothing is copied.
    pub(crate) fn read(record: &[u8]) -> Result<Option<Self>, Malformed> {
        let mut rest = record;
        if record.first() != Some(&MESSAGE) {
            return Ok(None);
        }
        rest.advance(1);
        let flags = u8_of(&mut rest)?;
        let ordinal = u64_of(&mut rest)?;
        let deliver_at = if flags & HAS_DELIVER_AT != 0 { u64_of(&mut rest)? } else { 0 };
        let expire_at = if flags & HAS_EXPIRE_AT != 0 { Some(u64_of(&mut rest)?) } else { None };
        let correlation_id = short_of(&mut rest, record)?;
        let key = if flags & HAS_KEY != 0 {
            let length = usize::from(u8_of(&mut rest)?) | usize::from(u8_of(&mut rest)?) << 8;
            let key = std::str::from_utf8(&record[take(&mut rest, record, length)?]);
            Some(KeyHash::of(key.map_err(|_| Malformed("an ordering key that is not text".into()))?))
        } else {
            None
        };
        let has_id = flags & HAS_DEDUPLICATION_ID != 0;
        let deduplication_id = if has_id { Some(short_of(&mut rest, record)?) } else { None };
        Ok(Some(Self {
            ordinal,
            deliver_at: Timestamp::from_micros(deliver_at),
            expire_at: expire_at.map(Timestamp::from_micros),
            key,
            deduplication_id,
            correlation_id,
            payload: record.len() - rest.len(),
        }))
    }
}

fn put_short(out: &mut BytesMut, text: &str) {
    out.put_u8(u8::try_from(text.len()).expect("the text is within its limit"));
    out.put_slice(text.as_bytes());
}

/// Where in the record what comes next is; `rest` is its end.
fn take(rest: &mut &[u8], record: &[u8], length: usize) -> Result<Range<usize>, Malformed> {
    if rest.len() < length {
        return Err(Malformed(format!("{length} bytes expected, {} left", rest.len())));
    }
    let start = record.len() - rest.len();
    rest.advance(length);
    Ok(start..start + length)
}

fn short_of(rest: &mut &[u8], record: &[u8]) -> Result<Range<usize>, Malformed> {
    let length = u8_of(rest)?;
    take(rest, record, usize::from(length))
}
