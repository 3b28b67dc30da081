//! Which charts there are: what is drawn of the results. Pure.

use std::fmt::Write as _;

use super::bars::{COLOURS, Chart, Group, Scale, Series};
use crate::{
    metric::Metric,
    results::{Case, Class, Results},
};

/// A chart's file name without its ending, and what is in it.
pub(crate) fn all(results: &Results) -> Vec<(&'static str, Chart)> {
    vec![
        (
            "publish",
            by_case(results, "W1", Metric::Throughput, "Publishing (W1): messages a second", Scale::Linear),
        ),
        (
            "fan-out",
            by_case(
                results,
                "W2",
                Metric::Throughput,
                "Fan-out (W2): deliveries a second, by subscriptions",
                Scale::Linear,
            ),
        ),
        (
            "cpu",
            by_case(
                results,
                "W2",
                Metric::ServerCpu,
                "Fan-out (W2): what the server costs, by subscriptions",
                Scale::Logarithmic,
            ),
        ),
        ("latency", latency(results)),
    ]
}

/// Links to those that have something to show.
pub(crate) fn links(results: &Results, charts: &str) -> String {
    let mut text = String::new();
    for (name, chart) in all(results) {
        if chart.svg().is_some() {
            _ = writeln!(text, "![{}]({charts}/{name}.svg)\n", chart.title);
        }
    }
    text
}

/// A group for each case of a workload.
fn by_case(results: &Results, workload: &str, metric: Metric, title: &str, scale: Scale) -> Chart {
    let cases: Vec<_> = results.cases.iter().filter(|case| case.workload() == workload).collect();
    let shown = shown(results, &cases);
    let group = |case: &&Case| Group {
        label: label(case),
        bars: shown.iter().map(|(name, _)| case.spread(name, metric)).collect(),
    };
    Chart {
        title: title.to_owned(),
        axis: metric.heading().to_owned() + if scale == Scale::Logarithmic { " (logarithmic)" } else { "" },
        scale,
        groups: cases.iter().map(group).collect(),
        series: shown.into_iter().map(|(_, series)| series).collect(),
    }
}

/// A group for each percentile.
fn latency(results: &Results) -> Chart {
    let cases: Vec<_> = results.cases.iter().filter(|case| case.workload() == "W3").collect();
    let shown = shown(results, &cases);
    let percentiles =
        [("p50", Metric::DeliveryP50), ("p99", Metric::DeliveryP99), ("p99.9", Metric::DeliveryP999)];
    let group = |(label, metric): (&str, Metric)| Group {
        label: label.to_owned(),
        bars: shown.iter().map(|(name, _)| cases.first()?.spread(name, metric)).collect(),
    };
    Chart {
        title: "Latency at a fixed rate (W3): from when a message was due until a subscriber has it"
            .to_owned(),
        axis: "ms (logarithmic)".to_owned(),
        scale: Scale::Logarithmic,
        groups: percentiles.map(group).to_vec(),
        series: shown.into_iter().map(|(_, series)| series).collect(),
    }
}

/// Systems that took part in any of the cases. A system has the same colour in every chart.
fn shown<'a>(results: &'a Results, cases: &[&Case]) -> Vec<(&'a str, Series)> {
    let mut next = 0;
    let mut shown = Vec::new();
    for system in &results.systems {
        let bare = system.class == Class::Ceiling;
        let colour = if bare { COLOURS - 1 } else { next };
        next = if bare { next } else { (next + 1) % (COLOURS - 1) };
        if cases.iter().any(|case| case.includes(&system.name)) {
            shown.push((system.name.as_str(), Series { name: system.title.clone(), colour }));
        }
    }
    shown
}

/// What tells a case from the others of its workload.
fn label(case: &Case) -> String {
    let what = case.key.split('/').nth(1).unwrap_or(&case.key);
    match case.workload() {
        "W1" => format!("{what} bytes"),
        "W2" => format!("N = {what}"),
        _ => what.to_owned(),
    }
}
