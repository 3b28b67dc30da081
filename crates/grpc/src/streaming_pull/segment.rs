//! Deliveries that were leased together: the numbers that the stream gave them, and what became of each. Pure.

use std::ops::{Range, RangeInclusive};

use broker::LeaseRun;
use types::{AckId, LeaseId, Sequence, SubscriptionUid, Timestamp};

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

/// Sums over deliveries.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) held: usize,
    pub(crate) ended: usize,
    /// Of what is held.
    pub(crate) bytes: u64,
    /// Of all states.
    pub(crate) entries: usize,
}

impl Totals {
    fn enter(&mut self, state: State, bytes: u64) {
        match state {
            State::Held => (self.held, self.bytes) = (self.held + 1, self.bytes + bytes),
            State::Ended => self.ended += 1,
            State::Gone => {}
        }
    }

    fn leave(&mut self, state: State, bytes: u64) {
        match state {
            State::Held => (self.held, self.bytes) = (self.held - 1, self.bytes - bytes),
            State::Ended => self.ended -= 1,
            State::Gone => {}
        }
    }
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
    /// As the broker gave them.
    messages: Vec<(Sequence, u32)>,
    /// One a message.
    states: Vec<State>,
    own: Totals,
}

impl Segment {
    /// At least one message.
    pub(crate) fn new(
        first: u64,
        first_lease: LeaseId,
        deadline: Timestamp,
        mut messages: Vec<(Sequence, u32)>,
        totals: &mut Totals,
    ) -> Self {
        // It may be kept for as long as one of them is held.
        if messages.capacity() > 2 * messages.len() {
            messages.shrink_to_fit();
        }
        let bytes = messages.iter().map(|(_, bytes)| u64::from(*bytes)).sum();
        let own = Totals { held: messages.len(), ended: 0, bytes, entries: messages.len() };
        totals.held += own.held;
        totals.bytes += own.bytes;
        totals.entries += own.entries;
        let states = vec![State::Held; messages.len()];
        Self { first, first_lease, deadline, deadlines: None, earliest: deadline, messages, states, own }
    }

    pub(crate) fn last(&self) -> u64 {
        self.first + self.messages.len() as u64 - 1
    }

    pub(crate) fn last_lease(&self) -> LeaseId {
        LeaseId(self.first_lease.0 + self.messages.len() as u64 - 1)
    }

    /// How many deliveries it has, in whatever state.
    pub(crate) fn len(&self) -> usize {
        self.messages.len()
    }

    #[cfg(test)]
    pub(crate) fn capacity(&self) -> usize {
        self.messages.capacity()
    }

    /// Nothing of it matters any more.
    pub(crate) fn is_over(&self) -> bool {
        self.own.held + self.own.ended == 0
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.own.ended > 0
    }

    /// What is not gone, in segments of their own.
    pub(crate) fn live(self) -> Vec<Self> {
        if self.own.held + self.own.ended == self.len() {
            return vec![self];
        }
        let (mut parts, mut start) = (Vec::new(), 0);
        for run in self.states.chunk_by(|one, next| (*one == State::Gone) == (*next == State::Gone)) {
            if run[0] != State::Gone {
                parts.push(self.part(start..start + run.len()));
            }
            start += run.len();
        }
        parts
    }

    fn part(&self, range: Range<usize>) -> Self {
        let (messages, states) = (self.messages[range.clone()].to_vec(), self.states[range.clone()].to_vec());
        let mut own = Totals { entries: messages.len(), ..Totals::default() };
        for (state, (_, bytes)) in states.iter().zip(&messages) {
            own.enter(*state, u64::from(*bytes));
        }
        Self {
            first: self.first + range.start as u64,
            first_lease: LeaseId(self.first_lease.0 + range.start as u64),
            deadline: self.deadline,
            deadlines: self.deadlines.as_ref().map(|deadlines| deadlines[range].to_vec()),
            earliest: self.earliest,
            messages,
            states,
            own,
        }
    }

    /// The number of the delivery with that lease.
    pub(crate) fn number_of(&self, lease: LeaseId) -> Option<u64> {
        let index = lease.0.checked_sub(self.first_lease.0)?;
        (index < self.messages.len() as u64).then_some(self.first + index)
    }

    /// Claims what it has of these numbers: what is not gone is gone then. Tells, in order, which were and which were not.
    pub(crate) fn claim(
        &mut self,
        numbers: RangeInclusive<u64>,
        totals: &mut Totals,
        mut tell: impl FnMut(RangeInclusive<u64>, bool),
    ) {
        let range = self.range(&numbers);
        if self.states[range.clone()].iter().all(|state| *state == State::Held) {
            self.all_gone(range, totals);
            return tell(numbers, true);
        }
        for number in numbers {
            let is_there = self.state(number) != State::Gone;
            self.set(number, State::Gone, totals);
            tell(number..=number, is_there);
        }
    }

    /// All of these were held.
    fn all_gone(&mut self, range: Range<usize>, totals: &mut Totals) {
        let bytes = self.messages[range.clone()].iter().map(|(_, bytes)| u64::from(*bytes)).sum::<u64>();
        for sums in [&mut self.own, totals] {
            sums.held -= range.len();
            sums.bytes -= bytes;
        }
        self.states[range].fill(State::Gone);
    }

    /// The leases of what it has of these numbers.
    pub(crate) fn run(&self, numbers: &RangeInclusive<u64>) -> LeaseRun<'_> {
        let start = self.first.max(*numbers.start());
        let range = self.range(&(start..=self.last().min(*numbers.end())));
        let first_lease = LeaseId(self.first_lease.0 + (start - self.first));
        LeaseRun { first_lease, messages: &self.messages[range] }
    }

    pub(crate) fn ack_id(&self, number: u64, subscription: SubscriptionUid) -> AckId {
        let lease = LeaseId(self.first_lease.0 + (number - self.first));
        AckId { subscription, sequence: self.messages[self.index(number)].0, lease }
    }

    pub(crate) fn state(&self, number: u64) -> State {
        self.states[self.index(number)]
    }

    pub(crate) fn set(&mut self, number: u64, to: State, totals: &mut Totals) {
        let index = self.index(number);
        let before = std::mem::replace(&mut self.states[index], to);
        let bytes = u64::from(self.messages[index].1);
        for sums in [&mut self.own, totals] {
            sums.leave(before, bytes);
            sums.enter(to, bytes);
        }
    }

    /// What is held of that number ends then.
    pub(crate) fn extend(&mut self, number: u64, deadline: Timestamp) {
        let index = self.index(number);
        let (common, len) = (self.deadline, self.messages.len());
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

    fn range(&self, numbers: &RangeInclusive<u64>) -> Range<usize> {
        self.index(*numbers.start())..self.index(*numbers.end()) + 1
    }
}
