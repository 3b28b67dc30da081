//! A frame of the log in memory: what reading needs to know of its messages, and their bytes, once for all subscriptions.
//!
//! # Invariants
//!
//! - A frame holds its messages' bytes in one of two forms: as they were stored, or, once somebody wanted them in a block, *wrapped*, one
//!   after the other as they go to every subscriber. Never both: a wrapped message ends with its payload, so nothing is lost.
//! - A frame of the shared cache counts for what it holds, in either form, until it leaves the cache.

use std::{ops::Range, sync::Arc};

use bytes::Bytes;
use journal::Frame;
use parking_lot::Mutex;
use types::{KeyHash, Position, Sequence, Timestamp};

use crate::{
    ReadContent,
    cache::CacheBudget,
    record::{Malformed, Message, MessageHead},
};

/// A message of a frame.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kept {
    pub(crate) sequence: Sequence,
    /// How many messages the topic had accepted before it.
    pub(crate) ordinal: u64,
    pub(crate) deliver_at: Timestamp,
    pub(crate) expire_at: Option<Timestamp>,
    pub(crate) key: Option<KeyHash>,
    /// Bytes of the payload.
    pub(crate) bytes: u32,
    /// Where the payload ends in the frame's bytes as they were stored.
    end: u32,
}

/// A frame with its messages decoded. Holds only messages; a published frame has nothing else in it.
#[derive(Debug)]
pub(crate) struct Decoded {
    pub(crate) first: Position,
    /// The position after the frame.
    pub(crate) end: Position,
    pub(crate) at: Timestamp,
    /// In the order of sequences.
    pub(crate) messages: Vec<Kept>,
    held: Mutex<Held>,
}

#[derive(Debug)]
struct Held {
    payloads: Payloads,
    /// The budget that it counts in.
    budget: Option<Arc<CacheBudget>>,
}

/// The bytes of a frame's messages, in either form.
#[derive(Debug, Clone)]
pub(crate) struct Payloads {
    bytes: Bytes,
    /// Where each message ends, if they are wrapped.
    ends: Option<Arc<[u32]>>,
}

impl Decoded {
    pub(crate) fn of(frame: &Frame) -> Result<Self, Malformed> {
        let bytes = frame.batch.bytes();
        let mut messages = Vec::with_capacity(frame.batch.count() as usize);
        for (sequence, range) in (frame.first..).zip(frame.batch.ranges()) {
            if let Some(head) = MessageHead::read(&bytes[range.clone()])? {
                messages.push(Kept::of(sequence, &head, range.len() - head.payload, range.end)?);
            }
        }
        Ok(Self::new(frame.first..frame.end(), frame.at, messages, bytes.clone()))
    }

    /// One message by itself.
    pub(crate) fn single(sequence: Sequence, message: &Message, at: Timestamp) -> Result<Self, Malformed> {
        let length = message.payload.len();
        let kept = Kept {
            sequence,
            ordinal: message.ordinal,
            deliver_at: message.deliver_at,
            expire_at: message.expire_at,
            key: message.key,
            bytes: small(length)?,
            end: small(length)?,
        };
        Ok(Self::new(sequence..sequence + 1, at, vec![kept], message.payload.clone()))
    }

    fn new(positions: Range<Position>, at: Timestamp, messages: Vec<Kept>, bytes: Bytes) -> Self {
        let payloads = Payloads { bytes, ends: None };
        let held = Mutex::new(Held { payloads, budget: None });
        Self { first: positions.start, end: positions.end, at, messages, held }
    }

    /// The index of a message.
    pub(crate) fn find(&self, sequence: Sequence) -> Option<usize> {
        // Most frames have a message in every position.
        let guess = usize::try_from(sequence.checked_sub(self.first)?).ok()?;
        if self.messages.get(guess).is_some_and(|message| message.sequence == sequence) {
            return Some(guess);
        }
        self.messages.binary_search_by_key(&sequence, |message| message.sequence).ok()
    }

    /// The messages' bytes as they are at the moment.
    pub(crate) fn payloads(&self) -> Payloads {
        self.held.lock().payloads.clone()
    }

    /// The payload of the message at an index.
    pub(crate) fn payload(&self, index: usize) -> Bytes {
        let payloads = self.payloads();
        payloads.bytes.slice(payloads.range(&self.messages, index))
    }

    /// The messages from and to an index, wrapped: in one piece with what lies beside them.
    pub(crate) fn wrapped(&self, messages: Range<usize>, contents: &dyn ReadContent) -> Bytes {
        let mut held = self.held.lock();
        let ends = match &held.payloads.ends {
            Some(ends) => ends,
            None => self.wrap(&mut held, contents),
        };
        let start = messages.start.checked_sub(1).map_or(0, |before| ends[before] as usize);
        let end = messages.end.checked_sub(1).map_or(0, |last| ends[last] as usize);
        held.payloads.bytes.slice(start..end)
    }

    /// Changes the form. Whoever has the stored bytes in hand keeps them.
    fn wrap<'a>(&self, held: &'a mut Held, contents: &dyn ReadContent) -> &'a Arc<[u32]> {
        let before = held.bytes(&self.messages);
        let stored = &held.payloads;
        // What was stored has a head as well, so this is about right.
        let mut bytes = Vec::with_capacity(stored.bytes.len() + WRAPPER * self.messages.len());
        let wrap = |(index, message): (usize, &Kept)| {
            let payload = &stored.bytes[stored.range(&self.messages, index)];
            contents.wrap(message.sequence, self.at, payload, &mut bytes);
            debug_assert!(bytes.ends_with(payload), "what is wrapped ends with the payload");
            u32::try_from(bytes.len()).expect("a frame is far smaller than 4 GiB")
        };
        let ends: Arc<[u32]> = self.messages.iter().enumerate().map(wrap).collect();
        bytes.shrink_to_fit();
        held.payloads = Payloads { bytes: bytes.into(), ends: None };
        if let Some(budget) = &held.budget {
            budget.resized(before, held.bytes(&self.messages));
        }
        held.payloads.ends.insert(ends)
    }

    /// From now on it counts in the budget.
    pub(crate) fn enter(&self, budget: &Arc<CacheBudget>) {
        let mut held = self.held.lock();
        budget.resized(0, held.bytes(&self.messages));
        held.budget = Some(budget.clone());
    }

    /// It counts no longer.
    pub(crate) fn leave(&self) {
        let mut held = self.held.lock();
        if let Some(budget) = held.budget.take() {
            budget.give_back(held.bytes(&self.messages));
        }
    }
}

/// Bytes that a wrapped message takes beyond what it takes as stored, about.
const WRAPPER: usize = 16;

impl Held {
    /// What the frame holds in memory. (Where wrapped messages end is less than what counts for each anyway.)
    fn bytes(&self, messages: &[Kept]) -> usize {
        self.payloads.bytes.len() + messages.len() * (size_of::<Kept>() + size_of::<u32>())
    }
}

impl Payloads {
    /// The payload of one of the frame's messages.
    pub(crate) fn get(&self, messages: &[Kept], index: usize) -> &[u8] {
        &self.bytes[self.range(messages, index)]
    }

    /// The same, sharing the frame's bytes.
    pub(crate) fn slice(&self, messages: &[Kept], index: usize) -> Bytes {
        self.bytes.slice(self.range(messages, index))
    }

    fn range(&self, messages: &[Kept], index: usize) -> Range<usize> {
        let message = &messages[index];
        let end = self.ends.as_ref().map_or(message.end, |ends| ends[index]) as usize;
        end - message.bytes as usize..end
    }
}

impl Kept {
    fn of(sequence: Sequence, head: &MessageHead, bytes: usize, end: usize) -> Result<Self, Malformed> {
        Ok(Self {
            sequence,
            ordinal: head.ordinal,
            deliver_at: head.deliver_at,
            expire_at: head.expire_at,
            key: head.key,
            bytes: small(bytes)?,
            end: small(end)?,
        })
    }
}

fn small(bytes: usize) -> Result<u32, Malformed> {
    u32::try_from(bytes).map_err(|_| Malformed(format!("{bytes} bytes in one frame")))
}
