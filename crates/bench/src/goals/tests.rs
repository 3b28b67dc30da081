use super::*;
use crate::sample::{case, results};

fn judged(what: &str, cases: Vec<Case>) -> Judged {
    let goal = GOALS.into_iter().find(|goal| goal.what.starts_with(what)).unwrap();
    goal.judge(&results(cases))
}

#[test]
fn a_ratio_within_the_bound_is_met_and_below_it_is_not() {
    let with = |ours: f64| {
        let figures: [(&str, Metric, &[f64]); 2] =
            [("fanfare-fsync", Metric::Throughput, &[ours]), ("redis-fsync", Metric::Throughput, &[100.0])];
        judged("fan-out to 16", vec![case("W2/16", &figures)]).verdict()
    };
    assert_eq!(with(500.0), Verdict::Met);
    assert_eq!(with(499.0), Verdict::NotMet);
}

#[test]
fn where_less_is_better_the_bound_is_the_most() {
    let with = |ours: f64| {
        let figures: [(&str, Metric, &[f64]); 2] =
            [("fanfare-fsync", Metric::ServerCpu, &[ours]), ("redis-fsync", Metric::ServerCpu, &[10.0])];
        judged("server CPU, fan-out to 64", vec![case("W2/64", &figures)]).verdict()
    };
    assert_eq!(with(4.0), Verdict::Met);
    assert_eq!(with(4.1), Verdict::NotMet);
}

#[test]
fn the_best_fsync_peer_is_the_one_with_the_best_median_and_a_buffered_one_is_none() {
    let figures: [(&str, Metric, &[f64]); 4] = [
        ("fanfare-fsync", Metric::DeliveryP50, &[0.8, 0.8, 0.8]),
        ("nats-fsync", Metric::DeliveryP50, &[2.0, 1.0, 0.1]),
        ("redis-fsync", Metric::DeliveryP50, &[0.9, 0.9, 3.0]),
        ("redis-buffered", Metric::DeliveryP50, &[0.1, 0.1, 0.1]),
    ];
    let judged = judged("latency at 1,000/s to 4, p50", vec![case("W3/1000x4", &figures)]);
    assert_eq!(judged.against.as_deref(), Some("redis-fsync"));
    assert_eq!(judged.verdict(), Verdict::NotMet);
}

#[test]
fn the_best_peer_may_be_a_buffered_one_and_is_neither_us_nor_the_bare_transport() {
    let figures: [(&str, Metric, &[f64]); 5] = [
        ("fanfare-fsync", Metric::Throughput, &[300.0]),
        ("fanfare-interval", Metric::Throughput, &[900.0]),
        ("redis-fsync", Metric::Throughput, &[90.0]),
        ("redis-buffered", Metric::Throughput, &[100.0]),
        ("tonic-stream", Metric::Throughput, &[999.0]),
    ];
    let judged = judged("drain", vec![case("W4/backlog", &figures)]);
    assert_eq!(judged.against.as_deref(), Some("redis-buffered"));
    assert_eq!(judged.verdict(), Verdict::Met);
}

#[test]
fn a_bound_of_its_own_is_compared_with_the_figure_itself() {
    let with = |kib: f64| {
        judged("memory", vec![case("W7/100000", &[("fanfare-fsync", Metric::RssPerSubscription, &[kib])])])
    };
    assert_eq!(with(4.0).verdict(), Verdict::Met);
    assert_eq!(with(4.01).verdict(), Verdict::NotMet);
}

#[test]
fn one_case_is_compared_with_another_round_by_round() {
    let few = case("W6/10", &[("fanfare-fsync", Metric::PublishP99, &[1.0, 10.0])]);
    let many = case("W6/10000", &[("fanfare-fsync", Metric::PublishP99, &[1.5, 15.0])]);
    let judged = judged("10,000", vec![few, many]);
    assert_eq!(judged.measured, Spread::of([1.5]));
    assert_eq!(judged.verdict(), Verdict::Met);
}

#[test]
fn what_was_not_run_or_failed_is_not_measured() {
    assert_eq!(judged("unary", Vec::new()).verdict(), Verdict::NotMeasured);
    let only_ours = case("W9/64", &[("fanfare-fsync", Metric::Throughput, &[10.0])]);
    assert_eq!(judged("unary", vec![only_ours]).verdict(), Verdict::NotMeasured);
    let mut failed = case("W9/64", &[("fanfare-fsync", Metric::Throughput, &[10.0])]);
    failed.runs.extend(case("W9/64", &[("tonic-unary", Metric::Throughput, &[10.0])]).runs);
    let goal_of = |case: Case| judged("unary", vec![case]).verdict();
    assert_eq!(goal_of(failed.clone()), Verdict::Met);
    failed.runs[1].failure = Some("it hung".to_owned());
    assert_eq!(goal_of(failed), Verdict::NotMeasured);
}

#[test]
fn a_quick_run_measures_no_goal() {
    let figures: [(&str, Metric, &[f64]); 2] =
        [("fanfare-fsync", Metric::Throughput, &[500.0]), ("redis-fsync", Metric::Throughput, &[100.0])];
    let full = results(vec![case("W2/16", &figures)]);
    let goal = GOALS.into_iter().find(|goal| goal.case == "W2/16").unwrap();
    assert_eq!(goal.judge(&full).verdict(), Verdict::Met);
    assert_eq!(goal.judge(&Results { quick: true, ..full }).verdict(), Verdict::NotMeasured);
}
