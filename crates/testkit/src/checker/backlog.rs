//! What a subscription says of its backlog, when no call is under way, against what clients know.

use super::{Rule, Violation, messages::Messages, subscription::Subscription};
use crate::history::Sequence;

/// Checks one figure.
pub(crate) fn check(
    subscription: &Subscription,
    messages: &Messages,
    backlog: u64,
    line: u64,
    at: u64,
    out: &mut Vec<Violation>,
) {
    let rules = &subscription.rules;
    if subscription.adrift || !subscription.seeks.is_empty() {
        return;
    }
    let (mut least, mut most) = (0, messages.unplaced() as u64);
    let all = messages.places.range((rules.log, rules.allowed_from)..=(rules.log, Sequence::MAX));
    for ((_, sequence), place) in all {
        let verdict = subscription.verdict(messages, *sequence, line);
        let owed = place.durable && *sequence >= rules.required_from;
        let open = !subscription.may_be_over(messages, *sequence, at);
        least += u64::from(verdict.must && owed && open);
        most += u64::from(verdict.may && !subscription.is_over(*sequence));
    }
    if !(least..=most).contains(&backlog) {
        let what = format!(
            "subscription {}: a backlog of {backlog}, clients know of {least} to {most}",
            rules.subscription
        );
        out.push(Violation::new(Rule::Conservation, what, &[line]));
    }
}

impl Subscription {
    /// The message is certainly settled or dead-lettered.
    pub(crate) fn is_over(&self, sequence: Sequence) -> bool {
        self.progress.get(&sequence).is_some_and(|progress| progress.over.is_some())
    }

    /// The message may be settled, dead-lettered or expired at `at`.
    pub(crate) fn may_be_over(&self, messages: &Messages, sequence: Sequence, at: u64) -> bool {
        let over = self.progress.get(&sequence).is_some_and(|progress| {
            progress.over.is_some()
                || progress.maybe_over.is_some()
                || progress.highest >= self.fewest_attempts
        });
        let log = self.rules.log;
        let expired = messages.at(log, sequence).is_some_and(|known| messages.may_be_expired(log, known, at));
        over || expired || messages.may_be_expired_unseen(log, sequence, at)
    }
}
