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

mod message;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use serde::{Deserialize, Serialize};
use types::{
    Sequence, SubscriptionName, SubscriptionSettings, SubscriptionUid, Timestamp, TopicSettings,
    push::{Attempt, EndpointStatus},
};

pub(crate) use message::{MESSAGE_OVERHEAD, Message, MessageHead, write_message};

use crate::BacklogAction;

const MESSAGE: u8 = 1;
const CARRIED: u8 = 2;
const TOPIC: u8 = 3;
const SUBSCRIPTION: u8 = 4;
const QUEUE: u8 = 5;
const ATTEMPT: u8 = 6;

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
            MESSAGE => Ok(Self::Message(Message::read(bytes)?)),
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

fn u8_of(rest: &mut impl Buf) -> Result<u8, Malformed> {
    rest.try_get_u8().map_err(|_| Malformed("it ends early".into()))
}

fn u64_of(rest: &mut impl Buf) -> Result<u64, Malformed> {
    rest.try_get_u64_le().map_err(|_| Malformed("it ends early".into()))
}

#[cfg(test)]
mod tests;
