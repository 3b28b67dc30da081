//! Leases: taking, extending and giving back, and what a claim to one is worth. All of it is volatile.

use std::time::Duration;

use types::{LeaseId, Sequence, Timestamp};

use crate::{
    Queue,
    window::{Entry, State},
};

/// How much a consumer wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ask {
    /// Messages, at most.
    pub max_messages: usize,
    /// Bytes of messages, at most; a first message that is larger goes out alone.
    pub max_bytes: u64,
}

/// One delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Leased {
    /// Which message.
    pub sequence: Sequence,
    /// Its lease.
    pub lease: LeaseId,
    /// Ends then, unless extended.
    pub deadline: Timestamp,
    /// Failed attempts so far, plus one. A broker restart is not counted.
    pub attempt: u32,
    /// True only if the message was certainly never delivered to this subscription before. After a crash some
    /// messages that were not are marked as if they might have been; never the other way round.
    pub first_delivery: bool,
}

/// Deliveries of one call with all that they have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeasedRun {
    /// The lease of the first; each of the others has the next.
    pub first_lease: LeaseId,
    /// As in [`Leased`], of each of them.
    pub deadline: Timestamp,
    /// As in [`Leased`], of each of them.
    pub attempt: u32,
    /// As in [`Leased`], of each of them.
    pub first_delivery: bool,
    /// Which messages, ascending, and the bytes of each. At least one.
    pub messages: Vec<(Sequence, u32)>,
}

impl LeasedRun {
    /// One by one.
    pub fn deliveries(&self) -> impl Iterator<Item = Leased> {
        self.messages.iter().zip(self.first_lease.0..).map(|((sequence, _), lease)| Leased {
            sequence: *sequence,
            lease: LeaseId(lease),
            deadline: self.deadline,
            attempt: self.attempt,
            first_delivery: self.first_delivery,
        })
    }

    fn of(first: &Leased, message: (Sequence, u32), room: usize) -> Self {
        let mut messages = Vec::with_capacity(room.min(RUN));
        messages.push(message);
        Self {
            first_lease: first.lease,
            deadline: first.deadline,
            attempt: first.attempt,
            first_delivery: first.first_delivery,
            messages,
        }
    }

    /// The delivery comes next in the same call.
    fn goes_on_with(&self, next: &Leased) -> bool {
        self.attempt == next.attempt && self.first_delivery == next.first_delivery
    }
}

/// Leases that somebody claims to hold and that were given out together: a [`LeasedRun`] or a part of one.
#[derive(Debug, Clone, Copy)]
pub struct LeaseRun<'a> {
    /// The lease of the first; each of the others has the next.
    pub first_lease: LeaseId,
    /// Their messages, as [`LeasedRun::messages`] has them. The bytes are not looked at.
    pub messages: &'a [(Sequence, u32)],
}

impl LeaseRun<'_> {
    pub(crate) fn claims(&self) -> impl Iterator<Item = LeaseRef> {
        let leases = (0..).map(|more| LeaseId(self.first_lease.0.wrapping_add(more)));
        self.messages.iter().zip(leases).map(|((sequence, _), lease)| LeaseRef { sequence: *sequence, lease })
    }
}

/// Room that a run of deliveries gets at first, at the most; few calls lease more.
const RUN: usize = 1_024;

/// A lease that somebody claims to hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeaseRef {
    /// Which message.
    pub sequence: Sequence,
    /// Its lease.
    pub lease: LeaseId,
}

/// Why a lease gives no right to settle. In each case the message's state is unchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LeaseError {
    /// It ran out, or the broker restarted. The message will be, or was, delivered again.
    #[error("the lease has expired")]
    Expired,
    /// The message is under a later lease, or its attempt under one has failed.
    #[error("the message was leased again since")]
    Superseded,
    /// A seek ended all leases before it.
    #[error("the subscription was moved by a seek since")]
    FencedBySeek,
    /// The message is acknowledged, dead-lettered, dropped or expired already.
    #[error("the message is settled already")]
    AlreadySettled,
}

impl Queue {
    /// Messages that a lease would get now, were it large enough: none when paused or at `max_in_flight`. Those that
    /// still need a [delivery mark](Queue::decide_mark) count.
    pub fn leasable(&mut self, now: Timestamp) -> usize {
        self.wake(now);
        self.tidy();
        if self.paused {
            return 0;
        }
        // Ready, but their time has run out and that is not recorded yet.
        let ready = |entry: &Entry| (entry.state == State::Ready).then_some(entry.offer.expire_at);
        let lapsed = self.expiries.due(now, usize::MAX, |span| self.window.at_time(span, ready));
        (self.ready - lapsed.len()).min(self.in_flight_room())
    }

    /// Leases the oldest messages that are due and below the [delivery mark](Queue::decide_mark), and adds them to
    /// `out`: ascending, and in as few runs as there can be. Nothing when paused or at the in-flight limit.
    pub fn lease(&mut self, now: Timestamp, ask: Ask, out: &mut Vec<LeasedRun>) {
        self.wake(now);
        let most = if self.paused { 0 } else { ask.max_messages.min(self.in_flight_room()) };
        let deadline = now.plus(self.settings.ack_deadline);
        let mut bytes_left = ask.max_bytes;
        let mut walk = self.backlog.walk(&self.window);
        for taken in 0..most {
            let Some(index) = self.backlog.oldest(&mut walk, &self.window, now) else { break };
            let offer = self.window[index].offer;
            let bytes = u64::from(offer.bytes);
            if offer.sequence >= self.delivery_mark || (taken > 0 && bytes > bytes_left) {
                break;
            }
            bytes_left = bytes_left.saturating_sub(bytes);
            self.backlog.take(&mut walk, offer.sequence);
            let leased = self.lease_one(index, deadline);
            let message = (offer.sequence, offer.bytes);
            match out.last_mut().filter(|run| taken > 0 && run.goes_on_with(&leased)) {
                Some(run) => run.messages.push(message),
                None => {
                    // Mostly there is one run. Room for all the rest in each of many would be far more than they hold.
                    let room = if taken == 0 { most.min(self.ready + 1) } else { 1 };
                    out.push(LeasedRun::of(&leased, message, room));
                }
            }
        }
        self.tidy();
    }

    /// Moves a lease's end to `now + by`, which may be earlier than it was; the new end.
    ///
    /// # Errors
    /// The lease is not held; nothing changed.
    pub fn extend(&mut self, now: Timestamp, claim: LeaseRef, by: Duration) -> Result<Timestamp, LeaseError> {
        let index = self.held(now, claim, 0)?;
        let deadline = now.plus(by);
        self.set_state(index, State::Leased { lease: claim.lease, deadline });
        self.tidy();
        Ok(deadline)
    }

    /// Gives a lease back: the message could not be sent. No attempt is counted and the message is ready again, but
    /// it may have been seen. No-op if the lease is not held.
    pub fn release(&mut self, claim: LeaseRef) {
        self.release_until(claim, Timestamp::EPOCH);
    }

    /// The same, but the message is not ready before `until`. Its key stays held meanwhile. A restart forgets the wait.
    pub fn release_until(&mut self, claim: LeaseRef, until: Timestamp) {
        let Some(index) = self.window.find(claim.sequence, 0) else { return };
        if matches!(self.window[index].state, State::Leased { lease, .. } if lease == claim.lease) {
            let waits = until > self.seen;
            self.set_state(index, if waits { State::BackingOff(until) } else { State::Ready });
            self.tidy();
        }
    }

    fn lease_one(&mut self, index: usize, deadline: Timestamp) -> Leased {
        let lease = self.next_lease;
        self.next_lease = LeaseId(lease.0 + 1);
        self.deliveries += 1;
        self.set_state(index, State::Leased { lease, deadline });
        let entry = &mut self.window[index];
        let sequence = entry.offer.sequence;
        let attempt = entry.failed_attempts().saturating_add(1);
        let delivered_before = std::mem::replace(&mut entry.delivered, true);
        let first_delivery = !delivered_before && attempt == 1 && sequence >= self.delivered_below;
        Leased { sequence, lease, deadline, attempt, first_delivery }
    }

    /// Reading on could give a consumer something: it is not paused, and neither the window nor the in-flight limit is full.
    pub fn takes_more(&self) -> bool {
        !self.paused && self.room() > 0 && self.in_flight_room() > 0
    }

    fn in_flight_room(&self) -> usize {
        usize::try_from(self.settings.max_in_flight).unwrap_or(usize::MAX).saturating_sub(self.leased)
    }

    /// Where the message is, if the claim gives the right to settle it. `hint`: near which index it may be.
    pub(crate) fn held(&self, now: Timestamp, claim: LeaseRef, hint: usize) -> Result<usize, LeaseError> {
        if claim.lease < self.fence {
            return Err(LeaseError::FencedBySeek);
        }
        let index = self.find_claimed(claim, hint)?;
        match self.window[index].state {
            State::Leased { lease, .. } if lease != claim.lease => Err(LeaseError::Superseded),
            State::Leased { deadline, .. } if deadline > now => Ok(index),
            _ => Err(LeaseError::Expired),
        }
    }

    /// Where the message is, if an attempt that was counted as failed may settle it after all: nothing was tried since. Which of the
    /// leases of an earlier process came before a seek is not known, so these give no right.
    pub(crate) fn held_late(
        &self,
        claim: LeaseRef,
        failed_attempts: u32,
        hint: usize,
    ) -> Result<usize, LeaseError> {
        if claim.lease < self.fence {
            return Err(LeaseError::FencedBySeek);
        }
        let index = self.find_claimed(claim, hint)?;
        let entry = &self.window[index];
        if entry.is_leased() || failed_attempts == 0 || entry.failed_attempts() != failed_attempts {
            return Err(LeaseError::Superseded);
        }
        if self.is_of_this_process(claim.lease) { Ok(index) } else { Err(LeaseError::Expired) }
    }

    /// Where the message is, if it is in the window.
    fn find_claimed(&self, claim: LeaseRef, hint: usize) -> Result<usize, LeaseError> {
        self.window.find(claim.sequence, hint).ok_or_else(|| {
            let settled = self.is_settled(claim.sequence);
            if settled { LeaseError::AlreadySettled } else { LeaseError::Expired }
        })
    }
}
