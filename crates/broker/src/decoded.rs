//! A frame of the log in memory: what reading needs to know of its messages, and their bytes, once for all subscriptions.
//!
//! # Invariants
//!
//! - A frame holds its messages' bytes in one of two forms: as they were stored, or, once somebody wanted them in a block, *wrapped*, one
//!   after the other as they go to every subscriber. Never both: a wrapped message ends with its payload, so nothing is lost.
//! - Only a frame of the shared cache is wrapped as a whole. Of another one, which a subscription far behind has read for itself, a filter
//!   policy may let a single message through: what is asked for is wrapped, and the frame stays as it is.
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
        if held.payloads.ends.is_none() && held.budget.is_none() {
            let stored = held.payloads.clone();
            drop(held);
            let mut bytes = Vec::with_capacity(self.size(&messages));
            self.wrap_each(messages, &stored, contents, &mut bytes, |_| ());
            return bytes.into();
        }
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
        let all = 0..self.messages.len();
        let (mut bytes, mut ends) = (Vec::with_capacity(self.size(&all)), Vec::with_capacity(all.len()));
        self.wrap_each(all, stored, contents, &mut bytes, |end| {
            ends.push(u32::try_from(end).expect("a frame is far smaller than 4 GiB"));
        });
        let ends: Arc<[u32]> = ends.into();
        bytes.shrink_to_fit();
        held.payloads = Payloads { bytes: bytes.into(), ends: None };
        if let Some(budget) = &held.budget {
            budget.resized(before, held.bytes(&self.messages));
        }
        held.payloads.ends.insert(ends)
    }

    /// Wraps messages one after the other and tells where each ends.
    fn wrap_each(
        &self,
        messages: Range<usize>,
        stored: &Payloads,
        contents: &dyn ReadContent,
        out: &mut Vec<u8>,
        mut end: impl FnMut(usize),
    ) {
        for index in messages {
            let payload = stored.get(&self.messages, index);
            contents.wrap(self.messages[index].sequence, self.at, payload, out);
            debug_assert!(out.ends_with(payload), "what is wrapped ends with the payload");
            end(out.len());
        }
    }

    /// What these take wrapped, about.
    fn size(&self, messages: &Range<usize>) -> usize {
        self.messages[messages.clone()].iter().map(|message| message.bytes as usize + WRAPPER).sum()
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

/// Bytes that a wrapped message takes beyond its payload, about.
const WRAPPER: usize = 32;

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

#[cfg(test)]
mod tests {
    use bytes::BytesMut;
    use journal::Batch;
    use types::MessageMeta;

    use super::*;
    use crate::{
        cache::TailCache,
        record::{Record, write_message},
    };

    /// Wraps with the sequence before it.
    #[derive(Debug)]
    struct Numbered;

    impl ReadContent for Numbered {
        fn wrap(&self, sequence: Sequence, at: Timestamp, payload: &[u8], out: &mut Vec<u8>) {
            out.extend_from_slice(format!("[{sequence} {}]", at.as_micros()).as_bytes());
            out.extend_from_slice(payload);
        }

        fn read(&self, _: &[u8], _: &mut dyn FnMut(&filter::Content<'_>)) {}
    }

    fn record(payload: &str) -> Bytes {
        let mut out = BytesMut::new();
        let meta = MessageMeta {
            correlation_id: "c".into(),
            deduplication_id: Some("d".into()),
            ordering_key: Some("k".into()),
            expire_at: Some(Timestamp::from_micros(9)),
            ..MessageMeta::default()
        };
        write_message(&mut out, 7, &meta, payload.as_bytes());
        out.freeze()
    }

    /// From position 10 on, with a record in the middle that is no message.
    fn frame() -> Frame {
        let records = [record("one"), record(""), Bytes::from_static(&[3]), record("three")];
        Frame { first: 10, at: Timestamp::from_micros(5), batch: Batch::of(records) }
    }

    #[test]
    fn a_frame_knows_its_messages_as_the_records_say_them() {
        let frame = Decoded::of(&frame()).unwrap();
        assert_eq!((frame.first, frame.end, frame.messages.len()), (10, 14, 3));
        assert_eq!(
            [9, 10, 11, 12, 13, 14].map(|s| frame.find(s)),
            [None, Some(0), Some(1), None, Some(2), None]
        );
        for (index, payload) in ["one", "", "three"].into_iter().enumerate() {
            let Record::Message(message) = Record::read(&record(payload)).unwrap() else {
                panic!("a message")
            };
            let kept = frame.messages[index];
            assert_eq!((kept.ordinal, kept.key, kept.expire_at), (7, message.key, message.expire_at));
            assert_eq!(frame.payload(index), message.payload);
        }
    }

    #[test]
    fn wrapping_changes_no_payload_and_gives_neighbours_as_one_piece() {
        let frame = Decoded::of(&frame()).unwrap();
        frame.enter(&CacheBudget::new(1 << 20));
        let before = frame.payloads();
        assert_eq!(frame.wrapped(1..3, &Numbered), "[11 5][13 5]three");
        assert_eq!(frame.wrapped(0..1, &Numbered), "[10 5]one");
        assert_eq!(frame.wrapped(0..0, &Numbered), "");
        for (index, payload) in ["one", "", "three"].into_iter().enumerate() {
            assert_eq!(frame.payload(index), payload);
            assert_eq!(before.get(&frame.messages, index), payload.as_bytes(), "who had it keeps it");
        }
    }

    #[test]
    fn of_a_frame_that_is_not_in_the_cache_only_what_is_asked_for_is_wrapped() {
        let frame = Decoded::of(&frame()).unwrap();
        assert_eq!(frame.wrapped(2..3, &Numbered), "[13 5]three");
        assert_eq!(frame.wrapped(1..3, &Numbered), "[11 5][13 5]three");
        assert_eq!(frame.wrapped(0..0, &Numbered), "");
        assert!(frame.payloads().ends.is_none(), "it stays as it is");
        frame.enter(&CacheBudget::new(1 << 20));
        assert_eq!(frame.wrapped(2..3, &Numbered), "[13 5]three");
        assert!(frame.payloads().ends.is_some());
    }

    #[test]
    fn a_wrapped_frame_counts_for_what_it_holds_until_it_leaves_the_cache() {
        let budget = CacheBudget::new(1 << 20);
        let cache = TailCache::new(budget.clone(), 10);
        cache.lock().push(Decoded::of(&frame()).unwrap());
        let frame = cache.lock().holding(10).unwrap().clone();
        cache.settle_budget();
        let of_messages = 3 * (size_of::<Kept>() + size_of::<u32>());
        assert_eq!(budget.bytes(), frame.payloads().bytes.len() + of_messages);
        let all = frame.wrapped(0..3, &Numbered);
        assert_eq!(budget.bytes(), all.len() + of_messages);
        drop(cache);
        assert_eq!(budget.bytes(), 0);
        frame.wrapped(0..3, &Numbered);
        assert_eq!(budget.bytes(), 0);
    }

    #[test]
    fn one_that_was_evicted_before_it_is_wrapped_does_not_count() {
        let budget = CacheBudget::new(1);
        let cache = TailCache::new(budget.clone(), 10);
        cache.lock().push(Decoded::of(&frame()).unwrap());
        let frame = cache.lock().holding(10).unwrap().clone();
        cache.settle_budget();
        assert_eq!(budget.bytes(), 0, "too large for the budget");
        frame.wrapped(0..3, &Numbered);
        assert_eq!(budget.bytes(), 0);
        assert!(cache.lock().holding(10).is_none());
    }
}
