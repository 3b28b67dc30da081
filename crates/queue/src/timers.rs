//! When something will happen to which message: a heap whose elements are not removed but go *stale*.
//!
//! Most leases are acknowledged long before they end, so a structure that removes exactly would pay for order that
//! nobody uses. Instead the owner says which elements still hold, and [`Timers::tidy`] sees to two things:
//!
//! - the earliest element is never stale, so [`Timers::earliest`] is exact;
//! - stale elements never outnumber what holds by much, so the size is bounded by the window's.

use std::{cmp::Reverse, collections::BinaryHeap};

use types::{Sequence, Timestamp};

/// Elements that a heap may have before stale ones are swept out; below it a sweep is not worth its cost.
const SWEEP_FROM: usize = 64;

#[derive(Debug, Default)]
pub(crate) struct Timers(BinaryHeap<Reverse<(Timestamp, Sequence)>>);

impl Timers {
    pub(crate) fn push(&mut self, at: Timestamp, sequence: Sequence) {
        self.0.push(Reverse((at, sequence)));
    }

    pub(crate) fn earliest(&self) -> Option<Timestamp> {
        self.0.peek().map(|Reverse((at, _))| *at)
    }

    pub(crate) fn pop_due(&mut self, now: Timestamp) -> Option<(Timestamp, Sequence)> {
        let Reverse((at, _)) = self.0.peek()?;
        if *at > now {
            return None;
        }
        self.0.pop().map(|Reverse(due)| due)
    }

    /// The first `limit` messages whose time has come and of which `holds` is true, in the order of time.
    pub(crate) fn due(
        &self,
        now: Timestamp,
        limit: usize,
        holds: impl Fn(Timestamp, Sequence) -> bool,
    ) -> Vec<Sequence> {
        if self.earliest().is_none_or(|earliest| earliest > now) {
            return Vec::new();
        }
        // To ask whether an element holds costs more than to order it, so no more are asked about than needed.
        let is_due = |element: &&Reverse<(Timestamp, Sequence)>| element.0.0 <= now;
        let mut due: BinaryHeap<_> = self.0.iter().filter(is_due).copied().collect();
        let mut found = Vec::new();
        let mut before = None;
        while found.len() < limit
            && let Some(Reverse((at, sequence))) = due.pop()
        {
            // A timer that was set twice for the same time is one event.
            if before.replace((at, sequence)) != Some((at, sequence)) && holds(at, sequence) {
                found.push(sequence);
            }
        }
        found
    }

    /// Drops stale elements from the front, and all of them once they are more than half. At most `bound` hold.
    /// With none, no memory is held.
    pub(crate) fn tidy(&mut self, bound: usize, holds: impl Fn(Timestamp, Sequence) -> bool) {
        if bound == 0 {
            self.0 = BinaryHeap::new();
        } else if self.0.len() > 2 * bound + SWEEP_FROM {
            self.sweep(&holds);
        }
        while self.0.peek().is_some_and(|Reverse((at, sequence))| !holds(*at, *sequence)) {
            self.0.pop();
        }
    }

    fn sweep(&mut self, holds: impl Fn(Timestamp, Sequence) -> bool) {
        let mut elements = std::mem::take(&mut self.0).into_vec();
        elements.retain(|Reverse((at, sequence))| holds(*at, *sequence));
        elements.sort_unstable();
        elements.dedup();
        self.0 = elements.into();
    }

    pub(crate) fn contains(&self, at: Timestamp, sequence: Sequence) -> bool {
        self.0.iter().any(|element| element.0 == (at, sequence))
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn capacity(&self) -> usize {
        self.0.capacity()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(micros: u64) -> Timestamp {
        Timestamp::from_micros(micros)
    }

    fn timers(elements: &[(u64, Sequence)]) -> Timers {
        let mut timers = Timers::default();
        for (micros, sequence) in elements {
            timers.push(at(*micros), *sequence);
        }
        timers
    }

    #[test]
    fn what_is_due_comes_in_the_order_of_time_and_each_once() {
        let timers = timers(&[(9, 1), (5, 2), (7, 3), (5, 2), (20, 4)]);
        assert_eq!(timers.due(at(9), 10, |_, _| true), [2, 3, 1]);
        assert_eq!(timers.due(at(9), 2, |_, sequence| sequence != 2), [3, 1]);
        assert_eq!(timers.due(at(4), 10, |_, _| true), []);
    }

    #[test]
    fn the_earliest_is_never_stale_and_stale_ones_do_not_pile_up() {
        let mut timers = timers(&[(1, 1), (2, 2)]);
        for sequence in 3..1_000 {
            timers.push(at(sequence), sequence);
            timers.tidy(2, |_, sequence| sequence == 2 || sequence == 500);
            assert!(timers.len() <= 2 * 2 + SWEEP_FROM);
            assert_eq!(timers.earliest(), Some(at(2)));
        }
        timers.tidy(0, |_, _| false);
        assert_eq!(timers.capacity(), 0);
    }
}
