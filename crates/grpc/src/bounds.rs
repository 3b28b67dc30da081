//! Counting before decoding: how many parts a request has, from its bytes alone.
//!
//! # Invariants
//!
//! - The walk allocates nothing and looks at each byte of a field's head once. What passes it decodes to a few times its
//!   size at the most, whatever is in it.
//! - It is no more lenient than prost: what it cannot follow is refused, not left to the decoder. Groups are (proto3 has none).
//! - A field that holds one message may come several times and is merged; so its parts are counted over all of them.
//!
//! # Limits
//!
//! Those of [`types::limits`]. A lower bound ("at least one message") is the services' to check, once it is decoded.

mod content;

use std::{fmt, marker::PhantomData};

use bytes::Bytes;
use fanfare_proto::{undecoded::Undecoded, v1};
use prost::Message;
use types::limits;

use content::Content;

use crate::{
    check, mask,
    parts::{Parts, Unreadable},
    reason::Reason,
    refusal::Refusal,
};

/// What a part takes beside its bytes, once it is decoded: a message, an attribute, a text.
const MESSAGE: usize = 320;
const ATTRIBUTE: usize = 128;
const TEXT: usize = 32;
/// What a push worker says of an attempt, or of an endpoint.
const REPORT: usize = 512;

/// What repeats in push settings: name, tag, limit, and what one takes beside its bytes.
const PUSH: &[(&str, u32, usize, usize)] = &[
    ("headers", 3, limits::PUSH_HEADERS, ATTRIBUTE),
    ("signing_secrets", 7, limits::PUSH_SIGNING_SECRETS, TEXT),
    ("error_rules", 12, limits::PUSH_ERROR_RULES, TEXT),
    ("signing_keys", 14, limits::PUSH_SIGNING_SECRETS, ATTRIBUTE),
];

/// Why a request is not decoded.
pub(crate) enum Fault {
    Unreadable(Unreadable),
    Refused(Refusal),
}

impl Fault {
    /// The same seen from one level further out.
    fn within(self, parent: impl fmt::Display) -> Self {
        match self {
            Self::Refused(refusal) => Self::Refused(refusal.within(parent)),
            unreadable @ Self::Unreadable(_) => unreadable,
        }
    }
}

impl From<Unreadable> for Fault {
    fn from(error: Unreadable) -> Self {
        Self::Unreadable(error)
    }
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// A request whose parts can be counted.
pub(crate) trait Bounded: Message + Default {
    /// The field that makes such a request large.
    const BULK: &'static str;

    /// Counts the parts against their limits. Returns what they take beside their bytes.
    fn count(bytes: &[u8]) -> Result<usize, Fault>;
}

/// A request with no more parts than allowed.
#[derive(Debug)]
pub(crate) struct Checked<T> {
    bytes: Bytes,
    weight: usize,
    what: PhantomData<fn() -> T>,
}

/// Counts its parts.
pub(crate) fn check<T: Bounded>(request: Undecoded<T>) -> Result<Checked<T>, Refusal> {
    let bytes = request.bytes;
    let beside = T::count(&bytes).map_err(|fault| match fault {
        Fault::Refused(refusal) => refusal,
        Fault::Unreadable(error) => unreadable::<T>(error),
    })?;
    Ok(Checked { weight: bytes.len() + beside, bytes, what: PhantomData })
}

/// Counts its parts and decodes it.
pub(crate) fn open<T: Bounded>(request: Undecoded<T>) -> Result<T, Refusal> {
    check(request)?.decode()
}

impl<T: Bounded> Checked<T> {
    /// About how many bytes of memory it takes.
    pub(crate) fn weight(&self) -> usize {
        self.weight
    }

    pub(crate) fn decode(self) -> Result<T, Refusal> {
        T::decode(self.bytes).map_err(unreadable::<T>)
    }
}

fn unreadable<T: Bounded>(error: impl fmt::Display) -> Refusal {
    Refusal::at(Reason::UnreadableRequest, T::BULK, error)
}

/// The parts with that tag.
fn tagged(bytes: &[u8], tag: u32) -> impl Iterator<Item = Result<&[u8], Unreadable>> {
    Parts::of(bytes).filter_map(move |part| match part {
        Ok((found, part)) => (found == tag).then_some(Ok(part)),
        Err(error) => Some(Err(error)),
    })
}

/// How many fields of that tag there are.
fn number_of(bytes: &[u8], tag: u32) -> Result<usize, Unreadable> {
    tagged(bytes, tag).try_fold(0, |count, part| part.map(|_| count + 1))
}

/// How many fields `inner` there are in all the fields `outer`, and how many of these.
fn number_within(bytes: &[u8], outer: u32, inner: u32) -> Result<(usize, usize), Unreadable> {
    let (mut outers, mut inners) = (0, 0);
    for part in tagged(bytes, outer) {
        outers += 1;
        inners += number_of(part?, inner)?;
    }
    Ok((outers, inners))
}

/// `messages`, tag 2, and what they carry.
fn messages(bytes: &[u8]) -> Result<usize, Fault> {
    let (mut messages, mut weight) = (0, 0);
    for message in tagged(bytes, 2) {
        let message = message?;
        if messages < limits::PUBLISH_MESSAGES {
            let mut content = Content::default();
            content.count(message).map_err(|fault| fault.within(format_args!("messages[{messages}]")))?;
            weight += content.weight();
        }
        messages += 1;
    }
    // None at all is refused in the same words as too many.
    check::length("messages", messages.max(1), 1..=limits::PUBLISH_MESSAGES)?;
    Ok(messages * MESSAGE + weight)
}

/// `message`, tag 3, and what it carries.
fn one_message(bytes: &[u8]) -> Result<usize, Fault> {
    let mut content = Content::default();
    for piece in tagged(bytes, 3) {
        content.count(piece?).map_err(|fault| fault.within("message"))?;
    }
    Ok(MESSAGE + content.weight())
}

/// `ack_ids`, tag 2.
fn ack_ids(bytes: &[u8]) -> Result<usize, Fault> {
    let count = number_of(bytes, 2)?;
    check::length("ack_ids", count.max(1), 1..=limits::ACK_IDS)?;
    Ok(count * TEXT)
}

/// `acks`, tag 5, the `ack_ids`, tag 1, of `nacks` and `extensions`, tags 6 and 7, and `ack_deliveries`, tag 9.
fn settlements(bytes: &[u8]) -> Result<usize, Fault> {
    let acks = number_of(bytes, 5)?;
    let (nacks, nacked) = number_within(bytes, 6, 1)?;
    let (extensions, extended) = number_within(bytes, 7, 1)?;
    let total = acks + nacked + extended;
    if total > limits::ACK_IDS {
        let why = format!("the request has {total} ack IDs, the limit is {}", limits::ACK_IDS);
        return Err(Refusal::field("acks", why).into());
    }
    check::length("nacks", nacks, 0..=limits::ACK_IDS)?;
    check::length("extensions", extensions, 0..=limits::ACK_IDS)?;
    let ranges = number_of(bytes, 9)?;
    check::length("ack_deliveries", ranges, 0..=limits::STREAM_ACK_RANGES)?;
    Ok((total + 2 * (nacks + extensions) + ranges) * TEXT)
}

/// How many fields there are with the last tag of the path, in all those with the tags before it.
fn number_below(bytes: &[u8], path: &[u32]) -> Result<usize, Unreadable> {
    match path {
        [] => Ok(0),
        [tag] => number_of(bytes, *tag),
        [outer, rest @ ..] => {
            tagged(bytes, *outer).try_fold(0, |count, part| Ok(count + number_below(part?, rest)?))
        }
    }
}

/// What repeats in `push`, tag 10, of the settings.
fn push(bytes: &[u8], settings: u32) -> Result<usize, Fault> {
    let mut weight = 0;
    for (name, tag, limit, size) in PUSH {
        let count = number_below(bytes, &[settings, 10, *tag])?;
        if count > *limit {
            let why = format_args!("there are {count}, the limit is {limit}");
            return Err(Refusal::field(format_args!("settings.push.{name}"), why).into());
        }
        weight += count * size;
    }
    Ok(weight)
}

/// `reports` of a push worker.
fn reports(bytes: &[u8], tag: u32, limit: usize) -> Result<usize, Fault> {
    let count = number_of(bytes, tag)?;
    check::length("reports", count.max(1), 1..=limit)?;
    Ok(count * REPORT)
}

/// The labels of the settings.
fn labels(bytes: &[u8], settings: u32, labels: u32) -> Result<usize, Fault> {
    let (_, count) = number_within(bytes, settings, labels)?;
    if count > limits::LABELS {
        let why = format_args!("there are {count}, the limit is {}", limits::LABELS);
        return Err(Refusal::field("settings.labels", why).into());
    }
    Ok(count * ATTRIBUTE)
}

/// The paths, tag 1, of `update_mask`, tag 3.
fn paths(bytes: &[u8]) -> Result<usize, Fault> {
    let (_, count) = number_within(bytes, 3, 1)?;
    check::length("update_mask", count.max(1), 1..=mask::PATHS)?;
    Ok(count * TEXT)
}

macro_rules! bounded {
    ($($request:ident, $bulk:literal: $count:expr;)*) => {
        $(impl Bounded for v1::$request {
            const BULK: &'static str = $bulk;

            fn count(bytes: &[u8]) -> Result<usize, Fault> {
                $count(bytes)
            }
        })*
    };
}

bounded! {
    PublishRequest, "messages": messages;
    PublishStreamRequest, "messages": messages;
    AcknowledgeRequest, "ack_ids": ack_ids;
    NackRequest, "ack_ids": ack_ids;
    ExtendLeaseRequest, "ack_ids": ack_ids;
    StreamingPullRequest, "acks": settlements;
    TestFilterRequest, "message": one_message;
    CreateTopicRequest, "request": |bytes| labels(bytes, 2, 4);
    CreateSubscriptionRequest, "request": |bytes| Ok(labels(bytes, 3, 8)? + push(bytes, 3)?);
    UpdateTopicRequest, "request": |bytes| Ok(labels(bytes, 2, 4)? + paths(bytes)?);
    UpdateSubscriptionRequest, "request": |bytes| Ok(labels(bytes, 2, 8)? + push(bytes, 2)? + paths(bytes)?);
    ReportAttemptsRequest, "reports": |bytes| reports(bytes, 2, limits::ATTEMPT_REPORTS);
    ReportEndpointsRequest, "reports": |bytes| reports(bytes, 1, limits::PUSH_ENDPOINT_PAGE);
}

#[cfg(test)]
mod tests;
