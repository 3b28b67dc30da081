//! All that a session knows: what is held, what is being settled, and what was asked of the broker and not answered. Pure; time comes in as an
//! argument.
//!
//! # Limits
//!
//! - What is held is at most [`BEYOND`] times what may be outstanding. The broker keeps to once that much on one stream; messages of an earlier
//!   connection, and such as are held past their longest lease, come on top. A message beyond is given back, for as long as a lease lasts.
//! - At most [`REQUESTS`] requests wait for their answers, of at most [`IDS`] ack IDs and [`DELIVERIES`] deliveries in [`RANGES`] ranges. While they do, further settlements gather, so that the
//!   busier the connection is the larger the batches are.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use fanfare_proto::{ids, v1};
use tokio::time::Instant;

use super::{
    AckError, Verdict,
    block::{Block, Waiter},
    fetched::Fetched,
    leases::{Extension, Lease, Leases, Terms, Ticket},
    numbered::{Numbered, count},
    outbox::{Outbox, Post, Posted},
    row::{Moved, Stage},
    settler::settled,
    settling::{Batch, OutOfStep, Redelivery, Settling},
    wire::{Answer, DeliveryBlock},
};
use crate::message::duration;

/// What is held is at most so many times what may be outstanding.
const BEYOND: usize = 2;
/// Requests that wait for their answers.
const REQUESTS: usize = 8;
/// Ack IDs of one request.
const IDS: usize = 10_000;
/// Ranges of numbers of one request, and deliveries in them.
const RANGES: usize = 1_000;
const DELIVERIES: u64 = 100_000;

/// How much may be outstanding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Most {
    pub(super) messages: u32,
    pub(super) bytes: u64,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Book {
    numbered: Numbered,
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
            numbered: Numbered::new(Self::frames(most)),
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
        let held = self.held() as u64;
        let messages = (beyond * u64::from(self.most.messages)).saturating_sub(held);
        let bytes = (beyond * self.most.bytes).saturating_sub(self.leases.bytes() + self.numbered.bytes());
        Most {
            messages: u32::try_from(messages).unwrap_or(u32::MAX).clamp(1, self.most.messages),
            bytes: bytes.clamp(1, self.most.bytes),
        }
    }

    /// The subscription's `ack_deadline`, as it is now.
    pub(super) fn set_ack_deadline(&mut self, deadline: Duration) {
        self.leases.set_first(deadline);
    }

    fn held(&self) -> usize {
        self.numbered.held() + self.leases.len()
    }

    /// Whether the user holds nothing.
    pub(super) fn is_released(&self) -> bool {
        self.held() == 0
    }

    /// Whether nothing is held and nothing waits for its confirmation.
    pub(super) fn is_empty(&self) -> bool {
        self.is_released() && self.numbered.is_settled() && self.settling.is_empty()
    }

    /// Takes in what handles have posted.
    pub(super) fn collect(&mut self) {
        let Posted { blocks, others } = self.outbox.take();
        for block in blocks {
            for run in block.take_acks() {
                for index in self.numbered.ack(block.first(), run) {
                    self.settle(&block, index, Verdict::Ack);
                }
            }
        }
        for Post { block, index, verdict } in others {
            if let Some(moved) = self.numbered.release(block.first(), index) {
                self.hold(moved);
            }
            self.settle(&block, index, verdict);
        }
    }

    /// One that is held among `leases`.
    fn settle(&mut self, block: &Arc<Block>, index: u32, verdict: Verdict) {
        match self.leases.release(block.first() + u64::from(index)) {
            Some(lease) => self.settling.add(lease, verdict, Some(Waiter::new(block.clone(), index))),
            // Given back at the end of consuming, before its handle was used.
            None => block.conclude(index..index + 1, &Err(AckError::LeaseExpired)),
        }
    }

    fn hold(&mut self, moved: Moved) {
        self.leases.take(moved.since, moved.lease, moved.bytes);
    }

    /// Gives back all that is held.
    pub(super) fn give_back_all(&mut self) {
        for lease in self.leases.release_all() {
            self.settling.add(lease, Verdict::NackAfter(Duration::ZERO), None);
        }
    }

    /// Whether there is something to send, and it may be sent.
    pub(super) fn wants_to_send(&self, now: Instant) -> bool {
        let has_waiting = self.numbered.has_waiting() || self.settling.has_waiting();
        let is_due = || self.leases.next_due().is_some_and(|due| due <= now);
        self.requests.len() < REQUESTS && (has_waiting || is_due())
    }

    /// When there is something to do, if nothing happens before.
    pub(super) fn wakes(&self) -> Option<Instant> {
        // What cannot be sent yet is looked at when an answer has come.
        let due = self.leases.next_due().filter(|_| self.requests.len() < REQUESTS);
        let half = self.leases.half().and_then(|half| self.numbered.next_due(half));
        due.into_iter().chain(half).chain(self.settling.next_lost()).min()
    }

    /// Does what time alone brings.
    pub(super) fn tick(&mut self, now: Instant) {
        self.settling.give_up(now);
        if let Some(half) = self.leases.half() {
            self.numbered.due(now, half).into_iter().for_each(|moved| self.hold(moved));
        }
    }

    /// No message will be delivered here again: what waits for that has waited long enough.
    pub(super) fn expect_no_more(&mut self) {
        while let Some(until) = self.settling.next_lost() {
            self.settling.give_up(until);
        }
    }

    /// The next request, which counts as sent; none if there is nothing to send.
    pub(super) fn request(&mut self, now: Instant) -> Option<v1::StreamingPullRequest> {
        let (ack_deliveries, numbered) = self.numbered.take(RANGES, DELIVERIES);
        let Batch { acks, nacks, count } = self.settling.take(IDS);
        let extensions = self.leases.extend(now, IDS - count);
        let total = numbered + count + extensions.len();
        if total == 0 {
            return None;
        }
        self.requests.push_back(total);
        let extensions = self.extensions(&extensions);
        Some(v1::StreamingPullRequest { acks, nacks, extensions, ack_deliveries, ..Default::default() })
    }

    /// Those of one length that follow each other go together.
    fn extensions(&mut self, extensions: &[Extension]) -> Vec<v1::StreamExtension> {
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
    pub(super) fn answer(&mut self, now: Instant, answer: Answer) -> Result<Vec<Fetched>, OutOfStep> {
        self.collect();
        let by_id = answer.ack_results.len() + answer.nack_results.len() + answer.extend_results.len();
        let by_number = self.ranges(now, &answer)?;
        self.settling.acked(now, &answer.ack_results)?;
        self.settling.nacked(now, &answer.nack_results)?;
        self.extended(&answer.extend_results)?;
        self.answered(by_id + by_number)?;
        Ok(answer.blocks.into_iter().filter_map(|block| self.deliver(now, block)).collect())
    }

    /// The results of acknowledgements by numbers; how many there are.
    fn ranges(&mut self, now: Instant, answer: &Answer) -> Result<usize, OutOfStep> {
        let mut results = 0;
        for range in &answer.acked {
            results += self.numbered.acked(range)?;
        }
        for result in &answer.range_results {
            let range = result.deliveries.as_ref().ok_or(OutOfStep)?;
            for Moved { lease, waiter, .. } in self.numbered.refused(range)? {
                self.settling.add_refused(now, lease, waiter, result.outcome());
            }
            results += count(range);
        }
        Ok(results)
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

    /// Nothing, if none of the block's messages is to be handed out.
    fn deliver(&mut self, now: Instant, delivered: DeliveryBlock) -> Option<Fetched> {
        let first = self.numbered.give(delivered.messages.len());
        let mut room = Self::frames(self.most).saturating_sub(self.held());
        let mut is_held = Vec::with_capacity(delivered.messages.len());
        for index in 0..delivered.messages.len() {
            let is_new = delivered.first_delivery || !self.is_known(now, &delivered, first, index);
            if is_new && room == 0 {
                let lease = lease(&delivered, first, index);
                self.settling.add(lease, Verdict::NackAfter(self.leases.first()), None);
            }
            is_held.push(is_new && room > 0);
            room -= usize::from(is_new && room > 0);
        }
        if !is_held.contains(&true) {
            return None;
        }
        let block = Block::new(self.outbox.clone(), first, is_held.len());
        self.numbered.add(now, block.clone(), &delivered, &is_held);
        self.numbered.trim().into_iter().for_each(|moved| self.hold(moved));
        Some(Fetched::new(block, delivered, is_held))
    }

    /// Whether a message that is delivered is held or being settled: it is under the new lease from now on.
    fn is_known(&mut self, now: Instant, delivered: &DeliveryBlock, first: u64, index: usize) -> bool {
        let sequence = delivered.messages[index].sequence;
        if let Some(moved) = self.numbered.find(sequence) {
            match moved.stage {
                Stage::Held => self.hold(moved),
                _ => self.settling.add(moved.lease, Verdict::Ack, moved.waiter),
            }
        }
        if !self.settling.holds(sequence) && !self.leases.holds(sequence) {
            return false;
        }
        let again = lease(delivered, first, index);
        if self.settling.redelivered(&again) == Redelivery::Taken {
            return true;
        }
        let is_held = self.leases.holds(sequence);
        if is_held {
            self.leases.adopt(now, again);
        }
        is_held
    }

    /// The connection is gone, and with it all answers that were to come.
    pub(super) fn disconnected(&mut self, now: Instant) {
        self.requests.clear();
        self.extending.clear();
        self.settling.disconnected();
        let (sent, others): (Vec<_>, Vec<_>) =
            self.numbered.disconnected().into_iter().partition(|moved| moved.stage == Stage::Sent);
        for Moved { lease, waiter, .. } in sent.into_iter().rev() {
            self.settling.add_resent(lease, Verdict::Ack, waiter);
        }
        for moved in others {
            match moved.stage {
                Stage::Held => self.hold(moved),
                _ => self.settling.add(moved.lease, Verdict::Ack, moved.waiter),
            }
        }
        self.leases.all_due(now);
    }

    /// The session is over: nobody will know what comes of what is not confirmed.
    pub(super) fn abandon(&self) {
        self.numbered.abandon();
    }
}

/// The lease of one message of a block, whose first has this ticket.
fn lease(delivered: &DeliveryBlock, first: u64, index: usize) -> Lease {
    let (sequence, index) = (delivered.messages[index].sequence, index as u64);
    let ack_id =
        ids::ack_id_text(delivered.subscription_uid, sequence, delivered.first_lease.wrapping_add(index));
    Lease { ticket: Ticket { sequence, number: first + index }, ack_id, attempt: delivered.delivery_attempt }
}

#[cfg(test)]
mod tests;
