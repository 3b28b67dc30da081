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

use parking_lot::{Mutex, MutexGuard};
use types::{Position, Sequence};

use crate::decoded::Decoded;

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

    fn take(self: &Arc<Self>, owner: &Arc<TailCache>, frame: &Decoded) {
        frame.enter(self);
        let mut held = self.held.lock();
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

    pub(crate) fn give_back(&self, bytes: usize) {
        self.resized(bytes, 0);
    }

    /// What was `before` is `now` so many bytes. If that is too much, the next frame that comes in makes it good.
    pub(crate) fn resized(&self, before: usize, now: usize) {
        let mut held = self.held.lock();
        held.bytes = (held.bytes + now).saturating_sub(before);
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
    pub(crate) fn settle_budget(self: &Arc<Self>, frame: &Decoded) {
        self.budget.take(self, frame);
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
            oldest.leave();
        }
    }
}

impl Drop for TailCache {
    fn drop(&mut self) {
        self.frames.get_mut().frames.iter().for_each(|frame| frame.leave());
    }
}

impl Frames {
    /// Adds a frame that was just appended; it is for [`TailCache::settle_budget`].
    pub(crate) fn push(&mut self, frame: Decoded) -> Arc<Decoded> {
        let frame = Arc::new(frame);
        self.end = frame.end;
        self.frames.push_back(frame.clone());
        frame
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
            count += frame.messages.len() - frame.messages.partition_point(|message| message.sequence < from);
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
