//! After the drain: S1 (no loss) and that the subscription's own figures add up.

use super::{
    Rule, Violation,
    messages::Messages,
    subscription::{Over, Subscription},
};
use crate::history::{FinalCounts, Sequence};

/// Checks one subscription's end.
pub(crate) fn check(
    subscription: &Subscription,
    messages: &Messages,
    counts: &FinalCounts,
    line: u64,
    at: u64,
    out: &mut Vec<Violation>,
) {
    check_loss(subscription, messages, counts, line, at, out);
    check_counts(subscription, counts, line, out);
    if counts.damaged > 0 {
        let what = format!(
            "subscription {}: {} messages could not be read",
            subscription.rules.subscription, counts.damaged
        );
        out.push(Violation::new(Rule::NoLoss, what, &[line]));
    }
    if counts.backlog > 0 {
        let what = format!(
            "subscription {}: {} messages are never delivered",
            subscription.rules.subscription, counts.backlog
        );
        out.push(Violation::new(Rule::Liveness, what, &[line]));
    }
    if !subscription.sought {
        check_sum(subscription, messages, counts, line, out);
    }
}

/// Accepted messages that must have reached the subscription, and those of which nobody knows what became of them.
fn check_loss(
    subscription: &Subscription,
    messages: &Messages,
    counts: &FinalCounts,
    line: u64,
    at: u64,
    out: &mut Vec<Violation>,
) {
    if subscription.adrift || !subscription.seeks.is_empty() {
        return;
    }
    let (log, from) = (subscription.rules.log, subscription.rules.required_from);
    let owed: Vec<Sequence> = messages
        .places
        .range((log, from)..(log, Sequence::MAX))
        .filter(|(_, place)| place.durable)
        .map(|((_, sequence), _)| *sequence)
        .filter(|sequence| subscription.verdict(messages, *sequence, u64::MAX).must)
        .collect();
    let lost: Vec<_> =
        owed.iter().filter(|sequence| !subscription.may_be_over(messages, **sequence, at)).copied().collect();
    if lost.len() as u64 > counts.backlog {
        let part = part_of(&owed, &lost);
        let what = format!(
            "subscription {}: {} of {} accepted messages are lost ({part}): {:?}",
            subscription.rules.subscription,
            lost.len(),
            owed.len(),
            &lost[..lost.len().min(10)]
        );
        out.push(Violation::new(Rule::NoLoss, what, &[line]));
    }
}

/// Where the loss is, which says much of its cause.
fn part_of(owed: &[Sequence], lost: &[Sequence]) -> &'static str {
    match (owed.starts_with(lost), owed.ends_with(lost)) {
        (true, true) => "all",
        (true, false) => "prefix",
        (false, true) => "postfix",
        (false, false) => "middle",
    }
}

/// The figures against what clients know for certain.
fn check_counts(subscription: &Subscription, counts: &FinalCounts, line: u64, out: &mut Vec<Violation>) {
    let name = subscription.rules.subscription;
    let acked = subscription.acked..=subscription.acked + subscription.maybe_acked;
    if !acked.contains(&counts.acked) {
        let what = format!("subscription {name}: {} acked, clients know of {acked:?}", counts.acked);
        out.push(Violation::new(Rule::Conservation, what, &[line]));
    }
    let all = subscription.progress.values();
    let exhausted = all.clone().filter(|p| matches!(p.over, Some((Over::Exhausted, _)))).count() as u64;
    let possible = all.filter(|p| p.rejected || p.highest >= subscription.fewest_attempts).count() as u64;
    let ended = counts.dead_letters + counts.dropped;
    if ended < exhausted || (ended > possible && !subscription.sought) {
        let what = format!(
            "subscription {name}: {ended} dead-lettered or dropped, clients know of {exhausted} to {possible}"
        );
        out.push(Violation::new(Rule::DeadLetter, what, &[line]));
    }
}

fn check_sum(
    subscription: &Subscription,
    messages: &Messages,
    counts: &FinalCounts,
    line: u64,
    out: &mut Vec<Violation>,
) {
    let rules = &subscription.rules;
    let from = |sequence: Sequence| messages.places.range((rules.log, sequence)..(rules.log, Sequence::MAX));
    let verdict = |sequence: Sequence| subscription.verdict(messages, sequence, u64::MAX);
    // What was let in and has left the queue since is in no figure, unless it was over by then.
    let counted = |sequence: Sequence| verdict(sequence).must || subscription.is_over(sequence, u64::MAX);
    let durable = from(rules.required_from).filter(|(_, place)| place.durable);
    let least = durable.filter(|((_, sequence), _)| counted(*sequence)).count() as u64;
    let possible = from(rules.allowed_from).filter(|((_, sequence), _)| verdict(*sequence).might);
    let most = possible.count() as u64 + messages.unplaced_for(&subscription.policies);
    let sum = counts.acked
        + counts.backlog
        + counts.dead_letters
        + counts.dropped
        + counts.expired
        + counts.damaged;
    if !(least..=most).contains(&sum) {
        let what = format!(
            "subscription {}: {counts:?} add up to {sum}, published were {least} to {most}",
            rules.subscription
        );
        out.push(Violation::new(Rule::Conservation, what, &[line]));
    }
}
