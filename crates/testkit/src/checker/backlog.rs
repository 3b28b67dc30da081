//! What a subscription says of its backlog against what clients know. It may be true of any moment between question and answer.

use super::{Rule, Violation, messages::Messages, subscription::Subscription};
use crate::history::Sequence;

/// A question for figures.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked {
    pub(crate) begun: u64,
    /// The answer's line and time.
    pub(crate) line: u64,
    pub(crate) at: u64,
}

/// Checks one figure.
pub(crate) fn check(
    subscription: &Subscription,
    messages: &Messages,
    backlog: u64,
    asked: Asked,
    out: &mut Vec<Violation>,
) {
    let rules = &subscription.rules;
    let moves = !subscription.seeks.is_empty() || subscription.sought_line > asked.begun;
    if subscription.adrift || moves {
        return;
    }
    let (mut least, mut most) = (0, messages.unplaced_for(&subscription.policies));
    let all = messages.places.range((rules.log, rules.allowed_from)..=(rules.log, Sequence::MAX));
    for ((_, sequence), place) in all {
        let verdict = |line| subscription.verdict(messages, *sequence, line);
        let (before, after) = (verdict(asked.begun), verdict(asked.line));
        let known = place.durable && (1..=asked.begun).contains(&place.since);
        let owed = known && *sequence >= rules.required_from && before.must && after.must;
        least += u64::from(owed && !subscription.may_be_over(messages, *sequence, asked.at));
        most += u64::from((before.may || after.may) && !subscription.is_over(*sequence, asked.begun));
    }
    if !(least..=most).contains(&backlog) {
        let what = format!(
            "subscription {}: a backlog of {backlog}, clients know of {least} to {most}",
            rules.subscription
        );
        out.push(Violation::new(Rule::Conservation, what, &[asked.begun, asked.line]));
    }
}

impl Subscription {
    /// The message was certainly settled or dead-lettered by `line`.
    pub(crate) fn is_over(&self, sequence: Sequence, line: u64) -> bool {
        let over = self.progress.get(&sequence).and_then(|progress| progress.over);
        over.is_some_and(|(_, since)| since <= line)
    }

    /// The message may be settled, dead-lettered or expired at `at`.
    pub(crate) fn may_be_over(&self, messages: &Messages, sequence: Sequence, at: u64) -> bool {
        let over = self.progress.get(&sequence).is_some_and(|progress| {
            progress.over.is_some()
                || progress.maybe_over.is_some()
                || progress.rejected
                || progress.highest >= self.fewest_attempts
        });
        let log = self.rules.log;
        let expired = messages.at(log, sequence).is_some_and(|known| messages.may_be_expired(log, known, at));
        over || expired || messages.may_be_expired_unseen(log, sequence, at)
    }
}
