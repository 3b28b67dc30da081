//! What is told: one topic, four subscriptions, and what goes wrong at each of them. Nothing here does anything.

use std::time::Duration;

use fanfare_client::{
    ReceivedMessage,
    proto::{
        ExponentialBackoff, FilterPolicy, PushBreaker, PushConfig, RetryPolicy, SubscriptionSettings,
        retry_policy::Policy,
    },
};

use super::events::Event;

/// Where everything is published.
pub(super) const TOPIC: &str = "orders";
/// The event that the mailer refuses each time.
pub(super) const POISON: &str = "evt-00397";
/// How long the mailer fails, from the first message on.
pub(super) const OUTAGE: Duration = Duration::from_secs(5);
/// What a fraud check looks at, in euros.
const LARGE: f64 = 200.0;
/// Types that it looks at.
const RISKY: [&str; 2] = ["order.created", "order.payment_failed"];
/// Failed attempts that make a message a dead letter. More than one message can have during the outage: probes are 1 s apart.
const ATTEMPTS: u32 = 8;

/// A subscription of the topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Billing,
    Fraud,
    Warehouse,
    Mailer,
}

/// What becomes of one attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Taken,
    /// Why it failed.
    Failed(&'static str),
}

impl Role {
    pub(super) const ALL: [Self; 4] = [Self::Billing, Self::Fraud, Self::Warehouse, Self::Mailer];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Billing => "billing",
            Self::Fraud => "fraud",
            Self::Warehouse => "warehouse",
            Self::Mailer => "mailer",
        }
    }

    /// How it gets its messages.
    pub(super) fn how(self) -> &'static str {
        match self {
            Self::Billing => "pulls, in order",
            Self::Fraud => "pulls, filtered",
            Self::Warehouse => "gRPC push",
            Self::Mailer => "webhook",
        }
    }

    /// Whether it wants an event: said here once more, apart from its filter policy, so that one checks the other.
    pub(super) fn wants(self, event: &Event) -> bool {
        self != Self::Fraud || (event.total >= LARGE && RISKY.contains(&event.kind.as_str()))
    }

    pub(super) fn is_ordered(self) -> bool {
        self == Self::Billing
    }

    /// Its settings; `endpoint` is where it is pushed to, if it is.
    pub(super) fn settings(self, endpoint: Option<String>) -> SubscriptionSettings {
        let policy = format!(
            r#"{{"type": ["{}", "{}"], "total": [{{"numeric": [">=", {LARGE}]}}]}}"#,
            RISKY[0], RISKY[1]
        );
        SubscriptionSettings {
            ordered: self.is_ordered(),
            retry: Some(short_backoff()),
            max_attempts: Some(ATTEMPTS),
            filter_policy: (self == Self::Fraud)
                .then(|| FilterPolicy { json: policy, ..FilterPolicy::default() }),
            push: endpoint.map(push),
            ..SubscriptionSettings::default()
        }
    }

    /// What its consumer makes of an attempt; `is_down` during the outage.
    pub(super) fn outcome(self, message: &ReceivedMessage, is_down: bool) -> Outcome {
        let is_first_failed_payment =
            message.attribute("type") == Some("order.payment_failed") && message.delivery_attempt() == 1;
        match self {
            Self::Billing if is_first_failed_payment => Outcome::Failed("the bank did not answer"),
            Self::Mailer if is_down => Outcome::Failed("500, the mail server is down"),
            Self::Mailer if is_poison(message) => Outcome::Failed("500, the template breaks on this one"),
            _ => Outcome::Taken,
        }
    }
}

/// By its data: a webhook does not get a message's deduplication ID.
fn is_poison(message: &ReceivedMessage) -> bool {
    let event: Option<serde_json::Value> = serde_json::from_slice(message.data()).ok();
    event.is_some_and(|event| event["id"] == POISON)
}

fn short_backoff() -> RetryPolicy {
    let backoff = ExponentialBackoff {
        min_backoff: Some(millis(250)),
        max_backoff: Some(millis(1_000)),
        ..ExponentialBackoff::default()
    };
    RetryPolicy { policy: Some(Policy::Exponential(backoff)) }
}

fn push(endpoint: String) -> PushConfig {
    let breaker = PushBreaker {
        failures: Some(5),
        open: Some(millis(1_000)),
        max_open: Some(millis(1_000)),
        ..PushBreaker::default()
    };
    PushConfig { endpoint, breaker: Some(breaker), ..PushConfig::default() }
}

fn millis(millis: i32) -> prost_types::Duration {
    prost_types::Duration { seconds: i64::from(millis / 1_000), nanos: millis % 1_000 * 1_000_000 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::events;

    #[test]
    fn the_poison_message_is_one_that_every_subscription_wants_and_billing_fails_once() {
        let events = events::shipped().unwrap();
        let is_it = |event: &&Event| event.message.clone().into_proto().deduplication_id == POISON;
        let poison: Vec<_> = events.iter().filter(is_it).collect();
        assert_eq!(poison.len(), 1);
        assert!(Role::ALL.iter().all(|role| role.wants(poison[0])));
        assert_eq!(poison[0].kind, "order.payment_failed");
    }

    #[test]
    fn the_filter_leaves_some_events_and_not_most() {
        let events = events::shipped().unwrap();
        let wanted = events.iter().filter(|event| Role::Fraud.wants(event)).count();
        assert!((20..300).contains(&wanted), "{wanted}");
    }

    #[test]
    fn no_message_can_use_up_its_attempts_during_the_outage() {
        // One at its beginning, the others as probes, which are a second apart.
        assert!(1 + OUTAGE.as_secs() + 1 < u64::from(ATTEMPTS));
    }
}
