//! What the demo's own consumers saw. Nothing of it comes from the broker's figures, so that the two can be compared.

use std::{
    collections::{HashMap, HashSet},
    io::Write as _,
    time::Duration,
};

use fanfare_client::ReceivedMessage;
use parking_lot::Mutex;

use super::story::{Outcome, Role};
use crate::clock;

/// One attempt of one message at one subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) message_id: String,
    pub(super) correlation_id: String,
    /// The attribute `type`.
    pub(super) kind: String,
    /// The ordering key.
    pub(super) key: String,
    pub(super) sequence: u64,
    pub(super) attempt: u32,
    /// Since it was accepted.
    pub(super) after: Duration,
    pub(super) outcome: Outcome,
}

impl Seen {
    pub(super) fn new(message: &ReceivedMessage, outcome: Outcome) -> Self {
        Self {
            message_id: message.message_id().to_owned(),
            correlation_id: message.correlation_id().to_owned(),
            kind: message.attribute("type").unwrap_or("(no type)").to_owned(),
            key: message.ordering_key().to_owned(),
            sequence: message.sequence(),
            attempt: message.delivery_attempt(),
            after: clock::since(message.publish_time()),
            outcome,
        }
    }
}

/// What one subscription's consumer saw, in its order.
#[derive(Debug, Clone, Default)]
pub(super) struct Testimony {
    pub(super) seen: Vec<Seen>,
    taken: HashSet<String>,
    pub(super) refused: u64,
}

impl Testimony {
    pub(super) fn add(&mut self, seen: Seen) {
        match seen.outcome {
            Outcome::Taken => _ = self.taken.insert(seen.message_id.clone()),
            Outcome::Failed(_) => self.refused += 1,
        }
        self.seen.push(seen);
    }

    /// Different messages that were taken.
    pub(super) fn delivered(&self) -> u64 {
        self.taken.len() as u64
    }

    /// Ordering keys that came.
    pub(super) fn keys(&self) -> usize {
        self.seen.iter().map(|seen| &seen.key).collect::<HashSet<_>>().len()
    }

    /// The first place at which a key's order was broken: a message came before the one in front of it was taken, or after one behind it.
    pub(super) fn disorder(&self) -> Option<String> {
        let mut latest: HashMap<&str, &Seen> = HashMap::new();
        for seen in &self.seen {
            if let Some(before) = latest.insert(&seen.key, seen) {
                let overtakes = seen.sequence > before.sequence && before.outcome != Outcome::Taken;
                if seen.sequence < before.sequence || overtakes {
                    return Some(format!(
                        "{}: {} came after {}",
                        seen.key, seen.message_id, before.message_id
                    ));
                }
            }
        }
        None
    }
}

/// Where all consumers leave their testimonies.
#[derive(Debug, Default)]
pub(super) struct Witness {
    testimonies: Mutex<[Testimony; 4]>,
    /// Whether what comes is printed, and no longer kept: what a reader goes on to publish does not fill the memory.
    aloud: Mutex<bool>,
}

impl Witness {
    pub(super) fn saw(&self, role: Role, message: &ReceivedMessage, outcome: Outcome) {
        let seen = Seen::new(message, outcome);
        match *self.aloud.lock() {
            true => say(role, &seen),
            false => self.testimonies.lock()[role as usize].add(seen),
        }
    }

    /// Different messages that a subscription took so far.
    pub(super) fn delivered(&self, role: Role) -> u64 {
        self.testimonies.lock()[role as usize].delivered()
    }

    /// What was seen so far.
    pub(super) fn testimony(&self, role: Role) -> Testimony {
        self.testimonies.lock()[role as usize].clone()
    }

    /// From now on a line for each attempt.
    pub(super) fn be_loud(&self) {
        *self.aloud.lock() = true;
    }
}

/// A terminal that is gone is no reason to stop.
fn say(role: Role, seen: &Seen) {
    let outcome = match seen.outcome {
        Outcome::Taken => "taken",
        Outcome::Failed(why) => why,
    };
    let (name, Seen { kind, correlation_id, attempt, .. }) = (role.name(), seen);
    let _ =
        writeln!(anstream::stdout(), "  {name:<10} {kind} of {correlation_id}, attempt {attempt}: {outcome}");
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// An attempt of the message with this sequence.
    pub(in crate::demo) fn seen(key: &str, sequence: u64, attempt: u32, outcome: Outcome) -> Seen {
        Seen {
            message_id: format!("m{sequence}"),
            correlation_id: format!("of-{key}"),
            kind: "order.paid".to_owned(),
            key: key.to_owned(),
            sequence,
            attempt,
            after: Duration::from_millis(u64::from(attempt) * 10),
            outcome,
        }
    }

    pub(in crate::demo) fn testimony(seen: impl IntoIterator<Item = Seen>) -> Testimony {
        let mut testimony = Testimony::default();
        seen.into_iter().for_each(|seen| testimony.add(seen));
        testimony
    }

    const FAILED: Outcome = Outcome::Failed("why");

    #[test]
    fn a_message_that_comes_twice_is_delivered_once() {
        let twice =
            [seen("a", 1, 1, FAILED), seen("a", 1, 2, Outcome::Taken), seen("a", 1, 2, Outcome::Taken)];
        let testimony = testimony(twice);
        assert_eq!((testimony.delivered(), testimony.refused, testimony.keys()), (1, 1, 1));
    }

    #[test]
    fn order_is_kept_by_a_key_that_waits_for_its_retry_while_others_go_on() {
        let kept = [
            seen("a", 1, 1, FAILED),
            seen("b", 2, 1, Outcome::Taken),
            seen("a", 1, 2, Outcome::Taken),
            seen("a", 3, 1, Outcome::Taken),
        ];
        assert_eq!(testimony(kept).disorder(), None);
    }

    #[test]
    fn a_message_that_overtakes_a_failed_one_of_its_key_is_found() {
        let broken =
            [seen("a", 1, 1, FAILED), seen("a", 3, 1, Outcome::Taken), seen("a", 1, 2, Outcome::Taken)];
        assert_eq!(testimony(broken).disorder().as_deref(), Some("a: m3 came after m1"));
    }

    #[test]
    fn a_message_that_comes_after_one_behind_it_is_found() {
        let broken = [seen("a", 3, 1, Outcome::Taken), seen("a", 1, 1, Outcome::Taken)];
        assert_eq!(testimony(broken).disorder().as_deref(), Some("a: m1 came after m3"));
    }
}
