//! S9: nothing comes that no filter policy let in, and the answers of publishers count exactly who gets what.

use std::collections::HashMap;

use super::{
    Rule, Violation,
    messages::Messages,
    policies::Verdict,
    subscription::{Settle, Subscription},
};
use crate::history::{Call, Delivered, Receipt, Sequence, Settlement, SubscriptionUid};

type Subscriptions = HashMap<SubscriptionUid, Subscription>;

/// What cannot be judged before more is known.
#[derive(Debug, Default)]
pub(crate) struct Doubts {
    deliveries: Vec<(Delivered, u64)>,
    answers: Vec<Answer>,
    /// The lines between which a subscription may have come to be that nobody knows.
    nameless: HashMap<Call, (u64, u64)>,
}

/// What was answered for a new message.
#[derive(Debug)]
struct Answer {
    receipt: Receipt,
    invoked: u64,
    answered: u64,
}

impl Subscription {
    /// Whether it gets a message of its topic, for all that had been asked for before `line`.
    pub(crate) fn verdict(&self, messages: &Messages, sequence: Sequence, line: u64) -> Verdict {
        let kind = messages.at(self.rules.log, sequence).map(|known| known.message.kind);
        self.policies.verdict(kind, sequence, line)
    }

    /// How many of a publish's subscriptions it is, at least and at most.
    fn counts_for(&self, messages: &Messages, answer: &Answer) -> (u32, u32) {
        if self.rules.log != answer.receipt.log || self.policies.created > answer.receipt.sequence {
            return (0, 0);
        }
        let verdict = self.verdict(messages, answer.receipt.sequence, u64::MAX);
        let there = self.deleting_since.is_none_or(|begun| answer.answered < begun);
        let gone = self.deleted.is_some_and(|deleted| deleted < answer.invoked);
        (u32::from(there && verdict.did), u32::from(!gone && verdict.might))
    }
}

impl Doubts {
    /// A message came to a subscription.
    pub(crate) fn delivered(
        &mut self,
        subscription: &Subscription,
        messages: &Messages,
        delivered: &Delivered,
        line: u64,
        out: &mut Vec<Violation>,
    ) {
        let verdict = subscription.verdict(messages, delivered.sequence, line);
        if !verdict.may {
            out.push(leaked(delivered, line));
        } else if !verdict.must && subscription.policies.is_open() {
            self.deliveries.push((*delivered, line));
        }
    }

    /// A publish that began at `invoked` is answered.
    pub(crate) fn published(
        &mut self,
        receipts: &[Receipt],
        invoked: u64,
        line: u64,
        out: &mut Vec<Violation>,
    ) {
        for receipt in receipts {
            if !receipt.deduplicated {
                self.answers.push(Answer { receipt: *receipt, invoked, answered: line });
            } else if receipt.matched > 0 {
                out.push(Violation::new(Rule::Filter, "a duplicate is said to be delivered", &[line]));
            }
        }
    }

    /// A subscription may come to be that nobody knows.
    pub(crate) fn subscribing(&mut self, call: Call, line: u64) {
        self.nameless.insert(call, (line, u64::MAX));
    }

    /// What came of that is known.
    pub(crate) fn subscribed(&mut self, call: Call) {
        self.nameless.remove(&call);
    }

    /// Every subscription is known.
    pub(crate) fn found_all(&mut self, line: u64) {
        self.nameless.values_mut().for_each(|(_, ended)| *ended = line.min(*ended));
    }

    /// Everything that can be known is.
    pub(crate) fn finish(&self, all: &Subscriptions, messages: &Messages, out: &mut Vec<Violation>) {
        for (delivered, line) in &self.deliveries {
            let Some(subscription) = all.get(&delivered.subscription) else { continue };
            if !subscription.verdict(messages, delivered.sequence, *line).may {
                out.push(leaked(delivered, *line));
            }
        }
        for answer in &self.answers {
            self.check_answer(answer, all, messages, out);
        }
    }

    fn check_answer(
        &self,
        answer: &Answer,
        all: &Subscriptions,
        messages: &Messages,
        out: &mut Vec<Violation>,
    ) {
        let (mut least, mut most) = (0, 0);
        for subscription in all.values() {
            let (certain, possible) = subscription.counts_for(messages, answer);
            (least, most) = (least + certain, most + possible);
        }
        let nameless = |(begun, ended): &&(u64, u64)| *begun < answer.answered && *ended > answer.invoked;
        most += u32::try_from(self.nameless.values().filter(nameless).count()).unwrap_or(u32::MAX);
        let Receipt { sequence, matched, .. } = answer.receipt;
        if !(least..=most).contains(&matched) {
            let what = format!(
                "sequence {sequence} is said to match {matched} subscriptions, not {least} to {most}"
            );
            out.push(Violation::new(Rule::Filter, what, &[answer.invoked, answer.answered]));
        }
    }
}

fn leaked(delivered: &Delivered, line: u64) -> Violation {
    let what = format!(
        "subscription {}, sequence {}: delivered though no policy lets it in",
        delivered.subscription, delivered.sequence
    );
    Violation::new(Rule::Filter, what, &[line])
}

/// An ack, nack or extension was answered: it holds only for what is in the queue.
pub(crate) fn settled(
    subscription: &Subscription,
    messages: &Messages,
    settle: &Settle,
    outcomes: &[Settlement],
    line: u64,
    out: &mut Vec<Violation>,
) {
    for ((sequence, _), _) in settle.claims.iter().zip(outcomes).filter(|(_, outcome)| outcome.held) {
        if !subscription.verdict(messages, *sequence, settle.line).may {
            let what = format!("sequence {sequence} was settled after it had left the queue");
            out.push(Violation::new(Rule::Filter, what, &[settle.line, line]));
        }
    }
}
