//! What was collected and has no outcome yet, in the order in which it was taken: first what is on the stream, then what is not.
//!
//! # Invariants
//!
//! - What is on the stream is a prefix of what is held, cut into requests; answers come in the order of the requests.
//! - When a stream ends, all that is held is to be sent again from the front, so the order holds whatever was answered.
//! - Nothing behind a failed message stays held with its key.
//! - No I/O, no clock but the argument's.

use std::{
    collections::{HashSet, VecDeque},
    time::Duration,
};

use bytes::Bytes;
use fanfare_proto::v1::PublishResult;
use tokio::time::Instant;

use super::{
    Published,
    batch::BatchLimits,
    blame::{Blame, End},
    held::Held,
    inbox::{Collected, Outcomes, Settled, WakeAt},
};
use crate::clock;

/// Requests on the stream, at most: as many as a broker works on at a time. More would wait there instead of becoming larger batches here.
pub(super) const IN_FLIGHT: usize = 64;

/// When the next request is to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    Now,
    At(Instant),
    /// Not before something happens.
    Open,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) held: VecDeque<Held>,
    /// Messages of each request on the stream.
    pub(super) requests: VecDeque<usize>,
    /// Messages on the stream.
    pub(super) sent: usize,
    /// Requests that may be on the stream: one after a refusal, one more with each that is accepted, at most [`IN_FLIGHT`]. Else, where each
    /// message is refused, each would send everything behind it in vain. After an end that blames time it is all of them, so that all are tried.
    window: usize,
    /// Bytes of what is not on the stream.
    unsent_bytes: usize,
    pub(super) limits: BatchLimits,
    /// How long a message is tried.
    pub(super) within: Duration,
    collected_below: u64,
    urgent_below: u64,
    closed: bool,
}

impl State {
    pub(super) fn new(limits: BatchLimits, within: Duration) -> Self {
        Self {
            held: VecDeque::new(),
            requests: VecDeque::new(),
            sent: 0,
            window: IN_FLIGHT,
            unsent_bytes: 0,
            limits,
            within,
            collected_below: 0,
            urgent_below: 0,
            closed: false,
        }
    }

    pub(super) fn take(&mut self, collected: Collected) {
        self.unsent_bytes += collected.messages.iter().map(|held| held.bytes).sum::<usize>();
        self.held.extend(collected.messages);
        self.collected_below = collected.below;
        self.urgent_below = collected.urgent_below;
        self.closed = collected.closed;
    }

    /// Whether all is done, and nothing comes any more.
    pub(super) fn is_over(&self) -> bool {
        self.closed && self.held.is_empty()
    }

    /// Messages with lower numbers have their outcomes.
    pub(super) fn settled_below(&self) -> u64 {
        self.held.front().map_or(self.collected_below, |held| held.number)
    }

    pub(super) fn is_in_flight(&self) -> bool {
        !self.requests.is_empty()
    }

    /// When the next request is to be sent, if the stream is open.
    pub(super) fn due(&self, now: Instant) -> Due {
        let Some(first) = self.held.get(self.sent) else { return Due::Open };
        if self.requests.len() >= self.window {
            return Due::Open;
        }
        let since = clock::after(first.taken_at, self.limits.delay.with(self.requests.len()));
        match first.number < self.urgent_below || since <= now || self.is_full() {
            true => Due::Now,
            false => Due::At(since),
        }
    }

    /// How much more makes the next request full.
    pub(super) fn wake_at(&self) -> WakeAt {
        if self.requests.len() >= self.window {
            return WakeAt::NEVER;
        }
        match self.held.len() - self.sent {
            0 => WakeAt::FIRST,
            unsent => WakeAt {
                messages: self.limits.messages.saturating_sub(unsent).max(1),
                bytes: self.limits.bytes.saturating_sub(self.unsent_bytes).max(1),
            },
        }
    }

    /// The messages of the next request, which counts as on the stream from now on.
    pub(super) fn next_request(&mut self) -> Vec<Bytes> {
        let count = self.next_cut(self.sent);
        let bodies = self.held.range_mut(self.sent..self.sent + count).map(|held| {
            held.reply.sent();
            self.unsent_bytes -= held.bytes;
            held.body.clone()
        });
        let bodies = bodies.collect();
        self.sent += count;
        self.requests.push_back(count);
        bodies
    }

    /// The oldest request was accepted.
    ///
    /// # Errors
    /// It has not as many messages as there are results: who answers does not speak the protocol, and the stream must be ended.
    pub(super) fn answered(&mut self, results: Vec<PublishResult>) -> Result<Settled, Mismatch> {
        if self.requests.front() != Some(&results.len()) {
            return Err(Mismatch);
        }
        self.requests.pop_front();
        self.window = IN_FLIGHT.min(self.window + 1);
        self.sent -= results.len();
        let mut settled = Settled::default();
        for (held, result) in self.held.drain(..results.len()).zip(results) {
            settled.messages += 1;
            settled.bytes += held.bytes;
            settled.outcomes.push((held.reply, Ok(Published::from(result))));
        }
        Ok(settled)
    }

    /// The stream has ended, or none could be opened. The next try is not before `again_at`.
    pub(super) fn ended(&mut self, end: &End, again_at: Instant) -> Settled {
        let blame = self.blame(end, again_at);
        if let Blame::Size(bytes) = blame {
            self.limits.bytes = (bytes / 2).max(1);
        }
        for held in self.held.range_mut(..self.sent) {
            held.reply.stream_ended(end.is_undone());
        }
        self.window = if matches!(blame, Blame::Refused(_)) { 1 } else { IN_FLIGHT };
        self.requests.clear();
        self.sent = 0;
        let settled = self.fail(&blame, end);
        self.unsent_bytes = self.held.iter().map(|held| held.bytes).sum();
        settled
    }

    /// Messages of a request that begins there.
    pub(super) fn next_cut(&self, first: usize) -> usize {
        self.limits.cut(self.held.range(first..).map(|held| held.bytes))
    }

    fn is_full(&self) -> bool {
        self.limits.is_full(self.held.len() - self.sent, self.unsent_bytes)
    }

    /// Fails whom the blame hits, and what comes after them with their keys.
    fn fail(&mut self, blame: &Blame, end: &End) -> Settled {
        let Some(hit) = blame.messages().filter(|hit| !hit.is_empty()) else { return Settled::default() };
        let mut failed = HashSet::new();
        let mut settled = Settled::default();
        let mut outcomes = Outcomes::new();
        let mut kept = VecDeque::with_capacity(self.held.len());
        for (index, held) in self.held.drain(..).enumerate() {
            let outcome = match &held.key {
                _ if hit.contains(&index) => blame.outcome(&held.reply, &end.error),
                Some(key) if failed.contains(key) => held.reply.key_paused(key, &end.error),
                _ => {
                    kept.push_back(held);
                    continue;
                }
            };
            settled.messages += 1;
            settled.bytes += held.bytes;
            failed.extend(held.key);
            outcomes.push((held.reply, Err(outcome)));
        }
        self.held = kept;
        settled.outcomes = outcomes;
        settled.failed = Some((failed, end.error.clone()));
        settled
    }
}

/// An answer that does not fit its request.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Mismatch;

#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;
