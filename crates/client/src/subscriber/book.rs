//! All that a session knows: what is held, what is being settled, and what was asked of the broker and not answered. Pure; time comes in as an
//! argument.
//!
//! # Limits
//!
//! - What is held is at most [`BEYOND`] times what may be outstanding. The broker keeps to once that much on one stream; messages of an earlier
//!   connection, and such as are held past their longest lease, come on top. A message beyond is given back, for as long as a lease lasts.
//! - At most [`REQUESTS`] requests of at most [`IDS`] ack IDs wait for their answers. While they do, further settlements gather, so that the
//!   busier the connection is the larger the batches are.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use fanfare_proto::v1;
use tokio::time::Instant;

use super::{
    AckError, Verdict,
    delivery::{AckHandle, Delivery},
    leases::{Extension, Leases, Taken, Terms},
    outbox::{Outbox, Post},
    settler::settled,
    settling::{Batch, OutOfStep, Redelivery, Settling},
};
use crate::message::duration;

/// What is held is at most so many times what may be outstanding.
const BEYOND: usize = 2;
/// Requests that wait for their answers.
const REQUESTS: usize = 8;
/// Ack IDs of one request.
const IDS: usize = 10_000;

/// How much may be outstanding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Most {
    pub(super) messages: u32,
    pub(super) bytes: u64,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Book {
    leases: Leases,
    settling: Settling,
    outbox: Arc<Outbox>,
    most: Most,
    /// Extensions whose results are to come, in their order.
    extending: VecDeque<(u64, String)>,
    /// Results to come of each request.
    requests: VecDeque<usize>,
}

impl Book {
    pub(super) fn new(outbox: Arc<Outbox>, most: Most, terms: Terms) -> Self {
        Self {
            leases: Leases::new(terms),
            settling: Settling::default(),
            outbox,
            most,
            extending: VecDeque::new(),
            requests: VecDeque::new(),
        }
    }

    /// Frames that hold a message each, at most, of all that may be held.
    pub(super) fn frames(most: Most) -> usize {
        BEYOND * most.messages as usize
    }

    /// What a new stream may have outstanding: what was held before it is not counted by the broker.
    pub(super) fn room(&self) -> Most {
        let beyond = BEYOND as u64;
        let held = self.leases.len() as u64;
        let messages = (beyond * u64::from(self.most.messages)).saturating_sub(held);
        let bytes = (beyond * self.most.bytes).saturating_sub(self.leases.bytes());
        Most {
            messages: u32::try_from(messages).unwrap_or(u32::MAX).clamp(1, self.most.messages),
            bytes: bytes.clamp(1, self.most.bytes),
        }
    }

    /// The subscription's `ack_deadline`, as it is now.
    pub(super) fn set_ack_deadline(&mut self, deadline: Duration) {
        self.leases.set_first(deadline);
    }

    /// Whether the user holds nothing.
    pub(super) fn is_released(&self) -> bool {
        self.leases.len() == 0
    }

    /// Whether nothing is held and nothing waits for its confirmation.
    pub(super) fn is_empty(&self) -> bool {
        self.is_released() && self.settling.is_empty()
    }

    /// Takes in what handles have posted.
    pub(super) fn collect(&mut self) {
        for Post { ticket, verdict, waiter } in self.outbox.take() {
            match (self.leases.release(ticket), waiter) {
                (Some(lease), waiter) => self.settling.add(lease, verdict, waiter),
                // Given back at the end of consuming, before its handle was used.
                (None, Some(waiter)) => _ = waiter.send(Err(AckError::LeaseExpired)),
                (None, None) => {}
            }
        }
    }

    /// Gives back all that is held.
    pub(super) fn give_back_all(&mut self) {
        for lease in self.leases.release_all() {
            self.settling.add(lease, Verdict::NackAfter(Duration::ZERO), None);
        }
    }

    /// Whether there is something to send, and it may be sent.
    pub(super) fn wants_to_send(&self, now: Instant) -> bool {
        let is_due = || self.leases.next_due().is_some_and(|due| due <= now);
        self.requests.len() < REQUESTS && (self.settling.has_waiting() || is_due())
    }

    /// When there is something to do, if nothing happens before.
    pub(super) fn wakes(&self) -> Option<Instant> {
        // What cannot be sent yet is looked at when an answer has come.
        let due = self.leases.next_due().filter(|_| self.requests.len() < REQUESTS);
        due.into_iter().chain(self.settling.next_lost()).min()
    }

    /// Does what time alone brings.
    pub(super) fn tick(&mut self, now: Instant) {
        self.settling.give_up(now);
    }

    /// No message will be delivered here again: what waits for that has waited long enough.
    pub(super) fn expect_no_more(&mut self) {
        while let Some(until) = self.settling.next_lost() {
            self.settling.give_up(until);
        }
    }

    /// The next request, which counts as sent; none if there is nothing to send.
    pub(super) fn request(&mut self, now: Instant) -> Option<v1::StreamingPullRequest> {
        let Batch { acks, nacks, count } = self.settling.take(IDS);
        let extensions = self.leases.extend(now, IDS - count);
        let total = count + extensions.len();
        if total == 0 {
            return None;
        }
        self.requests.push_back(total);
        let extensions = self.extensions(extensions);
        Some(v1::StreamingPullRequest { acks, nacks, extensions, ..v1::StreamingPullRequest::default() })
    }

    /// Those of one length that follow each other go together.
    fn extensions(&mut self, extensions: Vec<Extension>) -> Vec<v1::StreamExtension> {
        let mut together = Vec::new();
        for group in extensions.chunk_by(|one, other| one.by == other.by) {
            let ack_ids: Vec<_> = group.iter().map(|extension| extension.ack_id.clone()).collect();
            let sent = group.iter().map(|extension| (extension.sequence, extension.ack_id.clone()));
            self.extending.extend(sent);
            together.push(v1::StreamExtension { ack_ids, ack_deadline: group[0].by.map(duration) });
        }
        together
    }

    /// Takes in an answer: its results, then its messages, of which those to be handed out come back.
    pub(super) fn answer(
        &mut self,
        now: Instant,
        answer: v1::StreamingPullResponse,
    ) -> Result<Vec<Delivery>, OutOfStep> {
        self.collect();
        let results = answer.ack_results.len() + answer.nack_results.len() + answer.extend_results.len();
        self.settling.acked(now, &answer.ack_results)?;
        self.settling.nacked(now, &answer.nack_results)?;
        self.extended(&answer.extend_results)?;
        self.answered(results)?;
        Ok(answer.messages.into_iter().filter_map(|message| self.deliver(now, message)).collect())
    }

    fn extended(&mut self, results: &[v1::ExtendResult]) -> Result<(), OutOfStep> {
        results.iter().try_for_each(|result| {
            let (sequence, ack_id) = self.extending.pop_front().ok_or(OutOfStep)?;
            if ack_id != result.ack_id {
                return Err(OutOfStep);
            }
            if settled(result.outcome()).is_err() {
                self.leases.refused(sequence, &ack_id);
            }
            Ok(())
        })
    }

    fn answered(&mut self, mut results: usize) -> Result<(), OutOfStep> {
        while results > 0 {
            let missing = self.requests.front_mut().ok_or(OutOfStep)?;
            let answered = results.min(*missing);
            (*missing, results) = (*missing - answered, results - answered);
            self.requests.pop_front_if(|missing| *missing == 0);
        }
        Ok(())
    }

    fn deliver(&mut self, now: Instant, message: v1::ReceivedMessage) -> Option<Delivery> {
        if self.settling.redelivered(&message) == Redelivery::Taken {
            return None;
        }
        let is_new = !self.leases.holds(message.sequence);
        if is_new && self.leases.len() >= Self::frames(self.most) {
            let lease = self.leases.outside(&message);
            self.settling.add(lease, Verdict::NackAfter(self.leases.first()), None);
            return None;
        }
        match self.leases.take(now, &message) {
            Taken::New(ticket) => {
                Some(Delivery::new(message.into(), AckHandle::new(self.outbox.clone(), ticket)))
            }
            Taken::Adopted => None,
        }
    }

    /// The connection is gone, and with it all answers that were to come.
    pub(super) fn disconnected(&mut self, now: Instant) {
        self.requests.clear();
        self.extending.clear();
        self.settling.disconnected();
        self.leases.all_due(now);
    }
}

#[cfg(test)]
mod tests;
