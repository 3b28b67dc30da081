//! When something will happen to which message: a heap whose elements are not removed but go *stale*.
//!
//! An element is a *span*: messages that lie next to each other in the window and to which it happens at the same time. What is leased
//! or read together is so one element, and most calls touch no heap for a message.
//!
//! Most leases are acknowledged long before they end, so a structure that removes exactly would pay for order that
//! nobody uses. Instead the owner says which messages of a span still hold, and [`Timers::tidy`] sees to two things:
//!
//! - the earliest span is never stale, so [`Timers::earliest`] is exact;
//! - stale spans never outnumber what holds by much, so the size is bounded by the window's.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, binary_heap::PeekMut},
};

use types::{Sequence, Timestamp};

/// Elements that a heap may have before stale ones are swept out; below it a sweep is not worth its cost.
const SWEEP_FROM: usize = 64;

/// Messages of the window from `first` to `last`. Those among them to which nothing happens at `at` do not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Span {
    pub(crate) at: Timestamp,
    pub(crate) first: Sequence,
    pub(crate) last: Sequence,
}

#[derive(Debug, Default)]
pub(crate) struct Timers {
    heap: BinaryHeap<Reverse<Span>>,
    /// The span that came last and may still grow.
    open: Option<Span>,
}

impl Timers {
    /// `below`: the message under this one in the window. If it was the last to come, and for the same time, the two are one span.
    pub(crate) fn push(&mut self, at: Timestamp, sequence: Sequence, below: Option<Sequence>) {
        match &mut self.open {
            Some(open) if open.at == at && below == Some(open.last) => open.last = sequence,
            open => self.heap.extend(open.replace(Span { at, first: sequence, last: sequence }).map(Reverse)),
        }
    }

    pub(crate) fn earliest(&self) -> Option<Timestamp> {
        let first = self.heap.peek().map(|Reverse(span)| span.at);
        self.open.map(|open| open.at).into_iter().chain(first).min()
    }

    pub(crate) fn pop_due(&mut self, now: Timestamp) -> Option<Span> {
        if let Some(open) = self.open.take_if(|open| open.at <= now) {
            return Some(open);
        }
        let top = self.heap.peek_mut().filter(|top| top.0.at <= now)?;
        Some(PeekMut::pop(top).0)
    }

    /// The first `limit` messages whose time has come, in the order of time. `members`: those of a span that hold, ascending.
    pub(crate) fn due<I: Iterator<Item = Sequence>>(
        &self,
        now: Timestamp,
        limit: usize,
        members: impl Fn(Span) -> I,
    ) -> Vec<Sequence> {
        let mut found = Vec::new();
        if self.earliest().is_none_or(|earliest| earliest > now) {
            return found;
        }
        // To ask what holds costs more than to order it, so no more are asked about than needed.
        let is_due = |span: &Span| span.at <= now;
        let mut due: BinaryHeap<_> = self.spans().filter(is_due).map(Reverse).collect();
        while found.len() < limit
            && let Some(Reverse(mut span)) = due.pop()
        {
            // A timer that was set twice for the same time is one event.
            while let Some(Reverse(next)) = due.peek()
                && next.at == span.at
                && next.first <= span.last
            {
                span.last = span.last.max(next.last);
                due.pop();
            }
            found.extend(members(span).take(limit - found.len()));
        }
        found
    }

    /// Drops stale spans from the front, and all of them once they are more than half. At most `bound` messages hold.
    /// With none, no memory is held.
    pub(crate) fn tidy<I: Iterator<Item = Sequence>>(&mut self, bound: usize, members: impl Fn(Span) -> I) {
        if bound == 0 {
            *self = Self::default();
            return;
        }
        if self.len() > 2 * bound + SWEEP_FROM {
            self.sweep(&members);
        }
        while let Some(mut top) = self.heap.peek_mut() {
            match members(top.0).next() {
                Some(first) if first == top.0.first => break,
                // What is left of it; those before need not be asked about again.
                Some(first) => top.0.first = first,
                None => drop(PeekMut::pop(top)),
            }
        }
        self.open = self.open.and_then(|open| Some(Span { first: members(open).next()?, ..open }));
    }

    fn sweep<I: Iterator<Item = Sequence>>(&mut self, members: impl Fn(Span) -> I) {
        let held = self.spans().filter_map(|span| Some(Span { first: members(span).next()?, ..span }));
        let mut spans: Vec<_> = held.collect();
        spans.sort_unstable();
        spans.dedup_by(|later, span| {
            let overlap = later.at == span.at && later.first <= span.last;
            if overlap {
                span.last = span.last.max(later.last);
            }
            overlap
        });
        self.open = None;
        self.heap = spans.into_iter().map(Reverse).collect();
    }

    fn spans(&self) -> impl Iterator<Item = Span> {
        self.heap.iter().map(|Reverse(span)| *span).chain(self.open)
    }

    pub(crate) fn contains(&self, at: Timestamp, sequence: Sequence) -> bool {
        self.spans().any(|span| span.at == at && (span.first..=span.last).contains(&sequence))
    }

    pub(crate) fn len(&self) -> usize {
        self.heap.len() + usize::from(self.open.is_some())
    }

    pub(crate) fn capacity(&self) -> usize {
        self.heap.capacity() + usize::from(self.open.is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(micros: u64) -> Timestamp {
        Timestamp::from_micros(micros)
    }

    /// Each by itself.
    fn timers(elements: &[(u64, Sequence)]) -> Timers {
        let mut timers = Timers::default();
        for (micros, sequence) in elements {
            timers.push(at(*micros), *sequence, None);
        }
        timers
    }

    fn all(span: Span) -> impl Iterator<Item = Sequence> {
        span.first..=span.last
    }

    fn only(holds: &[Sequence]) -> impl Fn(Span) -> std::vec::IntoIter<Sequence> {
        |span| all(span).filter(|sequence| holds.contains(sequence)).collect::<Vec<_>>().into_iter()
    }

    #[test]
    fn what_is_due_comes_in_the_order_of_time_and_each_once() {
        let timers = timers(&[(9, 1), (5, 2), (7, 3), (5, 2), (20, 4)]);
        assert_eq!(timers.due(at(9), 10, all), [2, 3, 1]);
        assert_eq!(timers.due(at(9), 2, only(&[1, 3, 4])), [3, 1]);
        assert_eq!(timers.due(at(9), 0, all), []);
        assert_eq!(timers.due(at(4), 10, all), []);
    }

    #[test]
    fn neighbours_with_one_time_are_one_span_of_which_the_first_ones_may_be_due() {
        let mut timers = Timers::default();
        for sequence in 1..=100 {
            timers.push(at(5), sequence, Some(sequence - 1));
        }
        timers.push(at(5), 200, Some(150));
        timers.push(at(5), 50, Some(49));
        assert_eq!(timers.len(), 3);
        assert_eq!(timers.due(at(5), 3, all), [1, 2, 3]);
        assert_eq!(timers.due(at(5), 60, all), (1..=60).collect::<Vec<_>>());
        let everything: Vec<_> = (1..=100).chain([200]).collect();
        assert_eq!(timers.due(at(5), 1_000, all), everything);
        assert!(timers.contains(at(5), 77) && !timers.contains(at(5), 101));
    }

    #[test]
    fn the_earliest_is_never_stale_and_stale_ones_do_not_pile_up() {
        let mut timers = timers(&[(1, 1), (2, 2)]);
        for sequence in 3..1_000 {
            timers.push(at(sequence), sequence, None);
            timers.tidy(2, only(&[2, 500]));
            assert!(timers.len() <= 2 * 2 + SWEEP_FROM);
            assert_eq!(timers.earliest(), Some(at(2)));
        }
        timers.tidy(0, only(&[]));
        assert_eq!(timers.capacity(), 0);
    }

    #[test]
    fn spans_that_overlap_are_asked_about_once() {
        let mut timers = Timers::default();
        for first in 1..=50 {
            timers.push(at(5), first, None);
            (first + 1..100 + first % 7)
                .for_each(|sequence| timers.push(at(5), sequence, Some(sequence - 1)));
        }
        timers.push(at(6), 50, None);
        let asked = std::cell::Cell::new(0);
        let counting = |span: Span| all(span).inspect(|_| asked.set(asked.get() + 1));
        let everything: Vec<_> = (1..=105).chain([50]).collect();
        assert_eq!(timers.due(at(6), 1_000, counting), everything);
        assert_eq!(asked.replace(0), 106);
        assert_eq!(timers.due(at(6), 10, counting), everything[..10]);
        assert_eq!(asked.get(), 10);
    }

    #[test]
    fn spans_that_overlap_are_one_after_a_sweep() {
        let mut timers = Timers::default();
        for _ in 0..SWEEP_FROM {
            timers.push(at(5), 1, None);
            timers.push(at(5), 2, Some(1));
            timers.push(at(5), 2, None);
        }
        timers.tidy(2, all);
        assert_eq!((timers.len(), timers.due(at(5), 9, all)), (1, vec![1, 2]));
    }
}
