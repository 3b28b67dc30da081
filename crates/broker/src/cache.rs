//! The recent end of every topic's log in memory, decoded once for all subscriptions.
//!
//! # Invariants
//!
//! - A topic's frames are in the order of the log, and every *message* record from the oldest frame on is in one of them: a position
//!   in between is a record of another kind. The publisher holds the topic's cache lock from before it appends until its frame is
//!   in, so nobody can take a message that is on its way for such a gap.
//! - All topics share one budget of bytes; the frame that came first goes first. Readers that are far behind do not come here.

use std::{
    collections::VecDeque,
    sync::{Arc, Weak},
};

use journal::Frame;
use parking_lot::{Mutex, MutexGuard};
use types::{Position, Sequence, Timestamp};

use crate::record::{Malformed, Message, Record};

/// A frame with its messages decoded. Holds only messages; a published frame has nothing else in it.
#[derive(Debug)]
pub(crate) struct Decoded {
    pub(crate) first: Position,
    /// The position after the frame.
    pub(crate) end: Position,
    pub(crate) at: Timestamp,
    /// In the order of sequences.
    pub(crate) messages: Vec<(Sequence, Message)>,
    bytes: usize,
}

impl Decoded {
    pub(crate) fn of(frame: &Frame) -> Result<Self, Malformed> {
        let mut messages = Vec::with_capacity(frame.batch.count() as usize);
        for (sequence, record) in (frame.first..).zip(frame.batch.records()) {
            if let Some(message) = Record::read_only_message(&record)? {
                messages.push((sequence, message));
            }
        }
        let bytes = frame.batch.bytes().len() + messages.len() * size_of::<(Sequence, Message)>();
        Ok(Self { first: frame.first, end: frame.end(), at: frame.at, messages, bytes })
    }

    /// One message by itself.
    pub(crate) fn single(sequence: Sequence, message: Message, at: Timestamp) -> Self {
        Self { first: sequence, end: sequence + 1, at, messages: vec![(sequence, message)], bytes: 0 }
    }

    pub(crate) fn find(&self, sequence: Sequence) -> Option<&Message> {
        let index = self.messages.binary_search_by_key(&sequence, |(sequence, _)| *sequence).ok()?;
        Some(&self.messages[index].1)
    }
}

/// The budget that all topics share.
#[derive(Debug)]
pub(crate) struct CacheBudget {
    limit: usize,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    bytes: usize,
    /// One entry a frame, in the order in which frames came in.
    order: VecDeque<Weak<TailCache>>,
}

impl CacheBudget {
    pub(crate) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self { limit, held: Mutex::default() })
    }

    fn take(&self, owner: &Arc<TailCache>, bytes: usize) {
        let mut held = self.held.lock();
        held.bytes += bytes;
        held.order.push_back(Arc::downgrade(owner));
        while held.order.front().is_some_and(|topic| topic.strong_count() == 0) {
            held.order.pop_front();
        }
    }

    /// Whose oldest frame has to go next, if one has to.
    fn over_budget(&self) -> Option<Weak<TailCache>> {
        let mut held = self.held.lock();
        if held.bytes > self.limit { held.order.pop_front() } else { None }
    }

    fn give_back(&self, bytes: usize) {
        let mut held = self.held.lock();
        held.bytes = held.bytes.saturating_sub(bytes);
    }
}

/// One topic's part.
#[derive(Debug)]
pub(crate) struct TailCache {
    budget: Arc<CacheBudget>,
    frames: Mutex<Frames>,
}

#[derive(Debug)]
pub(crate) struct Frames {
    frames: VecDeque<Arc<Decoded>>,
    /// Every message from here on is in `frames`.
    complete_from: Position,
    /// The position after the last message.
    end: Position,
}

impl TailCache {
    /// Empty: complete from the end of the log as it is now.
    pub(crate) fn new(budget: Arc<CacheBudget>, end: Position) -> Arc<Self> {
        Arc::new(Self {
            budget,
            frames: Mutex::new(Frames { frames: VecDeque::new(), complete_from: end, end }),
        })
    }

    /// To be held by a publisher around its append and [`Frames::push`].
    pub(crate) fn lock(&self) -> MutexGuard<'_, Frames> {
        self.frames.lock()
    }

    /// After [`Frames::push`], with no cache lock held: keeps all topics together inside the budget.
    pub(crate) fn settle_budget(self: &Arc<Self>, bytes: usize) {
        self.budget.take(self, bytes);
        while let Some(topic) = self.budget.over_budget() {
            if let Some(topic) = topic.upgrade() {
                topic.drop_oldest();
            }
        }
    }

    fn drop_oldest(&self) {
        let mut frames = self.frames.lock();
        if let Some(oldest) = frames.frames.pop_front() {
            frames.complete_from = oldest.end;
            self.budget.give_back(oldest.bytes);
        }
    }
}

impl Drop for TailCache {
    fn drop(&mut self) {
        let bytes = self.frames.get_mut().frames.iter().map(|frame| frame.bytes).sum();
        self.budget.give_back(bytes);
    }
}

impl Frames {
    /// Adds a frame that was just appended; its size is for [`TailCache::settle_budget`].
    pub(crate) fn push(&mut self, frame: Decoded) -> usize {
        let bytes = frame.bytes;
        self.end = frame.end;
        self.frames.push_back(Arc::new(frame));
        bytes
    }

    /// The position after the last message, appended or on its way to the disk.
    pub(crate) fn end(&self) -> Position {
        self.end
    }

    /// The frames that hold every message from `from` on, or at least the first `messages` of them; none if `from` is not in memory.
    pub(crate) fn from(&self, from: Position, messages: usize) -> Option<Vec<Arc<Decoded>>> {
        if from < self.complete_from {
            return None;
        }
        let start = self.frames.partition_point(|frame| frame.end <= from);
        let mut found = Vec::new();
        let mut count = 0;
        for frame in self.frames.range(start..) {
            if count >= messages {
                break;
            }
            count += frame.messages.len() - frame.messages.partition_point(|(sequence, _)| *sequence < from);
            found.push(frame.clone());
        }
        Some(found)
    }

    /// The frame that holds this message, if it is in memory.
    pub(crate) fn holding(&self, sequence: Sequence) -> Option<&Arc<Decoded>> {
        let index = self.frames.partition_point(|frame| frame.end <= sequence);
        self.frames.get(index).filter(|frame| frame.first <= sequence)
    }
}
