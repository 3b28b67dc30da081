//! What a black hole and slow endpoints cost the healthy ones.

use std::time::Duration;

use fanfare_testkit::endpoints::{Behaviour, Endpoint, Reply};
use tokio::time::Instant;
use types::{SubscriptionSettings, push::PushSettings};

use crate::{
    figures::{median, millis, percentile},
    stage::Stage,
};

/// How much is done.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    endpoints: usize,
    rounds: usize,
    steady: usize,
    per_second: f64,
    bursts: usize,
    burst: usize,
}

impl Size {
    pub(crate) const FULL: Self =
        Self { endpoints: 100, rounds: 7, steady: 200, per_second: 20.0, bursts: 5, burst: 200 };
    pub(crate) const SMALL: Self =
        Self { endpoints: 10, rounds: 1, steady: 10, per_second: 100.0, bursts: 1, burst: 10 };
}

/// Endpoints that misbehave, in the runs in which they do: the first of them is the black hole.
const BAD: usize = 6;
const SLOW: Duration = Duration::from_millis(500);
/// Messages before anything is measured: connections are made, and concurrency grows.
const WARM_UP: usize = 20;

/// What came of one run.
#[derive(Debug, Clone, Copy)]
struct Outcome {
    p50: Duration,
    p99: Duration,
    /// Deliveries a second.
    throughput: f64,
}

/// Prints the ratios.
pub(crate) async fn run(size: Size) {
    let (mut latency, mut throughput) = (Vec::new(), Vec::new());
    for round in 0..size.rounds {
        // Which comes first changes, so that what one leaves behind does not count against the same.
        let (with, without) = if round % 2 == 0 {
            let without = measure(size, false).await;
            (measure(size, true).await, without)
        } else {
            (measure(size, true).await, measure(size, false).await)
        };
        say("all healthy", without);
        say("with bad ones", with);
        latency.push(with.p99.as_secs_f64() / without.p99.as_secs_f64());
        throughput.push(with.throughput / without.throughput);
    }
    println!(
        "isolation: p99 of the healthy with bad neighbours / without: {:.3} (at most 1.2)",
        median(&mut latency)
    );
    println!(
        "isolation: throughput of the healthy, the same: {:.3} (at least 0.95)",
        median(&mut throughput)
    );
}

fn say(what: &str, outcome: Outcome) {
    let Outcome { p50, p99, throughput } = outcome;
    println!("{what:>14}: p50 {}, p99 {}, {throughput:.0} deliveries/s", millis(p50), millis(p99));
}

async fn measure(size: Size, with_bad: bool) -> Outcome {
    let push = PushSettings { request_timeout: Duration::from_secs(2), ..PushSettings::default() };
    let settings = SubscriptionSettings { push: Some(push.into()), ..SubscriptionSettings::default() };
    let keep = WARM_UP + size.steady;
    let stage = Stage::new(size.endpoints, keep, &settings).await;
    if with_bad {
        stage.endpoints[0].set(Behaviour::BlackHole);
        stage.endpoints[1..BAD].iter().for_each(|endpoint| endpoint.set(Behaviour::Slow(SLOW, Reply::ok())));
    }
    let healthy = &stage.endpoints[BAD..];
    stage.publish(0..WARM_UP).await;
    all_have(healthy, WARM_UP).await;

    let published = stage.publish_at(WARM_UP..WARM_UP + size.steady, size.per_second).await;
    all_have(healthy, WARM_UP + size.steady).await;
    let mut latencies = latencies(healthy, &published);

    let mut throughputs = Vec::new();
    for burst in 1..=size.bursts {
        let begun = now();
        stage.publish(0..size.burst).await;
        all_have(healthy, WARM_UP + size.steady + burst * size.burst).await;
        throughputs.push((healthy.len() * size.burst) as f64 / begun.elapsed().as_secs_f64());
    }
    let throughput = median(&mut throughputs);
    Outcome { p50: percentile(&mut latencies, 50), p99: percentile(&mut latencies, 99), throughput }
}

async fn all_have(endpoints: &[Endpoint], messages: usize) {
    for endpoint in endpoints {
        let all = |totals: &fanfare_testkit::endpoints::Totals| totals.deliveries >= messages as u64;
        endpoint.wait_until("all messages", all).await;
    }
}

/// From when each message was due to be published until each endpoint had it.
fn latencies(endpoints: &[Endpoint], published: &[Instant]) -> Vec<Duration> {
    let mut latencies = Vec::new();
    for endpoint in endpoints {
        let started = now() - endpoint.now();
        for request in endpoint.requests() {
            let number: usize = request.text().parse().unwrap();
            if let Some(at) = number.checked_sub(WARM_UP).and_then(|index| published.get(index)) {
                latencies.push((started + request.at).saturating_duration_since(*at));
            }
        }
    }
    latencies
}

#[allow(clippy::disallowed_methods, reason = "a benchmark measures real time")]
fn now() -> Instant {
    Instant::now()
}
