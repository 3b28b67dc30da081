//! What is promised of any history, checked from deliveries and records alone.

use std::collections::{BTreeMap, BTreeSet};

use queue::{Leased, Offer, Record};
use types::{KeyHash, Sequence};

use crate::support::acknowledged;

#[derive(Debug, Default)]
pub(crate) struct Audit {
    keys: BTreeMap<Sequence, KeyHash>,
    /// Not to be delivered again, unless a seek goes back.
    settled: BTreeSet<Sequence>,
    dead: BTreeSet<Sequence>,
    ever_delivered: BTreeSet<Sequence>,
    failures: BTreeMap<Sequence, u32>,
    /// The most that the settings ever allowed.
    pub(crate) attempts: u32,
    /// Where the subscription began, by creation or seek.
    start: Sequence,
}

impl Audit {
    pub(crate) fn new(attempts: u32) -> Self {
        Self { attempts, ..Self::default() }
    }

    pub(crate) fn published(&mut self, offer: &Offer) {
        if let Some(key) = offer.key {
            self.keys.insert(offer.sequence, key);
        }
    }

    pub(crate) fn delivered(&mut self, leased: &Leased, ordered: bool) {
        let sequence = leased.sequence;
        assert!(!self.settled.contains(&sequence), "{sequence} is delivered after it was settled");
        assert!(!self.dead.contains(&sequence), "{sequence} is delivered after it was dead-lettered");
        assert!(leased.attempt <= self.attempts, "{sequence} is tried too often");
        assert_eq!(leased.attempt, self.failures.get(&sequence).map_or(1, |failures| failures + 1));
        let again = !self.ever_delivered.insert(sequence);
        assert!(!(again && leased.first_delivery), "{sequence} is delivered for the first time twice");
        if ordered {
            self.assert_key_order(sequence);
        }
    }

    fn assert_key_order(&self, sequence: Sequence) {
        let Some(key) = self.keys.get(&sequence) else { return };
        for (earlier, other) in self.keys.range(self.start..sequence) {
            let over = self.settled.contains(earlier) || self.dead.contains(earlier);
            assert!(other != key || over, "{sequence} is delivered before {earlier}, which has its key");
        }
    }

    pub(crate) fn recorded(&mut self, record: &Record) {
        match record {
            Record::Settled { sequences }
            | Record::Expired { sequences, .. }
            | Record::FilteredOut { sequences } => {
                for sequence in sequences {
                    assert!(self.settled.insert(*sequence), "{sequence} is settled twice");
                }
            }
            Record::SettledRuns { .. } => {
                for sequence in acknowledged(record).unwrap() {
                    assert!(self.settled.insert(sequence), "{sequence} is settled twice");
                }
            }
            Record::AttemptFailed { sequence, .. } => *self.failures.entry(*sequence).or_default() += 1,
            Record::DeadLettered { sequence, .. } => {
                assert!(self.dead.insert(*sequence), "{sequence} is dead-lettered twice");
            }
            Record::Dropped { sequence, .. } => {
                assert!(self.settled.insert(*sequence), "{sequence} is dropped after it was settled");
            }
            Record::Trimmed { below, .. } => self.start = self.start.max(*below),
            Record::Sought { to } => {
                self.settled.clear();
                self.failures.clear();
                self.start = *to;
            }
            Record::Paused | Record::Resumed | Record::DeliveryMark { .. } => {}
        }
    }
}
