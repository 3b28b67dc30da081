//! How many messages a leaf lets through, estimated: what decides by which leaf an alternative is found.

use super::leaves::{Entry, Leaves};
use crate::condition::{Condition, Text};

/// Values that are presumed to occur at a path besides those that policies ask for.
const OTHERS: f64 = 16.0;
/// What one alternative posted under the same leaf weighs, against a leaf that every message satisfies. It spreads alternatives over
/// leaves that are alike, and keeps the postings of a popular value from growing without end.
const POSTED: f64 = 1.0 / 65_536.0;
/// A leaf that absence satisfies.
const ABSENT: f64 = 0.9;

/// The share of messages that satisfy a leaf, about.
pub(super) fn share(leaves: &Leaves, entry: &Entry) -> f64 {
    // What many policies ask for, many messages have: no message has been seen yet when this is decided, policies have.
    let asked = f64::from(entry.holders) / (f64::from(leaves.asked(entry.path)) + OTHERS);
    let by_kind: f64 = entry.conditions().iter().map(of_condition).sum();
    let share = asked.max(by_kind).min(1.0);
    if entry.or_absent { share.max(ABSENT) } else { share }
}

/// What an alternative more costs under a leaf.
pub(super) fn cost(leaves: &Leaves, entry: &Entry) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    let posted = entry.posted.len() as f64;
    share(leaves, entry) + posted * POSTED
}

fn of_condition(condition: &Condition) -> f64 {
    match condition {
        Condition::Exists | Condition::AnythingBut(_) => 1.0,
        Condition::Null | Condition::Bool(_) => 0.3,
        Condition::Number(_) | Condition::Exact(_) | Condition::EqualsIgnoreCase(_) => 0.0,
        Condition::Prefix(Text { text, .. }) | Condition::Suffix(Text { text, .. }) => halved(text.len()),
        Condition::Wildcard(pattern) => {
            let ends = pattern.literals.first().into_iter().chain(pattern.literals.last());
            ends.map(|literal| literal.len()).find(|bytes| *bytes > 0).map_or(1.0, halved)
        }
        Condition::Cidr(cidr) if cidr.network.is_ipv4() => halved(usize::from(cidr.prefix / 4)),
        Condition::Cidr(cidr) => halved(usize::from(cidr.prefix / 12)),
        Condition::Range(range) if range.low.is_some() && range.high.is_some() => 0.25,
        Condition::Range(_) => 0.5,
    }
}

/// One half to this power, down to where it makes no difference.
fn halved(times: usize) -> f64 {
    1.0 / f64::from(1_u32 << times.min(12))
}
