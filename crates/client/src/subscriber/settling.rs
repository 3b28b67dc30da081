//! Settlements until the broker has confirmed them. Pure; time comes in as an argument.
//!
//! A settlement waits, is sent, and is concluded by its result, which comes in the order of the requests. A broken connection makes it wait
//! again, under the same ack ID; one that has been made already by then counts as made.
//!
//! # The message is delivered again meanwhile
//!
//! Then it is settled under the new ack ID, as it was decided. Only if it is to be given back, that was sent, and an attempt was counted since,
//! it has been given back, by the nack or by the end of its lease: then this is its next delivery.
//!
//! A settlement that comes after its lease waits [`GRACE`] for such a delivery before it fails, since a broker that was restarted has no leases
//! and delivers again what was held.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    time::Duration,
};

use fanfare_proto::v1;
use tokio::time::Instant;

use super::{
    AckError, Verdict,
    block::Waiter,
    leases::{Lease, Ticket},
    settler::settled,
};
use crate::message::duration;

/// How long a settlement whose lease was lost waits for the message to be delivered here again.
pub(super) const GRACE: Duration = Duration::from_secs(5);
/// Settlements that wait for that, at most; further ones fail at once.
const LOST: usize = 10_000;

/// The broker answers something that was not asked.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct OutOfStep;

/// Whether a delivery is of a message that is being settled.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Redelivery {
    /// It is not, or not any more: the delivery is a new one.
    No,
    /// It is, and is settled under the new ack ID.
    Taken,
}

/// A part of a request.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Batch {
    pub(super) acks: Vec<String>,
    pub(super) nacks: Vec<v1::StreamNack>,
    pub(super) count: usize,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Settling {
    unsettled: HashMap<u64, Unsettled>,
    waiting: VecDeque<Ticket>,
    acks: VecDeque<Sent>,
    nacks: VecDeque<Sent>,
    lost: VecDeque<(Instant, Ticket)>,
    sends: u64,
}

#[derive(Debug)]
struct Unsettled {
    lease: Lease,
    verdict: Verdict,
    waiter: Option<Waiter>,
    stage: Stage,
    /// It may have been made on an earlier connection.
    is_resent: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Waiting,
    /// By this send.
    Sent(u64),
    /// The lease was lost; the message may be delivered here again, until then.
    Lost(Instant),
}

#[derive(Debug, Clone, Copy)]
struct Sent {
    ticket: Ticket,
    send: u64,
}

impl Unsettled {
    /// What it comes to if its lease was lost and the message does not come again here.
    fn without_lease(&self) -> Result<(), AckError> {
        // A nack that was sent before ended the lease by itself, or found it ended: the message comes again either way.
        let is_as_good_as_made = self.is_resent && self.verdict != Verdict::Ack;
        if is_as_good_as_made { Ok(()) } else { Err(AckError::LeaseExpired) }
    }

    fn conclude(self, result: &Result<(), AckError>) {
        if let Some(waiter) = self.waiter {
            waiter.tell(result);
        }
    }
}

impl Settling {
    pub(super) fn is_empty(&self) -> bool {
        self.unsettled.is_empty()
    }

    /// Whether something is to be sent.
    pub(super) fn has_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    pub(super) fn add(&mut self, lease: Lease, verdict: Verdict, waiter: Option<Waiter>) {
        let ticket = lease.ticket;
        let unsettled = Unsettled { lease, verdict, waiter, stage: Stage::Waiting, is_resent: false };
        self.unsettled.insert(ticket.sequence, unsettled);
        self.waiting.push_back(ticket);
    }

    /// One that was sent on a connection that is gone: it is sent again, before all else.
    pub(super) fn add_resent(&mut self, lease: Lease, verdict: Verdict, waiter: Option<Waiter>) {
        let ticket = lease.ticket;
        let unsettled = Unsettled { lease, verdict, waiter, stage: Stage::Waiting, is_resent: true };
        self.unsettled.insert(ticket.sequence, unsettled);
        self.waiting.push_front(ticket);
    }

    /// An acknowledgement that was sent and not made.
    pub(super) fn add_refused(
        &mut self,
        now: Instant,
        lease: Lease,
        waiter: Option<Waiter>,
        outcome: v1::LeaseOutcome,
    ) {
        let sequence = lease.ticket.sequence;
        let stage = Stage::Sent(self.sends);
        let unsettled = Unsettled { lease, verdict: Verdict::Ack, waiter, stage, is_resent: false };
        self.unsettled.insert(sequence, unsettled);
        self.answered(now, sequence, outcome);
    }

    /// Takes what waits, at most so many; counts as sent.
    pub(super) fn take(&mut self, most: usize) -> Batch {
        self.sends += 1;
        let (mut batch, mut nacks) = (Batch::default(), BTreeMap::<_, Vec<_>>::new());
        while batch.count < most
            && let Some(ticket) = self.waiting.pop_front()
        {
            let Some(unsettled) = self.unsettled.get_mut(&ticket.sequence) else { continue };
            if unsettled.lease.ticket != ticket || unsettled.stage != Stage::Waiting {
                continue;
            }
            unsettled.stage = Stage::Sent(self.sends);
            batch.count += 1;
            let (ack_id, sent) = (unsettled.lease.ack_id.clone(), Sent { ticket, send: self.sends });
            match unsettled.verdict {
                Verdict::Ack => {
                    batch.acks.push(ack_id);
                    self.acks.push_back(sent);
                }
                Verdict::Nack => nacks.entry(None).or_default().push((ack_id, sent)),
                Verdict::NackAfter(delay) => nacks.entry(Some(delay)).or_default().push((ack_id, sent)),
            }
        }
        for (delay, deliveries) in nacks {
            let (ack_ids, sent): (Vec<_>, Vec<_>) = deliveries.into_iter().unzip();
            self.nacks.extend(sent);
            batch.nacks.push(v1::StreamNack { ack_ids, delay: delay.map(duration) });
        }
        batch
    }

    /// The results of acknowledgements, in the order in which they were sent.
    pub(super) fn acked(&mut self, now: Instant, results: &[v1::SettleResult]) -> Result<(), OutOfStep> {
        results.iter().try_for_each(|result| {
            let sent = *self.acks.front().ok_or(OutOfStep)?;
            self.result(now, sent, result)?;
            // Not before: what was not answered is sent again.
            self.acks.pop_front();
            Ok(())
        })
    }

    /// Those of nacks.
    pub(super) fn nacked(&mut self, now: Instant, results: &[v1::SettleResult]) -> Result<(), OutOfStep> {
        results.iter().try_for_each(|result| {
            let sent = *self.nacks.front().ok_or(OutOfStep)?;
            self.result(now, sent, result)?;
            // Not before: what was not answered is sent again.
            self.nacks.pop_front();
            Ok(())
        })
    }

    fn result(&mut self, now: Instant, sent: Sent, result: &v1::SettleResult) -> Result<(), OutOfStep> {
        let sequence = sent.ticket.sequence;
        let Some(unsettled) = self.unsettled.get_mut(&sequence) else { return Ok(()) };
        if unsettled.stage != Stage::Sent(sent.send) {
            return Ok(());
        }
        if unsettled.lease.ack_id != result.ack_id {
            return Err(OutOfStep);
        }
        self.answered(now, sequence, result.outcome());
        Ok(())
    }

    fn answered(&mut self, now: Instant, sequence: u64, outcome: v1::LeaseOutcome) {
        let Some(unsettled) = self.unsettled.get_mut(&sequence) else { return };
        let outcome = match settled(outcome) {
            Err(AckError::AlreadySettled) if unsettled.is_resent => Ok(()),
            Err(AckError::LeaseExpired) if self.lost.len() < LOST => {
                unsettled.stage = Stage::Lost(now + GRACE);
                self.lost.push_back((now + GRACE, unsettled.lease.ticket));
                return;
            }
            Err(AckError::LeaseExpired) => unsettled.without_lease(),
            outcome => outcome,
        };
        self.conclude(sequence, &outcome);
    }

    fn conclude(&mut self, sequence: u64, outcome: &Result<(), AckError>) {
        if let Some(unsettled) = self.unsettled.remove(&sequence) {
            unsettled.conclude(outcome);
        }
    }

    /// Whether a message is being settled here.
    pub(super) fn holds(&self, sequence: u64) -> bool {
        self.unsettled.contains_key(&sequence)
    }

    /// A message is delivered: see the module.
    pub(super) fn redelivered(&mut self, again: &Lease) -> Redelivery {
        let sequence = again.ticket.sequence;
        let Some(unsettled) = self.unsettled.get_mut(&sequence) else { return Redelivery::No };
        let is_counted = again.attempt > unsettled.lease.attempt;
        let was_sent = unsettled.is_resent || unsettled.stage != Stage::Waiting;
        let is_given_back = unsettled.verdict != Verdict::Ack && was_sent && is_counted;
        if is_given_back {
            self.conclude(sequence, &Ok(()));
            return Redelivery::No;
        }
        unsettled.lease.ack_id.clone_from(&again.ack_id);
        unsettled.lease.attempt = again.attempt;
        if unsettled.stage != Stage::Waiting {
            unsettled.stage = Stage::Waiting;
            self.waiting.push_back(unsettled.lease.ticket);
        }
        Redelivery::Taken
    }

    /// What was sent and not confirmed is sent again, in its order, before all else.
    pub(super) fn disconnected(&mut self) {
        let mut sent: Vec<_> = self.acks.drain(..).chain(self.nacks.drain(..)).collect();
        sent.sort_by_key(|sent| sent.send);
        for Sent { ticket, send } in sent.into_iter().rev() {
            let Some(unsettled) = self.unsettled.get_mut(&ticket.sequence) else { continue };
            if unsettled.stage == Stage::Sent(send) {
                unsettled.stage = Stage::Waiting;
                unsettled.is_resent = true;
                self.waiting.push_front(ticket);
            }
        }
    }

    /// When the next settlement has waited long enough for its message to come again.
    pub(super) fn next_lost(&self) -> Option<Instant> {
        self.lost.front().map(|(until, _)| *until)
    }

    /// Those that have waited long enough fail.
    pub(super) fn give_up(&mut self, now: Instant) {
        while let Some((until, ticket)) = self.lost.pop_front_if(|(until, _)| *until <= now) {
            let Some(unsettled) = self.unsettled.get(&ticket.sequence) else { continue };
            if unsettled.lease.ticket == ticket && unsettled.stage == Stage::Lost(until) {
                let outcome = unsettled.without_lease();
                self.conclude(ticket.sequence, &outcome);
            }
        }
    }
}

#[cfg(test)]
mod tests;
