//! Which messages are ready, the oldest first.
//!
//! Almost every message becomes ready when it is read and is leased in the order of reading, so ready messages are
//! found by walking up the window. Only what becomes ready behind the walk (a retry, a release, a delay that ended)
//! is kept in a heap; all of that is older than what the walk has not reached, so it goes first.

use std::{cmp::Reverse, collections::BinaryHeap};

use types::{Sequence, Timestamp};

use crate::window::{State, Window};

#[derive(Debug, Default)]
pub(crate) struct Backlog {
    /// Every ready message from here on is found by walking.
    walk_from: Sequence,
    /// Every ready message below `walk_from`; also some that are ready no longer.
    behind: BinaryHeap<Reverse<Sequence>>,
}

/// One pass over the ready messages; the window's indexes must not change in it.
pub(crate) struct Walk {
    index: usize,
    from_behind: bool,
}

impl Backlog {
    /// A message became ready.
    pub(crate) fn add(&mut self, sequence: Sequence) {
        if sequence < self.walk_from {
            self.behind.push(Reverse(sequence));
        }
    }

    pub(crate) fn walk(&self, window: &Window) -> Walk {
        Walk { index: window.first_from(self.walk_from), from_behind: false }
    }

    /// The oldest ready message that is within its life. It stays until it is [taken](Self::take).
    pub(crate) fn oldest(&mut self, walk: &mut Walk, window: &Window, now: Timestamp) -> Option<usize> {
        // A ready message past its life can be left out for good: nothing but its expiry will happen to it.
        let is_due = |index: &usize| {
            let entry = &window[*index];
            entry.state == State::Ready && !entry.is_past_its_life(now)
        };
        while let Some(Reverse(sequence)) = self.behind.peek() {
            if let Some(index) = window.find(*sequence, 0).filter(is_due) {
                walk.from_behind = true;
                return Some(index);
            }
            self.behind.pop();
        }
        walk.from_behind = false;
        while let Some(entry) = window.get(walk.index) {
            if is_due(&walk.index) {
                return Some(walk.index);
            }
            self.walk_from = entry.offer.sequence + 1;
            walk.index += 1;
        }
        None
    }

    /// Moves past the message that [`oldest`](Self::oldest) found last.
    pub(crate) fn take(&mut self, walk: &mut Walk, sequence: Sequence) {
        if walk.from_behind {
            self.behind.pop();
        } else {
            self.walk_from = sequence + 1;
            walk.index += 1;
        }
    }

    /// Sweeps out what is ready no longer once it is more than half. At most `ready` messages are.
    pub(crate) fn tidy(&mut self, ready: usize, window: &Window) {
        if window.is_empty() {
            self.behind = BinaryHeap::new();
        } else if self.behind.len() > 2 * ready + 64 {
            let mut behind = std::mem::take(&mut self.behind).into_vec();
            behind.retain(|Reverse(sequence)| {
                window.entry(*sequence).is_some_and(|entry| entry.state == State::Ready)
            });
            behind.sort_unstable();
            behind.dedup();
            self.behind = behind.into();
        }
    }

    pub(crate) fn contains(&self, sequence: Sequence) -> bool {
        sequence >= self.walk_from || self.behind.iter().any(|behind| behind.0 == sequence)
    }

    pub(crate) fn capacity(&self) -> usize {
        self.behind.capacity()
    }
}
