//! S4: per key, a message is delivered only when the earlier ones are over.

use super::{Rule, Violation, messages::Messages, subscription::Subscription};
use crate::history::{Delivered, Sequence};

/// Checks one delivery. To be called before the subscription takes note of it.
pub(crate) fn check(
    subscription: &mut Subscription,
    messages: &Messages,
    delivered: &Delivered,
    line: u64,
    at: u64,
    out: &mut Vec<Violation>,
) {
    let Some(key) = messages.of(delivered.uid).and_then(|known| known.message.key) else { return };
    if !subscription.rules.ordered || !subscription.seeks.is_empty() {
        return;
    }
    let sequence = delivered.sequence;
    let required = if subscription.adrift { Sequence::MAX } else { subscription.rules.required_from };
    let mut key_line = subscription.lines.get(&key).copied().unwrap_or_default();
    key_line.frontier = key_line.frontier.max(required).min(sequence);
    let earlier = messages.of_key(delivered.log, key, key_line.frontier, sequence);
    if let Some(open) =
        earlier.into_iter().find(|earlier| is_open(subscription, messages, *earlier, line, at))
    {
        let before =
            subscription.progress.get(&open).and_then(|progress| progress.last).map_or(0, |last| last.line);
        let what = format!("sequence {sequence} of key {key} is delivered before {open} is settled");
        out.push(Violation::new(Rule::KeyOrder, what, &[before, line]));
    }
    let (highest, epoch, highest_line) = key_line.highest;
    if epoch == subscription.epoch && sequence < highest {
        let what = format!("sequence {sequence} of key {key} is delivered after {highest}");
        out.push(Violation::new(Rule::KeyOrder, what, &[highest_line, line]));
    }
    key_line.highest = (sequence, subscription.epoch, line);
    key_line.frontier = sequence;
    subscription.lines.insert(key, key_line);
}

/// It has to be delivered first.
fn is_open(subscription: &Subscription, messages: &Messages, sequence: Sequence, line: u64, at: u64) -> bool {
    !is_over(subscription, messages, subscription.rules.log, sequence, at)
        && subscription.verdict(messages, sequence, line).must
}

/// For all that is known.
fn is_over(subscription: &Subscription, messages: &Messages, log: u64, sequence: Sequence, at: u64) -> bool {
    let progress = subscription.progress.get(&sequence);
    let settled = progress.is_some_and(|progress| {
        let last_try = progress.last.is_some_and(|last| {
            last.attempt >= subscription.fewest_attempts && (last.given_up || last.deadline <= at)
        });
        progress.over.is_some() || progress.maybe_over.is_some() || last_try
    });
    settled || messages.at(log, sequence).is_none_or(|known| messages.may_be_expired(log, known, at))
}
