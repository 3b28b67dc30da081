//! What the clients were told, and whether it can all be true.

mod tests;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    fmt,
};

/// A message by its key and its number there. Its text says both.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Id {
    pub(super) key: String,
    pub(super) number: u64,
}

impl Id {
    /// What the message carries: the identity, and a tail of some length that depends on it.
    pub(super) fn text(&self) -> String {
        let tail = usize::try_from(self.number * 37 % 600).unwrap();
        format!("{} {} {}", self.key, self.number, "~".repeat(tail))
    }

    /// Reads it back; none if it is not what was sent.
    pub(super) fn read(text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        let id = Self { key: words.next()?.to_owned(), number: words.next()?.parse().ok()? };
        (id.text() == text).then_some(id)
    }
}

/// Everything that was written down.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// Sent, and the sequence if that was acknowledged.
    sent: HashMap<Id, Option<u64>>,
    acknowledged: usize,
    queues: BTreeMap<&'static str, Queue>,
    wrong: Vec<String>,
    counts: Counts,
}

/// What one subscription did.
#[derive(Debug, Default)]
struct Queue {
    /// Delivered at least once, with its sequence.
    delivered: HashMap<Id, u64>,
    /// Acknowledged, and that was answered.
    settled: HashSet<Id>,
    keys: HashMap<String, Key>,
}

/// What it did with one ordering key.
#[derive(Debug, Default)]
struct Key {
    /// The number delivered last in this life of the broker.
    last: Option<u64>,
    /// The highest that was ever delivered.
    highest: Option<u64>,
    /// Delivered, and no ack was sent.
    open: BTreeSet<u64>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    order: usize,
    again: usize,
    phantom: usize,
}

impl Ledger {
    /// About to be sent.
    pub(super) fn sends(&mut self, id: &Id) {
        self.sent.entry(id.clone()).or_default();
    }

    /// Acknowledged by the broker.
    pub(super) fn published(&mut self, id: &Id, sequence: u64) {
        let before = self.sent.insert(id.clone(), Some(sequence)).flatten();
        self.acknowledged += usize::from(before.is_none());
        if before.is_some_and(|before| before != sequence) {
            self.wrong.push(format!("{id:?} has the sequences {before:?} and {sequence}"));
        }
    }

    /// How many were acknowledged that some subscription has not seen. (Not: settled. Of an ack that was not answered
    /// nobody knows whether it holds.)
    pub(super) fn behind(&self) -> usize {
        let seen = self.queues.values().map(|queue| queue.delivered.len()).min().unwrap_or(0);
        self.acknowledged.saturating_sub(seen)
    }

    /// Received. The order is checked here, before anything that follows from the delivery can happen.
    pub(super) fn delivered(
        &mut self,
        subscription: &'static str,
        ordered: bool,
        text: &str,
        sequence: u64,
    ) -> Option<Id> {
        let Some(id) = Id::read(text).filter(|id| self.sent.contains_key(id)) else {
            self.counts.phantom += 1;
            self.wrong.push(format!("{subscription}: nobody sent {text:?}"));
            return None;
        };
        let queue = self.queues.entry(subscription).or_default();
        if queue.settled.contains(&id) {
            self.counts.again += 1;
            self.wrong.push(format!("{subscription}: {id:?} came again after its ack was confirmed"));
        }
        let before = queue.delivered.insert(id.clone(), sequence);
        if before.is_some_and(|before| before != sequence) {
            self.wrong.push(format!("{subscription}: {id:?} has the sequences {before:?} and {sequence}"));
        }
        let key = queue.keys.entry(id.key.clone()).or_default();
        if !key.deliver(id.number, before.is_none()) && ordered {
            self.counts.order += 1;
            self.wrong.push(format!("{subscription}: {id:?} came out of order"));
        }
        Some(id)
    }

    /// An ack goes out.
    pub(super) fn acks(&mut self, subscription: &'static str, id: &Id) {
        let queue = self.queues.entry(subscription).or_default();
        queue.keys.entry(id.key.clone()).or_default().open.remove(&id.number);
    }

    /// An ack was answered with OK.
    pub(super) fn settled(&mut self, subscription: &'static str, id: &Id) {
        self.queues.entry(subscription).or_default().settled.insert(id.clone());
    }

    /// The broker is gone. What was not confirmed may come again.
    pub(super) fn crash(&mut self) {
        for key in self.queues.values_mut().flat_map(|queue| queue.keys.values_mut()) {
            key.last = None;
        }
    }

    /// Once everything is consumed.
    pub(super) fn judge(&self) -> Verdict {
        let acknowledged = || self.sent.iter().filter_map(|(id, sequence)| Some((id, (*sequence)?)));
        let mut wrong = self.wrong.clone();
        let mut lost = 0;
        for (name, queue) in &self.queues {
            for (id, sequence) in acknowledged() {
                match queue.delivered.get(id) {
                    Some(found) if *found == sequence => {}
                    other => {
                        lost += 1;
                        wrong.push(format!(
                            "{name}: {id:?} at {sequence} was acknowledged, delivered: {other:?}"
                        ));
                    }
                }
            }
        }
        let delivered = self.queues.values().map(|queue| queue.delivered.len()).sum();
        Verdict { published: acknowledged().count(), delivered, lost, counts: self.counts, wrong }
    }
}

impl Key {
    /// In one life of the broker a key only goes forward, and a message comes for the first time only when each one
    /// before it that was ever delivered has been acked.
    fn deliver(&mut self, number: u64, first: bool) -> bool {
        let forward = self.last.is_none_or(|last| last <= number);
        let on_top = self.highest.is_none_or(|highest| highest < number) && self.open.is_empty();
        self.last = Some(number);
        self.highest = self.highest.max(self.last);
        self.open.insert(number);
        forward && (on_top || !first)
    }
}

/// What it comes to.
#[derive(Debug)]
pub(super) struct Verdict {
    published: usize,
    delivered: usize,
    lost: usize,
    counts: Counts,
    wrong: Vec<String>,
}

impl Verdict {
    pub(super) fn is_good(&self) -> bool {
        self.wrong.is_empty() && self.published > 0
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { published, delivered, lost, counts: Counts { order, again, phantom }, .. } = self;
        write!(
            f,
            "published={published} delivered={delivered} lost={lost} order={order} again={again} phantom={phantom}"
        )
    }
}
