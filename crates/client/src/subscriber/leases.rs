//! What the user holds: under which lease, and when to extend it. Pure; time comes in as an argument.
//!
//! # Invariants
//!
//! - A message is held once, whatever the broker delivers: a delivery of one that is held takes the place of the lease before.
//! - Nothing compares the broker's clock with ours. A lease is reckoned from when the message came, or from when its extension was sent, which
//!   is before the broker reckons for extensions and a little after it for deliveries; it is extended when half of it is over.
//! - The end of what is extended is never past the longest time from the first delivery here (but an extension is 1 s at least).
//!
//! Taking, releasing and extending one message cost the logarithm of what is held.

use std::{
    collections::{BTreeSet, HashMap},
    time::Duration,
};

use tokio::time::Instant;

/// The shortest extension there is.
const SHORTEST: Duration = Duration::from_secs(1);
/// What is due within this part of an extension goes with what is due now, in one request.
const TOGETHER: u32 = 20;

/// One handing-out of one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ticket {
    pub(super) sequence: u64,
    pub(super) number: u64,
}

/// What settles a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Lease {
    pub(super) ticket: Ticket,
    pub(super) ack_id: String,
    pub(super) attempt: u32,
}

/// How long leases are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terms {
    /// From the delivery: the subscription's `ack_deadline`, no longer than [`AGES`](crate::clock::AGES).
    pub(super) first: Duration,
    /// From an extension, if it is not the same.
    pub(super) extension: Option<Duration>,
    /// From the delivery, with all extensions.
    pub(super) longest: Duration,
}

/// A lease to extend by this, or by the subscription's `ack_deadline`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Extension {
    pub(super) sequence: u64,
    pub(super) ack_id: String,
    pub(super) by: Option<Duration>,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Leases {
    terms: Terms,
    held: HashMap<u64, Held>,
    /// Sequences by tickets.
    numbers: HashMap<u64, u64>,
    due: BTreeSet<(Instant, u64)>,
    bytes: u64,
}

#[derive(Debug)]
struct Held {
    lease: Lease,
    bytes: u64,
    /// When it came here first.
    since: Instant,
    ends: Instant,
    /// When to extend it; none if it is lost or long enough.
    due: Option<Instant>,
}

impl Leases {
    pub(super) fn new(terms: Terms) -> Self {
        Self { terms, held: HashMap::new(), numbers: HashMap::new(), due: BTreeSet::new(), bytes: 0 }
    }

    pub(super) fn set_first(&mut self, first: Duration) {
        self.terms.first = first;
    }

    pub(super) fn first(&self) -> Duration {
        self.terms.first
    }

    /// After how long a lease from a delivery is to be extended, if any ever is.
    pub(super) fn half(&self) -> Option<Duration> {
        (!self.terms.longest.is_zero()).then_some(self.terms.first / 2)
    }

    pub(super) fn len(&self) -> usize {
        self.held.len()
    }

    /// Bytes of what is held: of its encoded messages.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) fn holds(&self, sequence: u64) -> bool {
        self.held.contains_key(&sequence)
    }

    /// Takes in a message that was delivered then and is held since.
    pub(super) fn take(&mut self, since: Instant, lease: Lease, bytes: u64) {
        let (Ticket { sequence, number }, first) = (lease.ticket, self.terms.first);
        self.bytes += bytes;
        self.numbers.insert(number, sequence);
        let held = Held { lease, bytes, since, ends: since + first, due: None };
        if let Some(before) = self.held.insert(sequence, held) {
            self.bytes -= before.bytes;
            self.numbers.remove(&before.lease.ticket.number);
        }
        self.plan(sequence, Some(since + first / 2));
    }

    /// A message that is held is delivered again: from now on it is held under this lease.
    pub(super) fn adopt(&mut self, now: Instant, again: Lease) {
        let (sequence, first) = (again.ticket.sequence, self.terms.first);
        if let Some(held) = self.held.get_mut(&sequence) {
            held.lease.ack_id = again.ack_id;
            held.lease.attempt = again.attempt;
            held.ends = now + first;
            self.plan(sequence, Some(now + first / 2));
        }
    }

    /// The user settles it: it is held no more.
    pub(super) fn release(&mut self, number: u64) -> Option<Lease> {
        let sequence = self.numbers.remove(&number)?;
        self.plan(sequence, None);
        let held = self.held.remove(&sequence)?;
        self.bytes -= held.bytes;
        Some(held.lease)
    }

    /// All of them.
    pub(super) fn release_all(&mut self) -> Vec<Lease> {
        self.due.clear();
        self.numbers.clear();
        self.bytes = 0;
        self.held.drain().map(|(_, held)| held.lease).collect()
    }

    /// When the next lease is to be extended.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.due.first().map(|(due, _)| *due)
    }

    /// What is to be extended now, at most so many; counts as extended.
    pub(super) fn extend(&mut self, now: Instant, most: usize) -> Vec<Extension> {
        let mut extensions = Vec::new();
        if self.next_due().is_none_or(|due| due > now) {
            return extensions;
        }
        let together = now + self.length() / TOGETHER;
        while extensions.len() < most
            && let Some(&(due, sequence)) = self.due.first()
            && due <= together
        {
            extensions.extend(self.extend_one(now, sequence));
        }
        extensions
    }

    fn extend_one(&mut self, now: Instant, sequence: u64) -> Option<Extension> {
        let length = self.length();
        self.plan(sequence, None);
        let held = self.held.get_mut(&sequence)?;
        let left = self.terms.longest.saturating_sub(now.saturating_duration_since(held.since));
        if left.is_zero() || left <= held.ends.saturating_duration_since(now) {
            return None;
        }
        let (by, lasts) = match left < length {
            true => (Some(left.max(SHORTEST)), left.max(SHORTEST)),
            false => (self.terms.extension, length),
        };
        held.ends = now + lasts;
        let ack_id = held.lease.ack_id.clone();
        if lasts < left {
            self.plan(sequence, Some(now + lasts / 2));
        }
        Some(Extension { sequence, ack_id, by })
    }

    /// The broker refused to extend this lease: it is lost, until the message is delivered here again.
    pub(super) fn refused(&mut self, sequence: u64, ack_id: &str) {
        if self.held.get(&sequence).is_some_and(|held| held.lease.ack_id == ack_id) {
            self.plan(sequence, None);
        }
    }

    /// On a new connection nobody knows which extensions were made, and time has passed: all are due.
    pub(super) fn all_due(&mut self, now: Instant) {
        let sequences: Vec<_> = self.held.keys().copied().collect();
        for sequence in sequences {
            if let Some(held) = self.held.get_mut(&sequence) {
                held.ends = now;
            }
            self.plan(sequence, Some(now));
        }
    }

    fn length(&self) -> Duration {
        self.terms.extension.unwrap_or(self.terms.first)
    }

    /// Sets when it is due; never if nothing is ever extended.
    fn plan(&mut self, sequence: u64, due: Option<Instant>) {
        let Some(held) = self.held.get_mut(&sequence) else { return };
        if let Some(before) = held.due.take() {
            self.due.remove(&(before, sequence));
        }
        if let Some(due) = due.filter(|_| !self.terms.longest.is_zero()) {
            held.due = Some(due);
            self.due.insert((due, sequence));
        }
    }
}

#[cfg(test)]
mod tests;
