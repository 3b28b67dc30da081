//! Deliveries that were leased together: the numbers that the stream gave them, and what became of each. Pure.

use broker::LeaseRef;
use types::{LeaseId, Sequence, Timestamp};

/// What a delivery is to the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// Outstanding.
    Held,
    /// Its lease has ended as far as the stream knows; whether that is so the broker says.
    Ended,
    /// Settled on the stream, or forgotten.
    Gone,
}

#[derive(Debug)]
struct Entry {
    sequence: Sequence,
    bytes: u32,
    state: State,
}

/// Sums over all segments of a stream.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) held: usize,
    pub(crate) ended: usize,
    /// Of what is held.
    pub(crate) bytes: u64,
    /// Of all states.
    pub(crate) entries: usize,
}

/// Deliveries with numbers and leases that follow each other.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) first: u64,
    first_lease: LeaseId,
    deadline: Timestamp,
    /// Of each, once one of them is not `deadline` any more.
    deadlines: Option<Vec<Timestamp>>,
    /// No lease of what is held ends before.
    pub(crate) earliest: Timestamp,
    entries: Vec<Entry>,
    held: usize,
    pub(crate) ended: usize,
}

impl Segment {
    pub(crate) fn new(
        first: u64,
        first_lease: LeaseId,
        deadline: Timestamp,
        messages: impl IntoIterator<Item = (Sequence, u32)>,
        totals: &mut Totals,
    ) -> Self {
        let entry = |(sequence, bytes)| Entry { sequence, bytes, state: State::Held };
        let entries: Vec<_> = messages.into_iter().map(entry).collect();
        totals.held += entries.len();
        totals.entries += entries.len();
        totals.bytes += entries.iter().map(|entry| u64::from(entry.bytes)).sum::<u64>();
        let held = entries.len();
        Self { first, first_lease, deadline, deadlines: None, earliest: deadline, entries, held, ended: 0 }
    }

    pub(crate) fn last(&self) -> u64 {
        self.first + self.entries.len() as u64 - 1
    }

    pub(crate) fn last_lease(&self) -> LeaseId {
        LeaseId(self.first_lease.0 + self.entries.len() as u64 - 1)
    }

    /// How many deliveries it has, in whatever state.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Nothing of it matters any more.
    pub(crate) fn is_over(&self) -> bool {
        self.held + self.ended == 0
    }

    /// The number of the delivery with that lease.
    pub(crate) fn number_of(&self, lease: LeaseId) -> Option<u64> {
        let index = lease.0.checked_sub(self.first_lease.0)?;
        (index < self.entries.len() as u64).then_some(self.first + index)
    }

    /// Claims what it has of these numbers and is not gone, and says for each number whether it was. What is claimed is gone.
    pub(crate) fn claim(
        &mut self,
        numbers: std::ops::RangeInclusive<u64>,
        totals: &mut Totals,
        claims: &mut Vec<LeaseRef>,
        mut claimed: impl FnMut(u64, bool),
    ) {
        for number in numbers {
            let is_there = self.state(number) != State::Gone;
            if is_there {
                claims.push(self.lease(number));
                self.set(number, State::Gone, totals);
            }
            claimed(number, is_there);
        }
    }

    pub(crate) fn lease(&self, number: u64) -> LeaseRef {
        let index = self.index(number);
        LeaseRef { sequence: self.entries[index].sequence, lease: LeaseId(self.first_lease.0 + index as u64) }
    }

    pub(crate) fn state(&self, number: u64) -> State {
        self.entries[self.index(number)].state
    }

    pub(crate) fn set(&mut self, number: u64, to: State, totals: &mut Totals) {
        let index = self.index(number);
        let entry = &mut self.entries[index];
        let bytes = u64::from(entry.bytes);
        match std::mem::replace(&mut entry.state, to) {
            State::Held => {
                (self.held, totals.held, totals.bytes) =
                    (self.held - 1, totals.held - 1, totals.bytes - bytes)
            }
            State::Ended => (self.ended, totals.ended) = (self.ended - 1, totals.ended - 1),
            State::Gone => {}
        }
        match to {
            State::Held => {
                (self.held, totals.held, totals.bytes) =
                    (self.held + 1, totals.held + 1, totals.bytes + bytes)
            }
            State::Ended => (self.ended, totals.ended) = (self.ended + 1, totals.ended + 1),
            State::Gone => {}
        }
    }

    /// What is held of that number ends then.
    pub(crate) fn extend(&mut self, number: u64, deadline: Timestamp) {
        let index = self.index(number);
        let (common, len) = (self.deadline, self.entries.len());
        self.deadlines.get_or_insert_with(|| vec![common; len])[index] = deadline;
        self.earliest = self.earliest.min(deadline);
    }

    /// What is held and whose lease has ended by then, ended.
    pub(crate) fn expire(&mut self, now: Timestamp, to: State, totals: &mut Totals) {
        self.earliest = Timestamp::MAX;
        for number in self.first..=self.last() {
            if self.state(number) != State::Held {
                continue;
            }
            let index = self.index(number);
            let deadline = self.deadlines.as_ref().map_or(self.deadline, |deadlines| deadlines[index]);
            if deadline <= now {
                self.set(number, to, totals);
            } else {
                self.earliest = self.earliest.min(deadline);
            }
        }
    }

    /// Forgets what has ended.
    pub(crate) fn forget_ended(&mut self, totals: &mut Totals) {
        for number in self.first..=self.last() {
            if self.state(number) == State::Ended {
                self.set(number, State::Gone, totals);
            }
        }
    }

    fn index(&self, number: u64) -> usize {
        usize::try_from(number - self.first).unwrap_or(usize::MAX)
    }
}
