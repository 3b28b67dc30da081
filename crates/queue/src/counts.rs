//! What is in a queue and what ever was.

use serde::{Deserialize, Serialize};
use types::{Sequence, Timestamp};

use crate::{ExpiryReason, Queue, window::State};

/// How many messages are in which state, and how many ever were.
///
/// A message of the window is in exactly one of the five states, or in none once its time has run out and only
/// the record of that is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// In the window, could be delivered now.
    pub ready: u64,
    /// Under lease.
    pub leased: u64,
    /// Waiting for their first delivery time.
    pub delayed: u64,
    /// Waiting for their next attempt.
    pub backing_off: u64,
    /// Waiting for an earlier message with their key.
    pub waiting_for_key: u64,
    /// In the dead-letter store.
    pub dead_letters: u64,
    /// At or above the cursor and known to be settled or dead-lettered: after a restart or a seek back, until the
    /// cursor has passed them. Reading on will not deliver them.
    pub settled_ahead: u64,
    /// Deliveries since this process started, released ones included.
    pub deliveries: u64,
    /// Ever acknowledged.
    pub acked: u64,
    /// Attempts that ever failed.
    pub failed_attempts: u64,
    /// Ever dead-lettered.
    pub dead_lettered: u64,
    /// Ever given up after exhausting their attempts.
    pub dropped: u64,
    /// Ever expired, by reason.
    pub expired_message: u64,
    /// See `expired_message`.
    pub expired_age: u64,
    /// See `expired_message`.
    pub expired_bytes: u64,
    /// See `expired_message`.
    pub damaged: u64,
}

/// The counters that survive a restart: each is a sum over the log's records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Totals {
    pub(crate) acked: u64,
    pub(crate) failed_attempts: u64,
    pub(crate) dead_lettered: u64,
    pub(crate) dropped: u64,
    expired_message: u64,
    expired_age: u64,
    expired_bytes: u64,
    damaged: u64,
}

impl Totals {
    pub(crate) fn add_expired(&mut self, reason: ExpiryReason, messages: u64) {
        *match reason {
            ExpiryReason::MessageExpiry => &mut self.expired_message,
            ExpiryReason::RetentionAge => &mut self.expired_age,
            ExpiryReason::RetentionBytes => &mut self.expired_bytes,
            ExpiryReason::Damaged => &mut self.damaged,
        } += messages;
    }
}

impl Queue {
    /// Messages from the cursor on and below `below` that are known to be settled or dead-lettered: reading on
    /// passes over them.
    pub fn settled_ahead_below(&self, below: Sequence) -> u64 {
        if below <= self.cursor {
            return 0;
        }
        self.settled_ahead.len_below(below) + self.dead_letters.range(self.cursor..below).count() as u64
    }

    /// Exact at `now`. Looks at every message of the window.
    pub fn counts(&self, now: Timestamp) -> Counts {
        let mut counts = Counts {
            dead_letters: self.dead_letters.len() as u64,
            settled_ahead: self.settled_ahead_below(Sequence::MAX),
            deliveries: self.deliveries,
            acked: self.totals.acked,
            failed_attempts: self.totals.failed_attempts,
            dead_lettered: self.totals.dead_lettered,
            dropped: self.totals.dropped,
            expired_message: self.totals.expired_message,
            expired_age: self.totals.expired_age,
            expired_bytes: self.totals.expired_bytes,
            damaged: self.totals.damaged,
            ..Counts::default()
        };
        for entry in self.window.iter() {
            match entry.state {
                State::Leased { .. } => counts.leased += 1,
                _ if entry.is_past_its_life(now) => {}
                State::WaitingForKey => counts.waiting_for_key += 1,
                State::Delayed(until) if until > now => counts.delayed += 1,
                State::BackingOff(until) if until > now => counts.backing_off += 1,
                _ => counts.ready += 1,
            }
        }
        counts
    }
}
