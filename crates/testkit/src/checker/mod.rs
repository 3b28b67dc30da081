//! Checks a history against the promises of DESIGN.md, section 3 (numbered as in reliability.md, section 6).
//!
//! # Invariants
//!
//! - It judges by what clients asked and were answered. What was not answered may have happened, and both are allowed.
//! - A violation is certain: where two answers can be explained by an order of events, there is none.
//! - One pass; O(n log n) time, memory by message and subscription, not by event.
//!
//! # Limits
//!
//! Deliveries are recorded when they are received and nothing is on its way for long: a delivery after a confirmed ack counts as
//! a violation at once. Isolation and signatures (S11, S12) come with the features.

mod backlog;
mod conservation;
mod filtering;
mod messages;
mod order;
mod policies;
mod subscription;
mod violation;

use std::collections::{HashMap, HashSet};

use filtering::Doubts;
use messages::Messages;
use policies::What;
use subscription::{Over, Settle, Subscription};
pub use violation::{Rule, Violation};

use crate::history::{
    Call, Delivered, Entry, Event, FinalCounts, Invoked, Sequence, Sought, SubscriptionRules, SubscriptionUid,
};

/// Checks a whole history.
pub fn check(entries: &[Entry]) -> Vec<Violation> {
    let mut checker = Checker::default();
    entries.iter().for_each(|entry| checker.observe(entry));
    checker.finish()
}

/// Takes a history event by event.
#[derive(Debug, Default)]
pub struct Checker {
    messages: Messages,
    subscriptions: HashMap<SubscriptionUid, Subscription>,
    settles: HashMap<Call, Settle>,
    changes: HashMap<Call, Invoked>,
    dead_letters: HashSet<(SubscriptionUid, Sequence)>,
    doubts: Doubts,
    /// Who is asked for figures, and since which line.
    figures: HashMap<Call, (SubscriptionUid, u64)>,
    drained: Vec<(SubscriptionUid, FinalCounts, u64, u64)>,
    violations: Vec<Violation>,
}

impl Checker {
    /// Takes the next event.
    pub fn observe(&mut self, entry: &Entry) {
        let (line, at) = (entry.line, entry.at);
        match &entry.event {
            Event::Run { .. } | Event::Restart => {}
            Event::TopicCreated { log, deduplication_window, max_age } => {
                self.messages.topic(*log, *deduplication_window, *max_age);
            }
            Event::Invoked { call, request } => self.invoked(*call, request, line, at),
            Event::Failed { call } => self.failed(*call, line),
            Event::Unknown { call } => self.unknown(*call),
            Event::PublishOk { call, receipts } => {
                let invoked = self.messages.invoked_line(*call);
                self.doubts.published(receipts, invoked, line, &mut self.violations);
                self.messages.published(*call, receipts, line, at, &mut self.violations);
            }
            Event::SubscribeOk { call, rules } => {
                self.changes.remove(call);
                self.doubts.subscribed(*call);
                // Who asks again may be answered with the one that is there.
                let created = || Subscription::new(*rules, line);
                self.subscriptions.entry(rules.subscription).or_insert_with(created);
            }
            Event::ChangeOk { call, position, sought } => self.changed(*call, *position, *sought, line),
            Event::SettleOk { call, outcomes } => {
                let Some(settle) = self.settles.remove(call) else { return };
                let Some(subscription) = self.subscriptions.get_mut(&settle.subscription) else { return };
                filtering::settled(
                    subscription,
                    &self.messages,
                    &settle,
                    outcomes,
                    line,
                    &mut self.violations,
                );
                subscription.settled(&settle, outcomes, line, at, &mut self.violations);
            }
            Event::Delivered(delivered) => self.delivered(delivered, line, at),
            Event::Found { rules, paused, position } => self.found(rules, *paused, *position, line),
            Event::FoundAll => self.found_all(line),
            Event::Crash => {
                self.subscriptions.values_mut().for_each(|subscription| subscription.crashed(line));
            }
            Event::DeadLetter { subscription, sequence } => self.dead_letter(*subscription, *sequence, line),
            Event::FiguresOk { call, backlog } => self.figures(*call, *backlog, line, at),
            Event::DrainDone { subscription, counts } => {
                self.drained.push((*subscription, *counts, line, at));
            }
        }
    }

    /// Says what can be said only at the end.
    pub fn finish(mut self) -> Vec<Violation> {
        for (name, counts, line, at) in &self.drained {
            if let Some(subscription) = self.subscriptions.get(name) {
                conservation::check(subscription, &self.messages, counts, *line, *at, &mut self.violations);
            }
        }
        self.doubts.finish(&self.subscriptions, &self.messages, &mut self.violations);
        self.violations
    }

    fn invoked(&mut self, call: Call, request: &Invoked, line: u64, at: u64) {
        match request {
            Invoked::Publish { messages } => return self.messages.invoked(call, messages, line, at),
            Invoked::Settle { subscription, kind, claims, delay } => {
                if let Some(subscription) = self.subscriptions.get_mut(subscription) {
                    subscription.settling(*kind, claims, line);
                }
                let (subscription, kind, delay, claims) = (*subscription, *kind, *delay, claims.clone());
                self.settles.insert(call, Settle { subscription, kind, claims, delay, at, line });
                return;
            }
            Invoked::DeleteTopic { log } => {
                self.of_log(*log)
                    .for_each(|found| found.deleting_since = found.deleting_since.or(Some(line)));
            }
            Invoked::Figures { subscription } => {
                self.figures.insert(call, (*subscription, line));
            }
            Invoked::Subscribe => self.doubts.subscribing(call, line),
            Invoked::Unsubscribe { subscription } => self.with(*subscription, |found| {
                found.deleting_since = found.deleting_since.or(Some(line));
            }),
            Invoked::SetPaused { subscription, .. } => self.with(*subscription, |found| {
                found.paused = None;
                found.pauses_overlap = found.pauses_pending > 0;
                found.pauses_pending += 1;
            }),
            Invoked::Update { rules, .. } => self.with(rules.subscription, |found| found.loosen(rules)),
            Invoked::Seek { subscription } => self.with(*subscription, |found| {
                found.seeks.insert(call, line);
            }),
        }
        self.begin_policy(call, request, line);
        self.changes.insert(call, request.clone());
    }

    /// Takes note of what moves the position of a subscription.
    fn begin_policy(&mut self, call: Call, request: &Invoked, line: u64) {
        let (name, what) = match request {
            Invoked::Update { rules, reevaluates } => {
                let policy = What::Policy { lets_in: rules.lets_in, reevaluates: *reevaluates };
                (rules.subscription, policy)
            }
            Invoked::Seek { subscription } => (*subscription, What::Seek { to: 0 }),
            Invoked::SetPaused { subscription, .. } => (*subscription, What::Other),
            _ => return,
        };
        let Some(subscription) = self.subscriptions.get_mut(&name) else { return };
        let after = self.messages.highest(subscription.rules.log);
        subscription.policies.begin(call, what, after, line);
    }

    fn with(&mut self, name: SubscriptionUid, change: impl FnOnce(&mut Subscription)) {
        if let Some(subscription) = self.subscriptions.get_mut(&name) {
            change(subscription);
        }
    }

    fn of_log(&mut self, log: u64) -> impl Iterator<Item = &mut Subscription> {
        self.subscriptions.values_mut().filter(move |subscription| subscription.rules.log == log)
    }

    fn failed(&mut self, call: Call, line: u64) {
        self.messages.failed(call, line, &mut self.violations);
        self.settles.remove(&call);
        self.doubts.subscribed(call);
        let change = self.changes.remove(&call);
        if let Some(subscription) = change.as_ref().and_then(Invoked::subscription) {
            self.with(subscription, |found| found.policies.failed(call));
        }
        match change {
            Some(Invoked::SetPaused { subscription, .. }) => {
                self.with(subscription, |found| found.pauses_pending -= 1);
            }
            Some(Invoked::Seek { subscription }) => self.with(subscription, |found| {
                found.seeks.remove(&call);
            }),
            _ => {}
        }
    }

    fn unknown(&mut self, call: Call) {
        self.messages.unknown(call);
        if let Some(settle) = self.settles.remove(&call).filter(|settle| settle.kind.acknowledges()) {
            self.with(settle.subscription, |found| found.maybe_acked += settle.claims.len() as u64);
        }
        // A change that nobody waits for may still take effect at any time, until a crash.
        self.changes.remove(&call);
    }

    fn changed(&mut self, call: Call, position: Option<Sequence>, sought: Option<Sought>, line: u64) {
        let change = self.changes.remove(&call);
        if let Some(subscription) = change.as_ref().and_then(Invoked::subscription) {
            let to = sought.map(|sought| sought.allowed_from);
            self.with(subscription, |found| found.policies.answered(call, position, to, line));
        }
        match change {
            Some(Invoked::Unsubscribe { subscription }) => {
                self.with(subscription, |found| found.deleted = Some(line));
            }
            Some(Invoked::DeleteTopic { log }) => {
                self.of_log(log).for_each(|found| found.deleted = Some(line));
            }
            Some(Invoked::SetPaused { subscription, paused }) => self.with(subscription, |found| {
                found.pauses_pending -= 1;
                let certain = found.pauses_pending == 0 && !found.pauses_overlap;
                found.paused = certain.then_some((paused, line));
            }),
            Some(Invoked::Seek { subscription }) => self.with(subscription, |found| {
                let begun = found.seeks.remove(&call).unwrap_or(line);
                found.sought(begun, sought, line);
            }),
            _ => {}
        }
    }

    fn figures(&mut self, call: Call, backlog: u64, line: u64, at: u64) {
        let Some((subscription, begun)) = self.figures.remove(&call) else { return };
        let Some(subscription) = self.subscriptions.get(&subscription) else { return };
        let asked = backlog::Asked { begun, line, at };
        backlog::check(subscription, &self.messages, backlog, asked, &mut self.violations);
    }

    fn delivered(&mut self, delivered: &Delivered, line: u64, at: u64) {
        let out = &mut self.violations;
        self.messages.delivered(delivered, line, out);
        let Some(subscription) = self.subscriptions.get_mut(&delivered.subscription) else {
            let what = format!("a delivery of subscription {}, which does not exist", delivered.subscription);
            return out.push(Violation::new(Rule::Membership, what, &[line]));
        };
        check_membership(subscription, delivered, line, out);
        if let Some(known) = self.messages.of(delivered.uid) {
            let late = known.message.expire_at.is_some_and(|expire_at| at >= expire_at);
            if at < known.message.deliver_at || late {
                let what = format!("sequence {} is delivered too early or too late", delivered.sequence);
                out.push(Violation::new(Rule::Timing, what, &[known.invoked_line, line]));
            }
        }
        order::check(subscription, &self.messages, delivered, line, at, out);
        subscription.delivered(delivered, line, at, out);
        self.doubts.delivered(subscription, &self.messages, delivered, line, out);
    }

    fn found(&mut self, rules: &SubscriptionRules, paused: bool, position: Sequence, line: u64) {
        let unknown = || Subscription::new(*rules, line);
        let subscription = self.subscriptions.entry(rules.subscription).or_insert_with(unknown);
        subscription.found = true;
        subscription.loosen(rules);
        if !subscription.policies.seen(rules.lets_in, position, line) {
            let what = format!("subscription {} has forgotten a change or its policy", rules.subscription);
            self.violations.push(Violation::new(Rule::Filter, what, &[line]));
        }
        let mut wrong = |what: String, other| {
            self.violations.push(Violation::new(Rule::Membership, what, &[other, line]));
        };
        if let Some(deleted) = subscription.deleted {
            wrong(format!("subscription {} is there after it was deleted", rules.subscription), deleted);
        }
        let before = subscription.paused.filter(|(before, since)| *before != paused && *since < line);
        if let Some((_, since)) = before {
            wrong(
                format!("subscription {} has forgotten that it was paused or resumed", rules.subscription),
                since,
            );
        }
        subscription.paused = Some((paused, line));
        subscription.deleting_since = None;
    }

    fn found_all(&mut self, line: u64) {
        self.doubts.found_all(line);
        for (name, subscription) in &mut self.subscriptions {
            let found = subscription.found;
            let gone = subscription.deleted.is_some() || subscription.deleting_since.is_some();
            if !found && !gone {
                let what = format!("subscription {name} was created, not deleted, and is gone");
                let lines = [subscription.created_line, line];
                self.violations.push(Violation::new(Rule::Membership, what, &lines));
            }
            if !found {
                subscription.deleted.get_or_insert(line);
            }
        }
    }

    fn dead_letter(&mut self, name: SubscriptionUid, sequence: Sequence, line: u64) {
        let twice = !self.dead_letters.insert((name, sequence));
        let progress = self.subscriptions.get(&name).and_then(|found| found.progress.get(&sequence));
        let acked = progress.and_then(|progress| progress.over).filter(|(over, _)| *over == Over::Acked);
        if twice || acked.is_some() || progress.is_none() {
            let what =
                format!("sequence {sequence} is dead-lettered twice, or acked, or was never delivered");
            let lines = [acked.map_or(0, |(_, acked)| acked), line];
            self.violations.push(Violation::new(Rule::DeadLetter, what, &lines));
        }
    }
}

fn check_membership(subscription: &Subscription, delivered: &Delivered, line: u64, out: &mut Vec<Violation>) {
    let mut wrong = |what: &str, since: u64| {
        let what = format!("subscription {}: {what}", delivered.subscription);
        out.push(Violation::new(Rule::Membership, what, &[since, line]));
    };
    if let Some(deleted) = subscription.deleted {
        wrong("a delivery after it was deleted", deleted);
    }
    if delivered.log != subscription.rules.log {
        wrong("a delivery from another topic", subscription.created_line);
    }
    if let Some((true, since)) = subscription.paused {
        wrong("a delivery while it is paused", since);
    }
    if subscription.seeks.is_empty() && delivered.sequence < subscription.rules.allowed_from {
        wrong("a delivery from before it began", subscription.created_line);
    }
}
