//! From what a run came to, the figures. Pure.

use std::collections::BTreeMap;

use load::{Correctness, Outcome, Percentiles, Workload};

use crate::{metric::Metric, plan::Job, process::Usage};

/// What one run gave.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Measured {
    /// Published.
    pub messages: u64,
    /// By name.
    pub figures: BTreeMap<Metric, f64>,
    /// What the subscribers saw.
    pub correctness: Correctness,
}

const MIB: f64 = 1_048_576.0;

impl Measured {
    /// Of a run during which the server and the load program used this. What would mislead is left out: the throughput of what is sent at a fixed
    /// rate.
    pub(crate) fn of(job: &Job, outcome: &Outcome, server: Usage, client_cpu_seconds: f64) -> Self {
        let mut figures = BTreeMap::new();
        let fixed = matches!(job, Job::Many(_) | Job::Shared(Workload::Steady(_) | Workload::ManyTopics(_)));
        let counted = if outcome.delivered > 0 { outcome.delivered } else { outcome.published } as f64;
        if !fixed {
            figures.insert(Metric::Throughput, counted / outcome.seconds);
        }
        figures.insert(Metric::ServerCpu, server.cpu_seconds * 1e6 / counted);
        figures.insert(Metric::ClientCpu, client_cpu_seconds * 1e6 / counted);
        latencies(&mut figures, job, outcome);
        figures.insert(Metric::PeakRss, server.peak_rss_bytes as f64 / MIB);
        let published = outcome.published as f64;
        figures.insert(Metric::Written, server.written_bytes as f64 / published);
        figures.insert(Metric::Flushes, server.flushes as f64 * 1e3 / published);
        figures.retain(|_, value| value.is_finite());
        Self { messages: outcome.published, figures, correctness: outcome.correctness }
    }
}

fn latencies(figures: &mut BTreeMap<Metric, f64>, job: &Job, outcome: &Outcome) {
    let mut put = |found: Option<Percentiles>, [p50, p99, p999]: [Metric; 3]| {
        if let Some(found) = found {
            figures.extend([(p50, found.p50_ms), (p99, found.p99_ms), (p999, found.p999_ms)]);
        }
    };
    let publish = [Metric::PublishP50, Metric::PublishP99, Metric::PublishP999];
    put(outcome.publish_latency, publish);
    // At full speed it says how many messages were under way, and of a backlog how old it is.
    if !matches!(job, Job::Shared(Workload::FanOut(_) | Workload::Drain(_))) {
        put(outcome.delivery_latency, [Metric::DeliveryP50, Metric::DeliveryP99, Metric::DeliveryP999]);
    }
}

#[cfg(test)]
mod tests {
    use load::workload::{Drain, FanOut, Steady};

    use super::*;

    fn outcome() -> Outcome {
        let latency = Some(Percentiles { p50_ms: 1.0, p99_ms: 2.0, p999_ms: 3.0, max_ms: 4.0 });
        Outcome {
            published: 1_000,
            delivered: 4_000,
            seconds: 2.0,
            publish_latency: latency,
            delivery_latency: latency,
            ..Outcome::default()
        }
    }

    fn used() -> Usage {
        Usage { cpu_seconds: 0.02, written_bytes: 2_000_000, flushes: 50, peak_rss_bytes: 3 << 20 }
    }

    fn fan_out() -> Job {
        let fan_out = FanOut { messages: 1_000, bytes: 16, outstanding: 10, subscriptions: 4 };
        Job::Shared(Workload::FanOut(fan_out))
    }

    #[test]
    fn cost_is_by_delivery_and_what_is_written_by_message() {
        let measured = Measured::of(&fan_out(), &outcome(), used(), 0.04);
        let expected = [
            (Metric::Throughput, 2_000.0),
            (Metric::PublishP50, 1.0),
            (Metric::PublishP99, 2.0),
            (Metric::PublishP999, 3.0),
            (Metric::ServerCpu, 5.0),
            (Metric::ClientCpu, 10.0),
            (Metric::PeakRss, 3.0),
            (Metric::Written, 2_000.0),
            (Metric::Flushes, 50.0),
        ];
        assert_eq!(measured.figures, BTreeMap::from(expected));
    }

    #[test]
    fn what_is_only_published_is_counted_by_message() {
        let measured = Measured::of(&fan_out(), &Outcome { delivered: 0, ..outcome() }, used(), 0.04);
        assert_eq!(measured.figures[&Metric::Throughput], 500.0);
        assert_eq!(measured.figures[&Metric::ServerCpu], 20.0);
    }

    #[test]
    fn a_fixed_rate_has_no_throughput_and_a_drain_has_the_cost_of_what_it_delivered() {
        let steady = Steady { rate: 1, seconds: 1, warm_up_seconds: 0, bytes: 16, subscriptions: 4 };
        let steady = Measured::of(&Job::Shared(Workload::Steady(steady)), &outcome(), used(), 0.04);
        assert!(!steady.figures.contains_key(&Metric::Throughput));
        assert_eq!(steady.figures[&Metric::DeliveryP99], 2.0);
        let drain = Drain { messages: 1_000, bytes: 16, outstanding: 10 };
        let drain = Measured::of(&Job::Shared(Workload::Drain(drain)), &outcome(), used(), 0.04);
        assert_eq!(drain.figures[&Metric::ServerCpu], 5.0);
        assert_eq!(drain.figures[&Metric::Throughput], 2_000.0);
    }

    #[test]
    fn a_run_of_nothing_has_no_figure_that_is_not_a_number() {
        let measured = Measured::of(&fan_out(), &Outcome::default(), used(), 0.0);
        assert!(measured.figures.values().all(|value| value.is_finite()), "{measured:?}");
    }
}
