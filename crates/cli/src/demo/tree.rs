//! Where the messages of one correlation ID went, as the subscribers saw it.

use std::{collections::BTreeMap, fmt::Write as _, time::Duration};

use super::{
    story::{Outcome, Role},
    witness::{Seen, Testimony},
};

/// What one subscription saw. What it saw last of a message is final: everything is settled when it is drawn.
#[derive(Debug, Clone)]
pub(super) struct Branch {
    pub(super) role: Role,
    pub(super) consumer: Testimony,
}

/// Attempts of one message, by subscription.
type Attempts<'a> = Vec<(Role, Vec<&'a Seen>)>;

/// Draws it. A message that every subscription took at once has a line, another one a tree.
pub(super) fn draw(correlation_id: &str, branches: &[Branch]) -> String {
    let messages = messages(correlation_id, branches);
    let mut tree = format!("{correlation_id}\n");
    let count = messages.len();
    for (number, attempts) in (1..).zip(messages.values()) {
        let (fork, trunk) = if number == count { ("└── ", "    ") } else { ("├── ", "│   ") };
        let _ = writeln!(tree, "{fork}{}", title(attempts));
        if attempts.iter().any(|(_, seen)| seen.len() > 1) {
            draw_attempts(&mut tree, trunk, attempts);
        }
    }
    tree
}

/// By sequence, so in the order of publication.
fn messages<'a>(correlation_id: &str, branches: &'a [Branch]) -> BTreeMap<u64, Attempts<'a>> {
    let mut messages: BTreeMap<u64, Attempts<'a>> = BTreeMap::new();
    for branch in branches {
        for seen in branch.consumer.seen.iter().filter(|seen| seen.correlation_id == correlation_id) {
            let attempts = messages.entry(seen.sequence).or_default();
            match attempts.last_mut() {
                Some((role, all)) if *role == branch.role => all.push(seen),
                _ => attempts.push((branch.role, vec![seen])),
            }
        }
    }
    messages
}

/// What happened, and if nothing went wrong, when each had it.
fn title(attempts: &Attempts<'_>) -> String {
    let first = attempts.first().and_then(|(_, seen)| seen.first());
    let (kind, id) = first.map(|seen| (seen.kind.as_str(), seen.message_id.as_str())).unwrap_or_default();
    let mut title = format!("{kind:<22} {id}");
    if attempts.iter().all(|(_, seen)| seen.len() == 1) {
        let took = attempts.iter().map(|(role, seen)| format!("{} {}", role.name(), elapsed(seen[0].after)));
        let _ = write!(title, "  {}", took.collect::<Vec<_>>().join(", "));
    }
    title
}

fn draw_attempts(tree: &mut String, trunk: &str, attempts: &Attempts<'_>) {
    let count = attempts.len();
    for (number, (role, seen)) in (1..).zip(attempts) {
        let (fork, bough) = if number == count { ("└── ", "    ") } else { ("├── ", "│   ") };
        for (index, seen) in seen.iter().enumerate() {
            let (fork, name) = if index == 0 { (fork, role.name()) } else { (bough, "") };
            let (attempt, after) = (seen.attempt, elapsed(seen.after));
            let _ = writeln!(
                tree,
                "{trunk}{fork}{name:<10} attempt {attempt}  {after:>7}  {}",
                outcome(seen.outcome)
            );
        }
        if seen.last().is_some_and(|last| last.outcome != Outcome::Taken) {
            let _ = writeln!(tree, "{trunk}{bough}{:<10} no further attempt: it is a dead letter", "");
        }
    }
}

fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Taken => "taken",
        Outcome::Failed(why) => why,
    }
}

/// Since the message was accepted.
fn elapsed(time: Duration) -> String {
    match time.as_millis() {
        millis @ 0..1_000 => format!("{millis} ms"),
        _ => format!("{:.1} s", time.as_secs_f64()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::witness::tests::{seen, testimony};

    const FAILED: Outcome = Outcome::Failed("it is down");

    #[test]
    fn a_message_is_followed_through_each_subscription_and_its_attempts() {
        let branches = [
            Branch {
                role: Role::Billing,
                consumer: testimony([
                    seen("a", 1, 1, Outcome::Taken),
                    seen("a", 2, 1, FAILED),
                    seen("a", 2, 2, Outcome::Taken),
                ]),
            },
            Branch {
                role: Role::Mailer,
                consumer: testimony([
                    seen("b", 9, 1, Outcome::Taken),
                    seen("a", 2, 1, FAILED),
                    seen("a", 1, 1, Outcome::Taken),
                    seen("a", 2, 2, FAILED),
                ]),
            },
        ];
        let expected = "\
of-a
├── order.paid             m1  billing 10 ms, mailer 10 ms
└── order.paid             m2
    ├── billing    attempt 1    10 ms  it is down
    │              attempt 2    20 ms  taken
    └── mailer     attempt 1    10 ms  it is down
                   attempt 2    20 ms  it is down
                   no further attempt: it is a dead letter
";
        assert_eq!(draw("of-a", &branches), expected);
    }

    #[test]
    fn a_correlation_id_that_nobody_saw_has_no_branches() {
        assert_eq!(draw("of-a", &[]), "of-a\n");
    }

    #[test]
    fn times_are_short() {
        assert_eq!(elapsed(Duration::from_micros(1_500)), "1 ms");
        assert_eq!(elapsed(Duration::from_millis(12_340)), "12.3 s");
    }
}
