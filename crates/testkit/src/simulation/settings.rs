//! Settings of subscriptions, and what the checker needs to know of them.

use std::time::Duration;

use broker::SubscriptionInfo;
use types::{ExhaustedAction, ExponentialBackoff, RetryPolicy, SubscriptionSettings};

use super::{
    consume::micros,
    contents::{kinds, some_policy},
    random::Random,
    world::World,
};
use crate::history::SubscriptionRules;

impl World {
    pub(crate) fn settings(&mut self) -> SubscriptionSettings {
        let filter = if self.filters { some_policy(&mut self.random) } else { None };
        SubscriptionSettings { filter, ..settings(&mut self.random) }
    }

    /// Other settings, as far as they can be changed, or only another filter policy.
    pub(crate) fn changed_settings(&mut self, before: &SubscriptionSettings) -> SubscriptionSettings {
        let changed = self.settings();
        match self.random.below(if self.filters { 3 } else { 1 }) {
            0 => SubscriptionSettings {
                ordered: before.ordered,
                when_exhausted: before.when_exhausted,
                ..changed
            },
            1 => SubscriptionSettings { filter: changed.filter, ..before.clone() },
            _ => SubscriptionSettings {
                ordered: before.ordered,
                when_exhausted: before.when_exhausted,
                filter: before.filter.clone(),
                ..changed
            },
        }
    }
}

/// Settings under which everything happens within seconds.
fn settings(random: &mut Random) -> SubscriptionSettings {
    let min_backoff = Duration::from_millis(random.of(&[0, 500, 2_000]));
    let backoff = ExponentialBackoff {
        min_backoff,
        max_backoff: Duration::from_secs(5),
        jitter: random.percent(50),
        ..ExponentialBackoff::default()
    };
    SubscriptionSettings {
        ack_deadline: Duration::from_secs(random.of(&[1, 5, 30])),
        ordered: random.percent(60),
        retry: RetryPolicy::Exponential(backoff),
        max_attempts: random.of(&[1, 2, 3, 10]),
        when_exhausted: if random.percent(70) { ExhaustedAction::DeadLetter } else { ExhaustedAction::Drop },
        max_in_flight: random.of(&[1, 5, 1_000]),
        ..SubscriptionSettings::default()
    }
}

/// What the checker needs to know. Every message after the latest change must reach it; which of those before is not known.
pub(crate) fn rules(info: &SubscriptionInfo, log: Option<u64>, allowed_from: u64) -> SubscriptionRules {
    let min_backoff = match &info.settings.retry {
        RetryPolicy::Exponential(backoff) => backoff.min_backoff,
        RetryPolicy::Phased(_) => Duration::ZERO,
    };
    SubscriptionRules {
        subscription: info.uid.0,
        log: log.unwrap_or(0),
        required_from: info.position + 1,
        allowed_from,
        ordered: info.settings.ordered,
        max_attempts: info.settings.attempts(),
        drops: info.settings.when_exhausted == ExhaustedAction::Drop,
        min_backoff: micros(min_backoff),
        lets_in: kinds(info.settings.filter.as_ref()),
    }
}
