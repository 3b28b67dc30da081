//! The messages in hand, in the order of their sequences.
//!
//! Reading on adds at the back, settling takes mostly from the front. What leaves from the middle stays behind as
//! a mark until the front reaches it or marks outnumber messages ([`Window::tidy`]), so that leaving moves nothing
//! and an index stays valid until then. An empty window holds no memory: most subscriptions are idle.

use std::{
    collections::VecDeque,
    ops::{Index, IndexMut, Range},
};

use types::{LeaseId, Sequence, Timestamp};

use crate::{Offer, failures::Failures, timers::Span};

/// One message in hand.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) offer: Offer,
    pub(crate) state: State,
    pub(crate) failures: Option<Box<Failures>>,
    /// It was leased in this process.
    pub(crate) delivered: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// Can be leased; or its time ran out and that is not recorded yet.
    Ready,
    Leased {
        lease: LeaseId,
        deadline: Timestamp,
    },
    /// First delivery not before.
    Delayed(Timestamp),
    /// Next attempt not before.
    BackingOff(Timestamp),
    /// An earlier message of its key is in the window.
    WaitingForKey,
    /// A mark: the message has left.
    Gone,
}

impl Entry {
    pub(crate) fn lives(&self) -> bool {
        self.state != State::Gone
    }

    pub(crate) fn is_leased(&self) -> bool {
        matches!(self.state, State::Leased { .. })
    }

    pub(crate) fn is_past_its_life(&self, now: Timestamp) -> bool {
        self.offer.expire_at <= now
    }

    /// The end of its lease.
    pub(crate) fn lease_ends_at(&self) -> Option<Timestamp> {
        match self.state {
            State::Leased { deadline, .. } => Some(deadline),
            _ => None,
        }
    }

    /// The end of its delay or backoff.
    pub(crate) fn wakes_at(&self) -> Option<Timestamp> {
        match self.state {
            State::Delayed(until) | State::BackingOff(until) => Some(until),
            _ => None,
        }
    }

    /// The end of its life; one under lease outlives it until the lease ends.
    pub(crate) fn expires_at(&self) -> Option<Timestamp> {
        (!self.is_leased()).then_some(self.offer.expire_at)
    }

    pub(crate) fn failed_attempts(&self) -> u32 {
        self.failures.as_ref().map_or(0, |failures| failures.count)
    }
}

#[derive(Debug, Default)]
pub(crate) struct Window {
    /// Strictly ascending by sequence, marks included.
    entries: VecDeque<Entry>,
    /// Entries that are not marks.
    len: usize,
}

impl Window {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(crate) fn reserve(&mut self, additional: usize) {
        self.entries.reserve(additional);
    }

    /// Adds a message above all others and says where it is.
    pub(crate) fn push(&mut self, entry: Entry) -> usize {
        debug_assert!(
            self.last().is_none_or(|last| last < entry.offer.sequence),
            "{} comes after {:?}",
            entry.offer.sequence,
            self.last()
        );
        self.entries.push_back(entry);
        self.len += 1;
        self.entries.len() - 1
    }

    /// Leaves a mark in the place of a message that lives.
    pub(crate) fn remove(&mut self, index: usize) -> Option<Box<Failures>> {
        let entry = &mut self.entries[index];
        debug_assert!(entry.lives());
        entry.state = State::Gone;
        self.len -= 1;
        entry.failures.take()
    }

    /// Where a message is. Searches outwards from `hint`, because callers ask in ascending runs.
    pub(crate) fn find(&self, sequence: Sequence, hint: usize) -> Option<usize> {
        let index = self.search(sequence, hint);
        let entry = self.entries.get(index)?;
        (entry.offer.sequence == sequence && entry.lives()).then_some(index)
    }

    pub(crate) fn entry(&self, sequence: Sequence) -> Option<&Entry> {
        self.find(sequence, 0).map(|index| &self.entries[index])
    }

    /// What is at an index: a message or a mark.
    pub(crate) fn get(&self, index: usize) -> Option<&Entry> {
        self.entries.get(index)
    }

    /// The first index whose sequence is not below `sequence`.
    pub(crate) fn first_from(&self, sequence: Sequence) -> usize {
        self.search(sequence, 0)
    }

    /// The messages, ascending.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(|entry| entry.lives())
    }

    /// The messages that are not below `from`, ascending.
    pub(crate) fn iter_from(&self, from: Sequence) -> impl Iterator<Item = &Entry> {
        self.entries.range(self.first_from(from)..).filter(|entry| entry.lives())
    }

    /// Where what is not below `first` and not above `last` is, messages and marks.
    pub(crate) fn indexes(&self, first: Sequence, last: Sequence) -> Range<usize> {
        let from = self.search(first, 0);
        let past = last.checked_add(1).map_or(self.entries.len(), |past| self.search(past, from));
        from..past.max(from)
    }

    /// The messages of a span whose time, of the kind that `time` tells, is the span's.
    pub(crate) fn at_time(
        &self,
        span: Span,
        time: fn(&Entry) -> Option<Timestamp>,
    ) -> impl Iterator<Item = Sequence> {
        let from = self.entries.range(self.first_from(span.first)..);
        let within = from.take_while(move |entry| entry.offer.sequence <= span.last);
        let holds = move |entry: &&Entry| entry.lives() && time(entry) == Some(span.at);
        within.filter(holds).map(|entry| entry.offer.sequence)
    }

    /// The sequence of the oldest message.
    pub(crate) fn first(&self) -> Option<Sequence> {
        self.iter().next().map(|entry| entry.offer.sequence)
    }

    /// The highest sequence, of a message or a mark.
    pub(crate) fn last(&self) -> Option<Sequence> {
        self.entries.back().map(|entry| entry.offer.sequence)
    }

    /// Drops marks at the front, and all of them once they are more than half. Indexes change.
    pub(crate) fn tidy(&mut self) {
        if self.len == 0 {
            self.entries = VecDeque::new();
        } else if self.entries.len() > 2 * self.len + 64 {
            self.entries.retain(Entry::lives);
            self.entries.shrink_to(2 * self.len);
        }
        while self.entries.front().is_some_and(|entry| !entry.lives()) {
            self.entries.pop_front();
        }
    }

    pub(crate) fn capacity(&self) -> usize {
        self.entries.capacity()
    }

    /// The first index whose sequence is not below `sequence`: doubling steps up from `hint`, then halving; or halving alone if the place
    /// is below it.
    pub(crate) fn search(&self, sequence: Sequence, hint: usize) -> usize {
        let is_below = |index: usize| self.entries[index].offer.sequence < sequence;
        let end = self.entries.len();
        if hint >= end || !is_below(hint) {
            // At the hint itself more often than below it.
            let high = end.min(hint);
            return if high == 0 || is_below(high - 1) { high } else { halve(0, high - 1, is_below) };
        }
        let mut low = hint;
        let mut step = 1;
        while low + step < end && is_below(low + step) {
            low += step;
            step *= 2;
        }
        halve(low + 1, end.min(low + step), is_below)
    }
}

impl Index<usize> for Window {
    type Output = Entry;

    fn index(&self, index: usize) -> &Entry {
        &self.entries[index]
    }
}

impl IndexMut<usize> for Window {
    fn index_mut(&mut self, index: usize) -> &mut Entry {
        &mut self.entries[index]
    }
}

/// The first index in `low..high` that is not below, or `high`.
fn halve(mut low: usize, mut high: usize, is_below: impl Fn(usize) -> bool) -> usize {
    while low < high {
        let middle = usize::midpoint(low, high);
        if is_below(middle) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ExpiryReason;

    fn window(sequences: impl IntoIterator<Item = Sequence>) -> Window {
        let mut window = Window::default();
        for sequence in sequences {
            let offer = Offer {
                sequence,
                bytes: 1,
                key: None,
                deliver_at: Timestamp::EPOCH,
                expire_at: Timestamp::MAX,
                expiry: ExpiryReason::MessageExpiry,
            };
            window.push(Entry { offer, state: State::Ready, failures: None, delivered: false });
        }
        window
    }

    #[test]
    fn marks_go_when_they_reach_the_front_or_outnumber_the_messages() {
        let mut window = window(0..200);
        for index in 1..150 {
            window.remove(index);
        }
        window.tidy();
        assert_eq!((window.len(), window.entries.len()), (51, 51), "swept");
        window.remove(0);
        window.tidy();
        assert_eq!((window.first(), window.entries.len()), (Some(150), 50), "off the front");
    }

    proptest! {
        #[test]
        fn a_message_is_found_from_any_hint(
            sequences in prop::collection::btree_set(0_u64..200, 0..80),
            gone in prop::collection::vec(any::<prop::sample::Index>(), 0..40),
            sequence in 0_u64..200,
            hint in 0_usize..100,
        ) {
            let mut window = window(sequences.iter().copied());
            for index in gone.iter().filter(|_| !sequences.is_empty()).map(|index| index.index(sequences.len())) {
                if window[index].lives() {
                    window.remove(index);
                }
            }
            let expected = sequences.iter().position(|other| *other == sequence);
            prop_assert_eq!(window.find(sequence, hint), expected.filter(|index| window[*index].lives()));
            let not_below = sequences.iter().position(|other| *other >= sequence).unwrap_or(sequences.len());
            prop_assert_eq!(window.first_from(sequence), not_below);
            let living: Vec<_> = window.iter().map(|entry| entry.offer.sequence).collect();
            window.tidy();
            let after: Vec<_> = window.iter().map(|entry| entry.offer.sequence).collect();
            prop_assert_eq!(after, living);
        }
    }
}
