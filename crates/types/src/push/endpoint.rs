use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{Timestamp, limits};

/// Whether a subscription's endpoint gets messages. Durable: a record in the topic's log says so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndpointStatus {
    /// It has not shown yet that it wants them.
    Pending(Confirmation),
    /// It gets them.
    Active,
    /// It gets none until it is resumed. The backlog stays.
    Disabled {
        /// Why.
        reason: DisabledReason,
        /// Since when.
        at: Timestamp,
    },
}

impl Default for EndpointStatus {
    fn default() -> Self {
        Self::Pending(Confirmation::default())
    }
}

/// What is known of the consent that was asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confirmation {
    /// Requests made.
    pub requests: u32,
    /// When the latest was made.
    pub requested_at: Option<Timestamp>,
    /// SHA-256 of the token that the latest carried, in lower-case hexadecimal.
    pub token_sha256: Option<String>,
}

impl Confirmation {
    /// The next request may be made from then on: at most one a minute, each wait twice the one before, up to an hour.
    pub fn next_request_at(&self) -> Timestamp {
        let Some(last) = self.requested_at else { return Timestamp::EPOCH };
        let doublings = self.requests.saturating_sub(1).min(16);
        let wait = limits::CONFIRMATION_INTERVAL.saturating_mul(1 << doublings);
        last.plus(wait.min(limits::CONFIRMATION_INTERVAL_MAX))
    }

    /// The token of the latest request is good until then.
    pub fn expires_at(&self) -> Timestamp {
        self.requested_at.map_or(Timestamp::EPOCH, |at| at.plus(limits::CONFIRMATION_LIFE))
    }
}

/// Why an endpoint is disabled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DisabledReason {
    /// It answered 410 Gone, or what an error rule says means the same.
    Gone,
    /// Its breaker was open for as long as the settings allow.
    BreakerOpen,
    /// It did not confirm in [`limits::CONFIRMATION_REQUESTS`] requests.
    Unconfirmed,
    /// Messages would go round in a circle.
    Loop,
}

/// Whether requests go out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BreakerState {
    /// They do.
    #[default]
    Closed,
    /// They do not, until the next probe.
    Open,
    /// One does: the probe.
    HalfOpen,
}

/// How an endpoint is at the moment, as its worker says. Volatile.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct EndpointReport {
    /// Whether requests go out.
    pub breaker: BreakerState,
    /// The breaker has not been closed since then.
    pub open_since: Option<Timestamp>,
    /// The next request is not made before.
    pub next_probe_at: Option<Timestamp>,
    /// Requests that may be under way at the moment.
    pub concurrency: u32,
    /// Requests that are.
    pub in_flight: u32,
    /// Messages per second that may be sent at the moment, if that is limited.
    pub rate_limit: Option<f64>,
    /// The latest failure, for people; at most 1,024 bytes.
    pub last_error: Option<String>,
    /// When it was.
    pub last_error_at: Option<Timestamp>,
    /// Since the worker has the endpoint: attempts that were acknowledged.
    pub delivered: u64,
    /// The same: attempts that failed and were not rejected; another one follows, unless it was the message's last.
    pub retried: u64,
    /// The same: messages that were rejected for good.
    pub rejected: u64,
    /// The same: of `delivered`, those whose answer came after the time-out.
    pub late: u64,
    /// The same: attempts without an answer in time.
    pub timeouts: u64,
    /// The same: retries that were held back by the retry budget.
    pub postponed: u64,
    /// The same: time of all attempts together.
    pub attempt_time: Duration,
    /// The same: times that the breaker opened.
    pub breaker_opened: u64,
}

impl EndpointReport {
    /// What is left of it without the worker that said it: what was counted, and the latest failure. Nothing is under way.
    #[must_use]
    pub fn without_worker(self) -> Self {
        let breaker = BreakerState::default();
        let (open_since, next_probe_at, rate_limit) = (None, None, None);
        Self { breaker, open_since, next_probe_at, rate_limit, concurrency: 0, in_flight: 0, ..self }
    }
}
