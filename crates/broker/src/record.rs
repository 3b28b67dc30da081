//! The records of a topic's log; docs/STORAGE_FORMAT.md, "Records", is about how they may grow.
//!
//! ```text
//! message:      1 | flags u8 | ordinal u64 | [deliver_at u64] [expire_at u64]
//!                 | correlation (u8 length) | [key (u16 length)] [deduplication ID (u8 length)] | payload
//! carried:      2 | sequence u64 | published_at u64 | a whole message record
//! topic:        3 | TopicEvent as JSON
//! subscription: 4 | SubscriptionEvent as JSON
//! queue:        5 | subscription u64 | ordinal u64 | queue::Record as postcard
//! attempt:      6 | subscription u64 | sequence u64 | types::push::Attempt as postcard
//! ```
//!
//! Integers are little-endian, times in microseconds since the Unix epoch. Rare records are JSON so that settings can grow fields;
//! frequent ones are compact.

use std::ops::Range;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use serde::{Deserialize, Serialize};
use types::{
    KeyHash, MessageMeta, Sequence, SubscriptionName, SubscriptionSettings, SubscriptionUid, Timestamp,
    TopicSettings,
    push::{Attempt, EndpointStatus},
};

use crate::BacklogAction;

const MESSAGE: u8 = 1;
const CARRIED: u8 = 2;
const TOPIC: u8 = 3;
const SUBSCRIPTION: u8 = 4;
const QUEUE: u8 = 5;
const ATTEMPT: u8 = 6;

const HAS_KEY: u8 = 1;
const HAS_DEDUPLICATION_ID: u8 = 2;
const HAS_DELIVER_AT: u8 = 4;
const HAS_EXPIRE_AT: u8 = 8;

/// A record as it was read.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Record {
    Message(Message),
    Carried {
        sequence: Sequence,
        published_at: Timestamp,
        message: Message,
    },
    Topic(TopicEvent),
    Subscription(SubscriptionEvent),
    Queue {
        uid: SubscriptionUid,
        ordinal: u64,
        record: queue::Record,
    },
    /// What happened when a message was pushed; what it led to is a queue's record.
    Attempt {
        uid: SubscriptionUid,
        sequence: Sequence,
        attempt: Attempt,
    },
}

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

/// A change of the topic itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum TopicEvent {
    Updated { settings: TopicSettings },
}

/// A change of a subscription that is not its queue's business. A subscription's identifier follows from the position of
/// the record that created it, so `Created` does not carry one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum SubscriptionEvent {
    Created {
        name: SubscriptionName,
        settings: SubscriptionSettings,
        created_at: Timestamp,
        start: Option<Start>,
    },
    Updated {
        uid: SubscriptionUid,
        settings: SubscriptionSettings,
        /// If the filter policy changes: what becomes of what is not settled.
        #[serde(default)]
        backlog: BacklogAction,
        /// Messages that the topic had accepted by then.
        #[serde(default)]
        published: u64,
    },
    Deleted {
        uid: SubscriptionUid,
    },
    /// Its push endpoint: what a change of settings does to it is not recorded, it follows from that.
    Endpoint {
        uid: SubscriptionUid,
        status: EndpointStatus,
    },
}

/// Where a subscription starts; none is "with the record after its creation".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Start {
    pub(crate) cursor: Sequence,
    pub(crate) ordinal: u64,
}

/// Bytes that are no record this release knows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a record: {0}")]
pub(crate) struct Malformed(pub(crate) String);

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

/// `record` is a whole message record.
pub(crate) fn write_carried(out: &mut BytesMut, sequence: Sequence, published_at: Timestamp, record: &[u8]) {
    out.put_u8(CARRIED);
    out.put_u64_le(sequence);
    out.put_u64_le(published_at.as_micros());
    out.put_slice(record);
}

pub(crate) fn write_topic(out: &mut BytesMut, event: &TopicEvent) {
    out.put_u8(TOPIC);
    write_json(out, event);
}

pub(crate) fn write_subscription(out: &mut BytesMut, event: &SubscriptionEvent) {
    out.put_u8(SUBSCRIPTION);
    write_json(out, event);
}

/// `ordinal` goes with the cursor after this record; it matters only for records that move the cursor.
pub(crate) fn write_queue(out: &mut BytesMut, uid: SubscriptionUid, ordinal: u64, record: &queue::Record) {
    out.put_u8(QUEUE);
    out.put_u64_le(uid.0);
    out.put_u64_le(ordinal);
    write_postcard(out, record);
}

pub(crate) fn write_attempt(out: &mut BytesMut, uid: SubscriptionUid, sequence: Sequence, attempt: &Attempt) {
    out.put_u8(ATTEMPT);
    out.put_u64_le(uid.0);
    out.put_u64_le(sequence);
    write_postcard(out, attempt);
}

impl Record {
    /// Reads a record.
    pub(crate) fn read(bytes: &Bytes) -> Result<Self, Malformed> {
        let mut rest = bytes.clone();
        match u8_of(&mut rest)? {
            MESSAGE => Ok(Self::Message(read_message(bytes)?)),
            CARRIED => {
                let sequence = u64_of(&mut rest)?;
                let published_at = Timestamp::from_micros(u64_of(&mut rest)?);
                match Self::read(&rest)? {
                    Self::Message(message) => Ok(Self::Carried { sequence, published_at, message }),
                    _ => Err(Malformed("a carried record that holds no message".into())),
                }
            }
            TOPIC => Ok(Self::Topic(read_json(&rest)?)),
            SUBSCRIPTION => Ok(Self::Subscription(read_json(&rest)?)),
            QUEUE => {
                let uid = SubscriptionUid(u64_of(&mut rest)?);
                let ordinal = u64_of(&mut rest)?;
                Ok(Self::Queue { uid, ordinal, record: read_postcard(&rest)? })
            }
            ATTEMPT => {
                let uid = SubscriptionUid(u64_of(&mut rest)?);
                let sequence = u64_of(&mut rest)?;
                Ok(Self::Attempt { uid, sequence, attempt: read_postcard(&rest)? })
            }
            kind => Err(Malformed(format!("unknown kind {kind}"))),
        }
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

/// The attempt that a record holds, if it is one to push this message to this subscription; of other records nothing is decoded.
pub(crate) fn read_attempt_of(
    bytes: &Bytes,
    uid: SubscriptionUid,
    sequence: Sequence,
) -> Result<Option<Attempt>, Malformed> {
    let mut rest = bytes.clone();
    if u8_of(&mut rest)? != ATTEMPT || u64_of(&mut rest)? != uid.0 || u64_of(&mut rest)? != sequence {
        return Ok(None);
    }
    read_postcard(&rest).map(Some)
}

fn read_message(record: &Bytes) -> Result<Message, Malformed> {
    let head = MessageHead::read(record)?.ok_or_else(|| Malformed("it is no message".into()))?;
    Ok(Message {
        ordinal: head.ordinal,
        deliver_at: head.deliver_at,
        expire_at: head.expire_at,
        key: head.key,
        deduplication_id: head.deduplication_id.map(|id| record.slice(id)),
        correlation_id: record.slice(head.correlation_id),
        payload: record.slice(head.payload..),
    })
}

fn put_short(out: &mut BytesMut, text: &str) {
    out.put_u8(u8::try_from(text.len()).expect("the text is within its limit"));
    out.put_slice(text.as_bytes());
}

fn write_postcard(out: &mut BytesMut, value: &impl Serialize) {
    let encoded = postcard::to_extend(value, std::mem::take(out).writer().into_inner());
    *out = encoded.expect("the record has no value that postcard cannot write");
}

fn read_postcard<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, Malformed> {
    postcard::from_bytes(bytes).map_err(|error| Malformed(error.to_string()))
}

fn write_json(out: &mut BytesMut, event: &impl Serialize) {
    serde_json::to_writer(out.writer(), event).expect("an event has no value that JSON cannot hold");
}

fn read_json<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, Malformed> {
    serde_json::from_slice(bytes).map_err(|error| Malformed(error.to_string()))
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

fn u8_of(rest: &mut impl Buf) -> Result<u8, Malformed> {
    rest.try_get_u8().map_err(|_| Malformed("it ends early".into()))
}

fn u64_of(rest: &mut impl Buf) -> Result<u64, Malformed> {
    rest.try_get_u64_le().map_err(|_| Malformed("it ends early".into()))
}

#[cfg(test)]
mod tests;
