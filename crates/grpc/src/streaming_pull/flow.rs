//! Flow control: what one stream has outstanding, under the numbers of its deliveries. Pure; time comes in as an argument.
//!
//! A message counts from its delivery until the stream settles it or its lease ends. What is settled elsewhere (a unary
//! call, another stream) is not seen here and counts until the lease ends.
//!
//! # Invariants
//!
//! - Deliveries are numbered from 1 in the order of their leases, which the queue numbers upwards: so a number and a lease are both
//!   found by halving.
//! - What comes together is kept together ([`Segment`]): next to nothing is done for one message.
//! - A stream with numbers keeps those whose lease has ended, or that were given back, since their acknowledgement may still come and only the
//!   broker knows what it is worth.
//! - Some that are held for long do not keep those that came with them: what is gone never outnumbers the rest by more than [`GONE`]. It
//!   leaves from the front, or all of it at once, so leaving costs the same whatever lies before and after.
//!
//! # Limits
//!
//! - What the stream may have outstanding, and [`KEPT_ENDED`] deliveries whose lease has ended; the oldest are forgotten before that, and
//!   count as expired.

use std::{
    collections::VecDeque,
    ops::{Range, RangeInclusive},
};

use broker::{Ask, Delivery, DeliveryBlock, LeaseError, LeaseRun};
use types::{AckId, LeaseId, Sequence, SubscriptionUid, Timestamp, limits};

use super::{
    FRAME_BYTES, FRAME_MESSAGES,
    segment::{Segment, State, Totals},
};

/// See the module.
const KEPT_ENDED: usize = limits::STREAM_OUTSTANDING_MESSAGES;
/// Deliveries that are gone are not worth a sweep before.
const GONE: usize = 1_024;

/// See the module.
#[derive(Debug)]
pub(crate) struct Outstanding {
    max_messages: usize,
    max_bytes: u64,
    /// What becomes of a delivery whose lease has ended.
    after_end: State,
    totals: Totals,
    /// Ascending, without gaps but for what is over.
    segments: VecDeque<Segment>,
    /// The number of the next delivery.
    next: u64,
    /// Up to that number deliveries may have been forgotten that were not settled.
    forgotten: u64,
    /// No lease ends before: a lower bound, so that settling one costs no search for the next.
    earliest: Timestamp,
}

/// Numbers that a client acknowledges, and what they are worth.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Claims {
    pub(crate) numbers: Vec<RangeInclusive<u64>>,
    pub(crate) refused: Vec<(RangeInclusive<u64>, LeaseError)>,
}

impl Claims {
    fn add(&mut self, numbers: RangeInclusive<u64>) {
        match self.numbers.last_mut() {
            Some(run) if *run.end() + 1 == *numbers.start() => *run = *run.start()..=*numbers.end(),
            _ => self.numbers.push(numbers),
        }
    }

    fn refuse(&mut self, numbers: RangeInclusive<u64>, why: LeaseError) {
        push_refused(&mut self.refused, numbers, why);
    }
}

/// Adds it, to the last one if it follows.
pub(crate) fn push_refused(
    refused: &mut Vec<(RangeInclusive<u64>, LeaseError)>,
    numbers: RangeInclusive<u64>,
    why: LeaseError,
) {
    match refused.last_mut() {
        Some((last, error)) if *error == why && *last.end() + 1 == *numbers.start() => {
            *last = *last.start()..=*numbers.end();
        }
        _ => refused.push((numbers, why)),
    }
}

impl Outstanding {
    /// With numbers the client can acknowledge by them.
    pub(crate) fn new(max_messages: usize, max_bytes: u64, with_numbers: bool) -> Self {
        Self {
            max_messages,
            max_bytes,
            after_end: if with_numbers { State::Ended } else { State::Gone },
            totals: Totals::default(),
            segments: VecDeque::new(),
            next: 1,
            forgotten: 0,
            earliest: Timestamp::MAX,
        }
    }

    /// What the next frame may hold; none when there is no room.
    pub(crate) fn room(&self) -> Option<Ask> {
        let messages = self.max_messages.saturating_sub(self.totals.held).min(FRAME_MESSAGES);
        let bytes = self.max_bytes.saturating_sub(self.totals.bytes).min(FRAME_BYTES);
        (messages > 0 && bytes > 0).then_some(Ask { max_messages: messages, max_bytes: bytes })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.totals.held == 0
    }

    /// A time before which no lease ends.
    pub(crate) fn earliest_end(&self) -> Timestamp {
        self.earliest
    }

    /// The number of the last delivery; 0 before the first.
    pub(crate) fn last(&self) -> u64 {
        self.next - 1
    }

    /// Returns their numbers.
    pub(crate) fn delivered(&mut self, deliveries: &[Delivery]) -> Range<u64> {
        let start = self.next;
        let together = |one: &Delivery, next: &Delivery| {
            one.deadline == next.deadline && one.ack_id.lease.0 + 1 == next.ack_id.lease.0
        };
        for run in deliveries.chunk_by(together) {
            let bytes = |delivery: &Delivery| u32::try_from(delivery.payload.len()).unwrap_or(u32::MAX);
            let messages = run.iter().map(|delivery| (delivery.message_id.sequence, bytes(delivery)));
            self.push(run[0].ack_id.lease, run[0].deadline, messages.collect());
        }
        start..self.next
    }

    /// Returns their numbers, and takes out of the blocks which messages they have.
    pub(crate) fn delivered_blocks(&mut self, blocks: &mut [DeliveryBlock]) -> Range<u64> {
        let start = self.next;
        for block in blocks {
            self.push(block.first_lease, block.deadline, std::mem::take(&mut block.messages));
        }
        start..self.next
    }

    fn push(&mut self, lease: LeaseId, deadline: Timestamp, messages: Vec<(Sequence, u32)>) {
        if messages.is_empty() {
            return;
        }
        debug_assert!(self.segments.back().is_none_or(|last| last.last_lease() < lease), "leases ascend");
        let segment = Segment::new(self.next, lease, deadline, messages, &mut self.totals);
        self.earliest = self.earliest.min(deadline);
        self.next = segment.last() + 1;
        self.segments.push_back(segment);
    }

    /// The message is settled for good.
    pub(crate) fn settled(&mut self, id: &AckId) {
        self.leave(id, State::Gone);
    }

    /// The lease gives no right any more, and the message may come again: it was given back, or what was asked was refused.
    pub(crate) fn ended(&mut self, id: &AckId) {
        self.leave(id, self.after_end);
    }

    fn leave(&mut self, id: &AckId, to: State) {
        let Some((index, number)) = self.find(id) else { return };
        let segment = &mut self.segments[index];
        if segment.state(number) != State::Gone {
            segment.set(number, to, &mut self.totals);
            self.tidy();
        }
    }

    pub(crate) fn extended(&mut self, id: &AckId, deadline: Timestamp) {
        let Some((index, number)) = self.find(id) else { return };
        let segment = &mut self.segments[index];
        if segment.state(number) == State::Gone {
            return;
        }
        segment.set(number, State::Held, &mut self.totals);
        segment.extend(number, deadline);
        self.earliest = self.earliest.min(deadline);
    }

    /// Notes leases that have ended: they count no more.
    pub(crate) fn expire(&mut self, now: Timestamp) {
        if now < self.earliest {
            return;
        }
        for segment in self.segments.iter_mut().filter(|segment| segment.earliest <= now) {
            segment.expire(now, self.after_end, &mut self.totals);
        }
        self.tidy();
        self.earliest = self.segments.iter().map(|segment| segment.earliest).min().unwrap_or(Timestamp::MAX);
    }

    /// Claims deliveries by their numbers, which were given out. They are settled then, unless [`Self::refused`] says otherwise.
    pub(crate) fn claim(&mut self, numbers: RangeInclusive<u64>, claims: &mut Claims) {
        let (mut number, last) = numbers.into_inner();
        while number <= last {
            let index = self.segments.partition_point(|segment| segment.last() < number);
            let Some(segment) = self.segments.get_mut(index).filter(|segment| segment.first <= last) else {
                return self.gone(number..=last, claims);
            };
            if number < segment.first {
                let first = segment.first;
                self.gone(number..=first - 1, claims);
                number = first;
                continue;
            }
            let (end, forgotten) = (last.min(segment.last()), self.forgotten);
            segment.claim(number..=end, &mut self.totals, |numbers, is_there| {
                if is_there {
                    claims.add(numbers);
                } else {
                    // One by one.
                    let is_forgotten = *numbers.start() <= forgotten;
                    let why = if is_forgotten { LeaseError::Expired } else { LeaseError::AlreadySettled };
                    claims.refuse(numbers, why);
                }
            });
            number = end + 1;
        }
    }

    /// The leases of what was claimed, in the same order.
    pub(crate) fn runs(&self, claimed: &[RangeInclusive<u64>]) -> Vec<LeaseRun<'_>> {
        let runs = claimed.iter().flat_map(|numbers| {
            let index = self.segments.partition_point(|segment| segment.last() < *numbers.start());
            let segments = self.segments.range(index..);
            segments.take_while(|segment| segment.first <= *numbers.end()).map(|segment| segment.run(numbers))
        });
        runs.collect()
    }

    /// Numbers of which nothing is known any more.
    fn gone(&self, numbers: RangeInclusive<u64>, claims: &mut Claims) {
        let (first, last) = numbers.into_inner();
        if first <= self.forgotten {
            claims.refuse(first..=last.min(self.forgotten), LeaseError::Expired);
        }
        let first = first.max(self.forgotten + 1);
        if first <= last {
            claims.refuse(first..=last, LeaseError::AlreadySettled);
        }
    }

    /// A claimed delivery was not settled after all, and nothing was tidied since. What is settled elsewhere is so for good; else the broker is asked again.
    pub(crate) fn refused(&mut self, number: u64, why: LeaseError) {
        if why == LeaseError::AlreadySettled {
            return;
        }
        if let Some(index) = self.segment_of(number) {
            self.segments[index].set(number, self.after_end, &mut self.totals);
        }
    }

    /// The leases of what is still held of these numbers, which are not outstanding any more.
    pub(crate) fn give_back(&mut self, numbers: Range<u64>, uid: SubscriptionUid) -> Vec<AckId> {
        let mut ids = Vec::new();
        for number in numbers {
            let Some(index) = self.segment_of(number) else { continue };
            let segment = &mut self.segments[index];
            if segment.state(number) == State::Held {
                ids.push(segment.ack_id(number, uid));
                segment.set(number, State::Gone, &mut self.totals);
            }
        }
        ids
    }

    fn find(&self, id: &AckId) -> Option<(usize, u64)> {
        let index = self.segments.partition_point(|segment| segment.last_lease() < id.lease);
        let number = self.segments.get(index)?.number_of(id.lease)?;
        Some((index, number))
    }

    fn segment_of(&self, number: u64) -> Option<usize> {
        let index = self.segments.partition_point(|segment| segment.last() < number);
        self.segments.get(index).is_some_and(|segment| segment.first <= number).then_some(index)
    }

    /// Drops what is gone; see the module. Not between [`Self::claim`] and [`Self::refused`]: what was claimed may come back.
    pub(crate) fn tidy(&mut self) {
        if self.totals.ended > KEPT_ENDED {
            self.forget();
        }
        while let Some(over) = self.segments.pop_front_if(|segment| segment.is_over()) {
            self.totals.entries -= over.len();
        }
        let kept = self.totals.held + self.totals.ended;
        if self.totals.entries > 2 * kept + GONE {
            self.segments = std::mem::take(&mut self.segments).into_iter().flat_map(Segment::live).collect();
            self.totals.entries = kept;
        }
    }

    /// Forgets the oldest that have ended: some more than needed, so that the next ones do not search again.
    fn forget(&mut self) {
        for segment in &mut self.segments {
            if self.totals.ended <= KEPT_ENDED - KEPT_ENDED / 8 {
                return;
            }
            if segment.has_ended() {
                segment.forget_ended(&mut self.totals);
                // Not the oldest first: what is held may have kept an older one until now.
                self.forgotten = self.forgotten.max(segment.last());
            }
        }
    }
}

#[cfg(test)]
mod tests;
