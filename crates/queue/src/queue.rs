#![allow(unused, missing_docs, clippy::unimplemented, reason = "bodies follow in the next commit")]
use std::time::Duration;

use serde::{Deserialize, Serialize};
use types::{KeyHash, LeaseId, Sequence, SubscriptionSettings, SubscriptionUid, Timestamp};

use crate::{Ask, DeadLetter, ExpiryReason, LeaseError, LeaseRef, Leased, Record};

/// What the log says of one message, as far as a queue needs to know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    /// Which message.
    pub sequence: Sequence,
    /// Bytes of the encoded message.
    pub bytes: u32,
    /// Its ordering key, if it has one.
    pub key: Option<KeyHash>,
    /// Not delivered before.
    pub deliver_at: Timestamp,
    /// Not delivered from then on ([`Timestamp::MAX`]: no limit), and what to call it.
    pub expire_at: Timestamp,
    /// Why it would expire then.
    pub expiry: ExpiryReason,
}

/// How many messages are in which state, and how many ever were.
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
    /// Known to be settled above the cursor (only after a restart, until the cursor has passed them).
    pub settled_ahead: u64,
    /// Deliveries since this process started.
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

/// The durable part of a [`Queue`], as a checkpoint keeps it. The settings are not in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {}

/// One subscription's queue.
#[derive(Debug)]
pub struct Queue {}

impl Queue {
    /// Starts at `cursor`. `boot` counts the broker's starts, so that no lease identifier is given out twice.
    pub fn new(uid: SubscriptionUid, settings: SubscriptionSettings, cursor: Sequence, boot: u32) -> Self {
        unimplemented!()
    }
    /// Continues from a checkpoint. All leases are gone.
    pub fn restore(uid: SubscriptionUid, settings: SubscriptionSettings, snapshot: Snapshot, boot: u32) -> Self {
        unimplemented!()
    }
    /// The durable part.
    pub fn snapshot(&self) -> Snapshot {
        unimplemented!()
    }
    /// Takes over changed settings, from now on (existing leases and computed waits stay).
    pub fn set_settings(&mut self, settings: SubscriptionSettings) {
        unimplemented!()
    }
    pub fn settings(&self) -> &SubscriptionSettings {
        unimplemented!()
    }

    // Volatile
    /// The next sequence to read.
    pub fn cursor(&self) -> Sequence {
        unimplemented!()
    }
    /// Messages that the window still takes.
    pub fn room(&self) -> usize {
        unimplemented!()
    }
    /// Reads on: the messages from the cursor on, ascending, and where the cursor is afterwards (`to` is past the last offer).
    /// Those that are settled or dead-lettered already are passed over. Never more than `room()` offers.
    pub fn read_on(&mut self, offers: &[Offer], to: Sequence) {
        unimplemented!()
    }
    /// Messages that a lease would get now, were it large enough (bounded by max_in_flight; 0 when paused).
    pub fn leasable(&mut self, now: Timestamp) -> usize {
        unimplemented!()
    }
    /// Leases the oldest messages that are due. Adds nothing when paused or at the in-flight limit.
    pub fn lease(&mut self, now: Timestamp, ask: Ask, out: &mut Vec<Leased>) {
        unimplemented!()
    }
    /// Moves a lease's end to `now + by`; the new end.
    pub fn extend(&mut self, now: Timestamp, claim: LeaseRef, by: Duration) -> Result<Timestamp, LeaseError> {
        unimplemented!()
    }
    /// Gives a lease back as if it had not been taken: the message could not be sent. No attempt is counted. No-op if the lease is not held.
    pub fn release(&mut self, claim: LeaseRef) {
        unimplemented!()
    }

    // Durable
    /// One outcome per claim in `outcomes` (a claim repeated in one call: the second is AlreadySettled); one record for those that hold.
    pub fn decide_ack(&self, now: Timestamp, claims: &[LeaseRef], outcomes: &mut Vec<Result<(), LeaseError>>) -> Option<Record> {
        unimplemented!()
    }
    /// `delay`: until the next attempt, instead of the retry policy's.
    pub fn decide_nack(&self, now: Timestamp, claims: &[(LeaseRef, Option<Duration>)], outcomes: &mut Vec<Result<(), LeaseError>>) -> Vec<Record> {
        unimplemented!()
    }
    /// What time alone has done by `now`: leases that ran out (a failed attempt each), messages that expired. At most `limit` messages.
    pub fn decide_due(&self, now: Timestamp, limit: usize) -> Vec<Record> {
        unimplemented!()
    }
    /// Retention passes over everything below; `unread` of it was never read. None if that changes nothing. Dead letters stay.
    pub fn decide_trim(&self, below: Sequence, unread: u64, reason: ExpiryReason) -> Option<Record> {
        unimplemented!()
    }
    /// The mark to make durable before the next lease may go out, if one is needed.
    pub fn decide_mark(&self) -> Option<Record> {
        unimplemented!()
    }
    pub fn apply(&mut self, record: &Record) {
        unimplemented!()
    }

    // Looking
    /// When something happens by itself: a lease or message expires, a delay or backoff ends (the latter so that consumers are woken).
    pub fn next_deadline(&self) -> Option<Timestamp> {
        unimplemented!()
    }
    pub fn is_paused(&self) -> bool {
        unimplemented!()
    }
    pub fn counts(&self, now: Timestamp) -> Counts {
        unimplemented!()
    }
    /// The lowest sequence that this subscription still needs: in the window, a dead letter, or the cursor.
    pub fn floor(&self) -> Sequence {
        unimplemented!()
    }
    /// The messages below `below` that are still needed (window and dead letters), ascending.
    pub fn needed_below(&self, below: Sequence) -> Vec<Sequence> {
        unimplemented!()
    }
    pub fn dead_letters(&self) -> impl Iterator<Item = (Sequence, &DeadLetter)> {
        std::iter::empty()
    }
    /// A failure-by-failure self-check for tests and simulation.
    pub fn assert_invariants(&self) {
        unimplemented!()
    }
}
