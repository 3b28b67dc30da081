//! What was published: S2 (no phantom), S3 (sequences), S7 (deduplication).

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{Rule, Violation, policies::Policies};
use crate::history::{Call, DedupId, Delivered, Log, Message, Receipt, Sequence, Uid};

/// What is known of one message.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    pub(crate) message: Message,
    pub(crate) invoked_line: u64,
    pub(crate) invoked_at: u64,
    pub(crate) fate: Fate,
    pub(crate) place: Option<(Log, Sequence)>,
    delivered_line: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Unanswered, or answered "unknown".
    Unknown,
    /// Durable since then.
    Accepted {
        at: u64,
    },
    /// Another stands for it.
    Duplicate,
    Failed,
}

/// A sequence that was spoken of.
#[derive(Debug, Default)]
pub(crate) struct Place {
    /// Learned from a receipt or from a delivery.
    pub(crate) uid: Option<Uid>,
    /// Said to be durable.
    pub(crate) durable: bool,
    dedup: Option<DedupId>,
    /// The line from which on the message is known to be there; 0 if it is not known which.
    pub(crate) since: u64,
    line: u64,
}

#[derive(Debug)]
struct Publish {
    uids: Vec<Uid>,
    line: u64,
    at: u64,
    /// The highest sequence that was answered before this call began.
    floors: BTreeMap<Log, Sequence>,
}

#[derive(Debug, Clone, Copy)]
struct Stored {
    invoked_at: u64,
    answered_at: u64,
    line: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Messages {
    known: HashMap<Uid, Known>,
    pub(crate) places: BTreeMap<(Log, Sequence), Place>,
    /// Sequences of each key.
    keys: HashMap<(Log, u64), BTreeSet<Sequence>>,
    calls: HashMap<Call, Publish>,
    floors: BTreeMap<Log, Sequence>,
    windows: HashMap<Log, u64>,
    ages: HashMap<Log, u64>,
    /// What was stored under each deduplication ID, by sequence.
    dedup: HashMap<(Log, DedupId), BTreeMap<Sequence, Stored>>,
}

impl Messages {
    pub(crate) fn topic(&mut self, log: Log, window: u64, max_age: u64) {
        self.windows.insert(log, window);
        self.ages.insert(log, max_age);
    }

    pub(crate) fn invoked(&mut self, call: Call, messages: &[Message], line: u64, at: u64) {
        let uids = messages.iter().map(|message| message.uid).collect();
        self.calls.insert(call, Publish { uids, line, at, floors: self.floors.clone() });
        for message in messages {
            let known = Known {
                message: message.clone(),
                invoked_line: line,
                invoked_at: at,
                fate: Fate::Unknown,
                place: None,
                delivered_line: 0,
            };
            self.known.insert(message.uid, known);
        }
    }

    pub(crate) fn failed(&mut self, call: Call, line: u64, out: &mut Vec<Violation>) {
        let Some(publish) = self.calls.remove(&call) else { return };
        for uid in publish.uids {
            let Some(known) = self.known.get_mut(&uid) else { continue };
            known.fate = Fate::Failed;
            if known.delivered_line > 0 {
                let lines = [known.invoked_line, known.delivered_line, line];
                out.push(Violation::new(
                    Rule::NoPhantom,
                    format!("message {uid} was refused and delivered"),
                    &lines,
                ));
            }
        }
    }

    pub(crate) fn unknown(&mut self, call: Call) {
        self.calls.remove(&call);
    }

    pub(crate) fn published(
        &mut self,
        call: Call,
        receipts: &[Receipt],
        line: u64,
        at: u64,
        out: &mut Vec<Violation>,
    ) {
        let Some(publish) = self.calls.remove(&call) else { return };
        if publish.uids.len() != receipts.len() {
            out.push(Violation::new(Rule::NoLoss, "a publish has not one receipt a message", &[line]));
        }
        let mut last = 0;
        for (uid, receipt) in publish.uids.iter().zip(receipts) {
            if receipt.deduplicated {
                self.duplicate(*uid, receipt, &publish, line, out);
                continue;
            }
            let floor = publish.floors.get(&receipt.log).copied().unwrap_or(0).max(last);
            if receipt.sequence <= floor {
                let what = format!("sequence {} was answered after {floor} was", receipt.sequence);
                out.push(Violation::new(Rule::Sequence, what, &[line]));
            }
            last = receipt.sequence;
            self.accepted(*uid, receipt, &publish, line, at, out);
        }
    }

    fn accepted(
        &mut self,
        uid: Uid,
        receipt: &Receipt,
        publish: &Publish,
        line: u64,
        at: u64,
        out: &mut Vec<Violation>,
    ) {
        self.place(receipt.log, receipt.sequence, uid, line, out);
        self.places.entry((receipt.log, receipt.sequence)).or_default().durable = true;
        let floor = self.floors.entry(receipt.log).or_default();
        *floor = (*floor).max(receipt.sequence);
        let Some(known) = self.known.get_mut(&uid) else { return };
        known.fate = Fate::Accepted { at };
        let Some(id) = known.message.dedup else { return };
        let window = self.windows.get(&receipt.log).copied().unwrap_or(0);
        let stored = self.dedup.entry((receipt.log, id)).or_default();
        let this = Stored { invoked_at: publish.at, answered_at: at, line };
        let before = stored.range(..receipt.sequence).next_back().map(|(_, before)| (*before, this));
        let after = stored.range(receipt.sequence..).next().map(|(_, after)| (this, *after));
        for (first, second) in [before, after].into_iter().flatten() {
            // They were accepted in the order of their sequences, and at most this far apart.
            if second.answered_at.saturating_sub(first.invoked_at) < window {
                let what = format!("deduplication ID {id} was stored twice inside its window");
                out.push(Violation::new(Rule::Deduplication, what, &[first.line, second.line]));
            }
        }
        stored.insert(receipt.sequence, this);
    }

    fn duplicate(
        &mut self,
        uid: Uid,
        receipt: &Receipt,
        publish: &Publish,
        line: u64,
        out: &mut Vec<Violation>,
    ) {
        let mut wrong =
            |what: &str, other| out.push(Violation::new(Rule::Deduplication, what, &[other, line]));
        let Some(known) = self.known.get_mut(&uid) else { return };
        known.fate = Fate::Duplicate;
        if known.delivered_line > 0 {
            wrong("a message was answered as a duplicate and delivered", known.delivered_line);
        }
        let Some(id) = known.message.dedup else {
            return wrong("a message without deduplication ID was answered as a duplicate", 0);
        };
        let place = self.places.entry((receipt.log, receipt.sequence)).or_default();
        place.durable = true;
        let Some(original) = place.uid else {
            place.dedup = Some(id);
            place.line = line;
            return;
        };
        let original = &self.known[&original];
        // The topic's creation may not have been answered yet: then nobody knows its window.
        let window = self.windows.get(&receipt.log).copied().unwrap_or(u64::MAX);
        if original.message.dedup != Some(id) {
            wrong("a message stands for one with another deduplication ID", original.invoked_line);
        } else if matches!(original.fate, Fate::Accepted { at } if at.saturating_add(window) <= publish.at) {
            wrong("a message is a duplicate after the window", original.invoked_line);
        }
    }

    /// A sequence and a message belong together from now on.
    fn place(&mut self, log: Log, sequence: Sequence, uid: Uid, line: u64, out: &mut Vec<Violation>) {
        let Some(known) = self.known.get_mut(&uid) else { return };
        let place = self.places.entry((log, sequence)).or_default();
        if place.uid.is_some_and(|other| other != uid)
            || known.place.is_some_and(|other| other != (log, sequence))
        {
            let what = format!("message {uid} has sequence {sequence}, which is not its own");
            out.push(Violation::new(Rule::Sequence, what, &[known.invoked_line, place.line, line]));
            return;
        }
        if place.uid.is_none() && place.dedup.is_some() && place.dedup != known.message.dedup {
            let what = format!("message {uid} stood for one with another deduplication ID");
            out.push(Violation::new(Rule::Deduplication, what, &[place.line, line]));
        }
        if place.uid.is_none() {
            place.since = line;
        }
        place.uid = Some(uid);
        place.line = line;
        known.place = Some((log, sequence));
        if let Some(key) = known.message.key {
            self.keys.entry((log, key)).or_default().insert(sequence);
        }
    }

    pub(crate) fn delivered(&mut self, delivered: &Delivered, line: u64, out: &mut Vec<Violation>) {
        let mut wrong = |what: String, other| out.push(Violation::new(Rule::NoPhantom, what, &[other, line]));
        let Some(known) = self.known.get_mut(&delivered.uid) else {
            return wrong(format!("message {} was never published", delivered.uid), 0);
        };
        known.delivered_line = line;
        let invoked = known.invoked_line;
        if known.message.hash != delivered.hash {
            wrong(format!("message {} has another payload than was published", delivered.uid), invoked);
        }
        match known.fate {
            Fate::Failed => wrong(format!("message {} was refused and delivered", delivered.uid), invoked),
            Fate::Duplicate => {
                let what = "a message was answered as a duplicate and delivered";
                out.push(Violation::new(Rule::Deduplication, what, &[invoked, line]));
            }
            Fate::Unknown | Fate::Accepted { .. } => {}
        }
        self.place(delivered.log, delivered.sequence, delivered.uid, line, out);
        // Nothing is visible before it is durable.
        self.places.entry((delivered.log, delivered.sequence)).or_default().durable = true;
    }

    pub(crate) fn of(&self, uid: Uid) -> Option<&Known> {
        self.known.get(&uid)
    }

    pub(crate) fn at(&self, log: Log, sequence: Sequence) -> Option<&Known> {
        self.known.get(&self.places.get(&(log, sequence))?.uid?)
    }

    /// The line of a publish under way.
    pub(crate) fn invoked_line(&self, call: Call) -> u64 {
        self.calls.get(&call).map_or(0, |publish| publish.line)
    }

    /// The highest sequence that is known.
    pub(crate) fn highest(&self, log: Log) -> Sequence {
        let known = self.places.range((log, 0)..=(log, Sequence::MAX)).next_back();
        known.map_or(0, |((_, sequence), _)| *sequence)
    }

    /// Sequences of a key, in a range.
    pub(crate) fn of_key(&self, log: Log, key: u64, from: Sequence, to: Sequence) -> Vec<Sequence> {
        let of_key = self.keys.get(&(log, key));
        of_key.into_iter().filter(|_| from < to).flat_map(|all| all.range(from..to).copied()).collect()
    }

    /// The message's life may be over at `at`.
    pub(crate) fn may_be_expired(&self, log: Log, known: &Known, at: u64) -> bool {
        let age = self.ages.get(&log).copied().unwrap_or(u64::MAX);
        known.message.expire_at.is_some_and(|expire_at| expire_at <= at)
            || known.invoked_at.saturating_add(age) <= at
    }

    /// Which message has the place is not known, and one of those that may have it may be expired.
    pub(crate) fn may_be_expired_unseen(&self, log: Log, sequence: Sequence, at: u64) -> bool {
        let Some(Place { uid: None, dedup, .. }) = self.places.get(&(log, sequence)) else { return false };
        self.unplaced()
            .filter(|known| known.message.dedup == *dedup)
            .any(|known| self.may_be_expired(log, known, at))
    }

    /// Messages whose place nobody has learned and that may have one.
    fn unplaced(&self) -> impl Iterator<Item = &Known> {
        self.known.values().filter(|known| known.fate == Fate::Unknown && known.place.is_none())
    }

    /// How many of these a subscription with these policies may have.
    pub(crate) fn unplaced_for(&self, policies: &Policies) -> u64 {
        self.unplaced().filter(|known| policies.may_ever_let_in(known.message.kind)).count() as u64
    }
}
