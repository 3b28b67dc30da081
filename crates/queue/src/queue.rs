//! The queue itself: what it consists of, how it begins, how it reads on and what can be asked of it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use types::{KeyHash, LeaseId, Sequence, SubscriptionSettings, SubscriptionUid, Timestamp, limits};

use crate::{
    DeadLetter, ExpiryReason, backlog::Backlog, counts::Totals, failures::Failures, ordering::Lines,
    ranges::Ranges, timers::Timers, window::Window,
};

/// Bits of a lease identifier that count; the broker's starts are above them.
const LEASE_COUNTER_BITS: u32 = 40;

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

/// One subscription's queue.
#[derive(Debug)]
pub struct Queue {
    pub(crate) uid: SubscriptionUid,
    pub(crate) settings: SubscriptionSettings,
    pub(crate) paused: bool,

    /// The next sequence to read. Everything below is settled, in `window` or in `dead_letters`.
    pub(crate) cursor: Sequence,
    pub(crate) window: Window,
    /// At or above the cursor: settled, says the log, though this process has not read so far yet.
    pub(crate) settled_ahead: Ranges,
    /// At or above the cursor: failed attempts of messages that are not read yet.
    pub(crate) failed_ahead: BTreeMap<Sequence, Box<Failures>>,
    /// On either side of the cursor.
    pub(crate) dead_letters: BTreeMap<Sequence, DeadLetter>,
    pub(crate) totals: Totals,

    /// Messages below it may have been delivered; no others may be leased.
    pub(crate) delivery_mark: Sequence,
    /// Messages below it may have been delivered in a way that the window does not remember.
    pub(crate) delivered_below: Sequence,
    /// Records are no longer being replayed.
    pub(crate) live: bool,

    /// The lease that will be given out next.
    pub(crate) next_lease: LeaseId,
    /// A seek ended the leases below it.
    pub(crate) fence: LeaseId,
    /// The latest time that a caller spoke of: what is due by then need not wait for a timer.
    pub(crate) seen: Timestamp,
    pub(crate) deliveries: u64,

    /// Of the window's messages: how many are ready, how many are leased, and which are next.
    pub(crate) ready: usize,
    pub(crate) leased: usize,
    pub(crate) backlog: Backlog,
    /// Empty unless ordering is on.
    pub(crate) lines: Lines,
    /// Ends of leases, of the waits of delayed and failed messages, and of the life of messages not under lease.
    pub(crate) lease_ends: Timers,
    pub(crate) wakes: Timers,
    pub(crate) expiries: Timers,
}

impl Queue {
    /// Starts at `cursor`. `boot` counts the broker's starts, so that no lease identifier is given out twice.
    pub fn new(uid: SubscriptionUid, settings: SubscriptionSettings, cursor: Sequence, boot: u32) -> Self {
        Self {
            uid,
            settings,
            paused: false,
            cursor,
            window: Window::default(),
            settled_ahead: Ranges::default(),
            failed_ahead: BTreeMap::new(),
            dead_letters: BTreeMap::new(),
            totals: Totals::default(),
            delivery_mark: cursor,
            delivered_below: cursor,
            live: false,
            next_lease: LeaseId(u64::from(boot) << LEASE_COUNTER_BITS),
            fence: LeaseId(0),
            seen: Timestamp::EPOCH,
            deliveries: 0,
            ready: 0,
            leased: 0,
            backlog: Backlog::default(),
            lines: Lines::default(),
            lease_ends: Timers::default(),
            wakes: Timers::default(),
            expiries: Timers::default(),
        }
    }

    /// Takes over changed settings, from now on: existing leases and computed waits stay. `ordered` is fixed at
    /// creation and stays too.
    pub fn set_settings(&mut self, settings: SubscriptionSettings) {
        self.settings = SubscriptionSettings { ordered: self.settings.ordered, ..settings };
    }

    /// The settings in force.
    pub fn settings(&self) -> &SubscriptionSettings {
        &self.settings
    }

    /// The next sequence to read.
    pub fn cursor(&self) -> Sequence {
        self.cursor
    }

    /// Messages that the window still takes.
    pub fn room(&self) -> usize {
        limits::WINDOW_MESSAGES.saturating_sub(self.window.len())
    }

    /// Reads on: the messages from the cursor on, ascending, and where the cursor is afterwards (`to` is past the
    /// last offer). Those that are settled or dead-lettered already are passed over. Never more than [`room`]
    /// offers.
    ///
    /// [`room`]: Self::room
    pub fn read_on(&mut self, offers: &[Offer], to: Sequence) {
        debug_assert!(offers.len() <= self.room());
        debug_assert!(offers.first().is_none_or(|first| first.sequence >= self.cursor));
        debug_assert!(offers.last().is_none_or(|last| last.sequence < to));
        self.live = true;
        self.window.reserve(offers.len());
        for offer in offers {
            if !self.is_settled(offer.sequence) {
                let failures = self.failed_ahead.remove(&offer.sequence);
                self.admit(*offer, failures);
            }
        }
        self.move_cursor(self.cursor.max(to));
        self.tidy();
    }

    /// No deliveries at the moment.
    pub fn is_paused(&self) -> bool {
        self.paused
    }

    /// When something happens by itself: a lease or a message's life ends, a delay or a backoff ends.
    ///
    /// The first two are over once the records of [`decide_due`](Self::decide_due) are applied, the others once
    /// [`leasable`](Self::leasable) has been told the time, even if no consumer waits. Whoever waits for the deadline
    /// does both, or the answer stays in the past.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        let wake = self.wakes.earliest().filter(|_| !self.paused);
        [self.lease_ends.earliest(), self.expiries.earliest(), wake].into_iter().flatten().min()
    }

    /// The lowest sequence that this subscription still needs: in the window, a dead letter, or the cursor.
    pub fn floor(&self) -> Sequence {
        let dead_letter = self.dead_letters.keys().next().copied();
        [self.window.first(), dead_letter].into_iter().flatten().fold(self.cursor, Sequence::min)
    }

    /// The messages of the window that are not below `from`, ascending.
    pub fn in_window(&self, from: Sequence) -> impl Iterator<Item = Sequence> {
        self.window.iter_from(from).map(|entry| entry.offer.sequence)
    }

    /// Whether reading on will pass over this message, which is at or above the cursor.
    pub fn is_settled_ahead(&self, sequence: Sequence) -> bool {
        self.dead_letters.contains_key(&sequence) || self.settled_ahead.contains(sequence)
    }

    /// The lowest sequence that is, or may be, neither settled nor a dead letter: in the window, or the cursor.
    pub fn oldest_unsettled(&self) -> Sequence {
        self.window.first().unwrap_or(self.cursor)
    }

    /// The messages below `below` that are still needed (window and dead letters), ascending. What is above the
    /// cursor and was not read yet is not among them.
    pub fn needed_below(&self, below: Sequence) -> Vec<Sequence> {
        let window = self.window.iter().map(|entry| entry.offer.sequence);
        let dead_letters = self.dead_letters.keys().copied();
        let mut needed: Vec<_> = window.take_while(|sequence| *sequence < below).collect();
        needed.extend(dead_letters.take_while(|sequence| *sequence < below));
        needed.sort_unstable();
        needed
    }

    /// The dead letters, ascending.
    pub fn dead_letters(&self) -> impl Iterator<Item = (Sequence, &DeadLetter)> {
        self.dead_letters.iter().map(|(sequence, letter)| (*sequence, letter))
    }

    /// The lease was given out since the broker's latest start, if it was given out at all.
    pub(crate) fn is_of_this_process(&self, lease: LeaseId) -> bool {
        lease.0 >> LEASE_COUNTER_BITS == self.next_lease.0 >> LEASE_COUNTER_BITS
    }

    /// Settled or dead-lettered: it will not be delivered, wherever the cursor is.
    pub(crate) fn is_settled(&self, sequence: Sequence) -> bool {
        self.dead_letters.contains_key(&sequence)
            || self.settled_ahead.contains(sequence)
            || (sequence < self.cursor && self.window.find(sequence, 0).is_none())
    }
}
