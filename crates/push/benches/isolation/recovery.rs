//! How a dead endpoint is left alone, and how its backlog drains when it is back.

use std::time::Duration;

use fanfare_testkit::endpoints::{Behaviour, Endpoint};
use tokio::time::{MissedTickBehavior, interval};
use types::{
    SubscriptionSettings,
    push::{BreakerSettings, PushSettings},
};

use crate::stage::Stage;

/// How much is done.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    per_second: f64,
    /// Messages at the steady rate.
    steady: usize,
    backlog: usize,
    /// Intervals of the breaker for which the endpoint is dead.
    dead: u32,
}

impl Size {
    pub(crate) const FULL: Self = Self { per_second: 1_000.0, steady: 15_000, backlog: 100_000, dead: 15 };
    pub(crate) const SMALL: Self = Self { per_second: 100.0, steady: 100, backlog: 100, dead: 2 };
}

/// Between two probes.
const OPEN: Duration = Duration::from_secs(1);
/// Between two looks at the counts, and how many looks a second has.
const LOOK: Duration = Duration::from_millis(50);
const LOOKS: usize = 20;
const BATCH: usize = 1_000;

/// Prints the probes and the rates.
pub(crate) async fn run(size: Size) {
    let breaker = BreakerSettings { open: OPEN, max_open: OPEN, ..BreakerSettings::default() };
    let push = PushSettings { breaker, ..PushSettings::default() };
    let settings = SubscriptionSettings {
        push: Some(push.into()),
        max_attempts: 1_000,
        ..SubscriptionSettings::default()
    };
    let stage = Stage::new(1, 10_000, &settings).await;
    let endpoint = &stage.endpoints[0];

    stage.publish_at(0..size.steady, size.per_second).await;
    endpoint.wait_until("the steady ones", |totals| totals.deliveries >= size.steady as u64).await;

    endpoint.set(Behaviour::status(503));
    for first in (0..size.backlog).step_by(BATCH) {
        stage.publish(first..(first + BATCH).min(size.backlog)).await;
    }
    let (probes, gap) = probes(endpoint, size.dead).await;
    println!(
        "recovery: {probes} requests in {} intervals of an open breaker, at least {:.2} of one apart (at most one an interval)",
        size.dead,
        gap.as_secs_f64() / OPEN.as_secs_f64()
    );

    endpoint.set(Behaviour::ok());
    let before = endpoint.totals().deliveries;
    let counts = drain(endpoint, before + size.backlog as u64).await;
    let most = counts.windows(LOOKS + 1).map(|second| second[LOOKS] - second[0]).max().unwrap_or_default();
    println!(
        "recovery: {} messages drained in {:.1} s, at most {most} in a second: {:.2} times the steady rate (at most 2)",
        size.backlog,
        (counts.len() as f64) * LOOK.as_secs_f64(),
        most as f64 / size.per_second
    );
}

/// Requests in so many intervals once the breaker has opened, and the shortest time between two.
async fn probes(endpoint: &Endpoint, intervals: u32) -> (usize, Duration) {
    // Open for sure: nothing came for most of an interval.
    until_quiet(endpoint).await;
    let from = endpoint.now();
    let mut ticks = interval(OPEN);
    for _ in 0..=intervals {
        ticks.tick().await;
    }
    let times: Vec<Duration> = endpoint.requests().iter().map(|request| request.at).collect();
    let times = &times[times.partition_point(|at| *at < from)..];
    let gap = times.windows(2).map(|pair| pair[1] - pair[0]).min().unwrap_or(OPEN * intervals);
    (times.len(), gap)
}

async fn until_quiet(endpoint: &Endpoint) {
    let mut ticks = interval(LOOK);
    let (mut seen, mut quiet) = (0, 0);
    while quiet < LOOKS / 2 {
        ticks.tick().await;
        let deliveries = endpoint.totals().deliveries;
        quiet = if deliveries == seen { quiet + 1 } else { 0 };
        seen = deliveries;
    }
}

/// How many deliveries there were at each look, until there are so many.
async fn drain(endpoint: &Endpoint, until: u64) -> Vec<u64> {
    let mut ticks = interval(LOOK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut counts = Vec::new();
    while counts.last().is_none_or(|last| *last < until) {
        ticks.tick().await;
        counts.push(endpoint.totals().deliveries);
    }
    counts
}
