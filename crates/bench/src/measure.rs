//! From what a run came to, the figures. Pure.

use std::collections::BTreeMap;

use load::{Correctness, Outcome, Percentiles, Workload};

use crate::{Metric, plan::Job, process::Usage};

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
    /// rate, and what a drain cost, because publishing the backlog is in it.
    pub(crate) fn of(job: &Job, outcome: &Outcome, server: Usage, client_cpu_seconds: f64) -> Self {
        let mut figures = BTreeMap::new();
        let fixed = matches!(job, Job::Many(_) | Job::Shared(Workload::Steady(_) | Workload::ManyTopics(_)));
        let drain = matches!(job, Job::Shared(Workload::Drain(_)));
        let counted = if outcome.delivered > 0 { outcome.delivered } else { outcome.published } as f64;
        if !fixed {
            figures.insert(Metric::Throughput, counted / outcome.seconds);
        }
        if !drain {
            figures.insert(Metric::ServerCpu, server.cpu_seconds * 1e6 / counted);
            figures.insert(Metric::ClientCpu, client_cpu_seconds * 1e6 / counted);
        }
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

/// What is wrong, in words; nothing if all is right.
pub(crate) fn complaint(found: Correctness) -> Option<String> {
    let Correctness { missing, duplicate, out_of_order, foreign } = found;
    let all = [
        (missing, "missing"),
        (duplicate, "duplicate"),
        (out_of_order, "out of order"),
        (foreign, "foreign"),
    ];
    let wrong: Vec<_> = all
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    (!wrong.is_empty()).then(|| wrong.join(", "))
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
    fn a_fixed_rate_has_no_throughput_and_a_drain_no_cost() {
        let steady = Steady { rate: 1, seconds: 1, warm_up_seconds: 0, bytes: 16, subscriptions: 4 };
        let steady = Measured::of(&Job::Shared(Workload::Steady(steady)), &outcome(), used(), 0.04);
        assert!(!steady.figures.contains_key(&Metric::Throughput));
        assert_eq!(steady.figures[&Metric::DeliveryP99], 2.0);
        let drain = Drain { messages: 1_000, bytes: 16, outstanding: 10 };
        let drain = Measured::of(&Job::Shared(Workload::Drain(drain)), &outcome(), used(), 0.04);
        assert!(!drain.figures.contains_key(&Metric::ServerCpu));
        assert_eq!(drain.figures[&Metric::Throughput], 2_000.0);
    }

    #[test]
    fn a_run_of_nothing_has_no_figure_that_is_not_a_number() {
        let measured = Measured::of(&fan_out(), &Outcome::default(), used(), 0.0);
        assert!(measured.figures.values().all(|value| value.is_finite()), "{measured:?}");
    }

    #[test]
    fn a_complaint_names_what_is_wrong_and_only_that() {
        assert_eq!(complaint(Correctness::default()), None);
        let wrong = Correctness { missing: 3, out_of_order: 1, ..Correctness::default() };
        assert_eq!(complaint(wrong).as_deref(), Some("3 missing, 1 out of order"));
    }
}
