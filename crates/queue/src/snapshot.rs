//! The durable part of a queue, and a queue from it.
//!
//! A snapshot and the records that were applied after it give the same state as going on would have, except for
//! what is volatile: leases, wakes and how far the queue had read.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use types::{Sequence, SubscriptionSettings, SubscriptionUid};

use crate::{DeadLetter, Offer, Queue, counts::Totals, failures::Failures, ranges::Ranges};

/// The durable part of a [`Queue`], as a checkpoint keeps it. The settings are not in it.
///
/// The order of the fields is the stored format.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    cursor: Sequence,
    delivery_mark: Sequence,
    paused: bool,
    /// Ascending.
    window: Vec<(Offer, Option<Box<Failures>>)>,
    /// Inclusive ranges, ascending; at or above the cursor.
    settled_ahead: Vec<(Sequence, Sequence)>,
    /// At or above the cursor.
    failed_ahead: BTreeMap<Sequence, Box<Failures>>,
    dead_letters: BTreeMap<Sequence, DeadLetter>,
    totals: Totals,
}

impl Queue {
    /// The durable part.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            cursor: self.cursor,
            delivery_mark: self.delivery_mark,
            paused: self.paused,
            window: self.window.iter().map(|entry| (entry.offer, entry.failures.clone())).collect(),
            settled_ahead: self.settled_ahead.to_pairs(),
            failed_ahead: self.failed_ahead.clone(),
            dead_letters: self.dead_letters.clone(),
            totals: self.totals,
        }
    }

    /// Continues from a checkpoint; the records since are then [applied](Queue::apply). All leases are gone.
    pub fn restore(
        uid: SubscriptionUid,
        settings: SubscriptionSettings,
        snapshot: Snapshot,
        boot: u32,
    ) -> Self {
        let mut queue = Self::new(uid, settings, snapshot.cursor, boot);
        // Not the cursor that `new` takes for a mark: a mark that no record made durable would be lost by the next crash.
        queue.delivery_mark = snapshot.delivery_mark;
        queue.delivered_below = snapshot.delivery_mark;
        queue.paused = snapshot.paused;
        queue.settled_ahead = Ranges::from_pairs(snapshot.settled_ahead);
        queue.failed_ahead = snapshot.failed_ahead;
        queue.dead_letters = snapshot.dead_letters;
        queue.totals = snapshot.totals;
        queue.window.reserve(snapshot.window.len());
        for (offer, failures) in snapshot.window {
            queue.admit(offer, failures);
        }
        queue
    }
}
