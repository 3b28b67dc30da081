use super::*;
use crate::{
    built::Profile,
    metric::Metric,
    sample::{case, results},
};

const THREE: &[f64] = &[900_000.0, 1_000_000.0, 1_100_000.0];

fn sample() -> Results {
    let fan_out = [
        ("fanfare-fsync", Metric::Throughput, THREE),
        ("fanfare-fsync", Metric::ServerCpu, &[1.0, 1.1, 1.2]),
        ("fanfare-fsync", Metric::PeakRss, &[100.0, 100.0, 100.0]),
        ("redis-fsync", Metric::Throughput, &[180_000.0, 180_000.0, 190_000.0]),
        ("redis-fsync", Metric::ServerCpu, &[4.6, 4.7, 4.5]),
        ("redis-fsync", Metric::PeakRss, &[24.0, 24.0, 25.0]),
        ("nats-fsync", Metric::Throughput, &[44_000.0, 40_000.0, 45_000.0]),
        ("tonic-stream", Metric::Throughput, &[1_450_000.0, 1_400_000.0, 1_500_000.0]),
    ];
    let latency = [
        ("fanfare-fsync", Metric::DeliveryP50, &[0.5, 0.6, 0.7][..]),
        ("fanfare-fsync", Metric::DeliveryP99, &[5.0, 6.0, 7.0]),
        ("redis-fsync", Metric::DeliveryP50, &[0.9, 0.8, 1.0]),
        ("redis-fsync", Metric::DeliveryP99, &[8.0, 9.0, 8.5]),
    ];
    let mut failed = case("W2/64", &fan_out);
    failed.runs.retain(|run| run.system != "nats-fsync" || run.round != 3);
    let broken = failed.runs.iter_mut().find(|run| run.system == "nats-fsync" && run.round == 2).unwrap();
    broken.failure = Some("3 missing, 1 duplicate".to_owned());
    results(vec![failed, case("W3/1000x4", &latency)])
}

#[test]
fn the_report_says_what_was_measured_where_and_how_it_stands() {
    insta::assert_snapshot!(markdown::render(&sample(), "performance"));
}

#[test]
fn a_quick_run_is_not_taken_for_a_measurement() {
    let quick = Results { quick: true, ..sample() };
    assert!(markdown::render(&quick, ".").starts_with("**A quick run"));
    assert!(!markdown::render(&sample(), ".").contains("quick run"));
}

#[test]
fn a_report_is_made_again_from_what_was_written() {
    let directory = tempfile::tempdir().unwrap();
    write(&sample(), directory.path()).unwrap();
    let read = read(directory.path()).unwrap();
    assert_eq!(read, sample());
    let report = fs::read_to_string(directory.path().join(REPORT)).unwrap();
    fs::remove_file(directory.path().join(REPORT)).unwrap();
    write(&read, directory.path()).unwrap();
    assert_eq!(fs::read_to_string(directory.path().join(REPORT)).unwrap(), report);
}

#[test]
fn every_chart_that_the_report_links_to_is_there() {
    let directory = tempfile::tempdir().unwrap();
    write(&sample(), directory.path()).unwrap();
    let report = fs::read_to_string(directory.path().join(REPORT)).unwrap();
    let links: Vec<_> = report.split("](./").skip(1).filter_map(|rest| rest.split_once(')')).collect();
    assert_eq!(links.len(), 3, "no chart of W1, which was not run");
    for (name, _) in links {
        assert!(directory.path().join(name).exists(), "{name}");
    }
}

#[test]
fn a_chart_of_an_earlier_run_does_not_stay() {
    let directory = tempfile::tempdir().unwrap();
    write(&sample(), directory.path()).unwrap();
    assert!(directory.path().join("fan-out.svg").exists());
    fs::write(directory.path().join("else.svg"), "").unwrap();
    write(&Results { cases: Vec::new(), ..sample() }, directory.path()).unwrap();
    let charts = fs::read_dir(directory.path())
        .unwrap()
        .filter_map(|entry| entry.unwrap().file_name().into_string().ok());
    let charts: Vec<_> = charts.filter(|name| name.ends_with(".svg")).collect();
    assert_eq!(charts, ["else.svg"], "what is not a chart of ours is left alone");
}

#[test]
fn a_failure_is_told_in_one_line_and_kept_whole() {
    let mut results = sample();
    let run = &mut results.cases[0].runs[0];
    run.failure = Some("it hung\nnats.log ends with:\nan error".to_owned());
    let report = markdown::render(&results, ".");
    assert!(report.contains("round 1: it hung (more in results.json)\n"), "{report}");
}

#[test]
fn what_was_measured_is_told_outside_a_checkout_too() {
    let render = |commit, broker| markdown::render(&Results { commit, broker, ..sample() }, ".");
    let release = render(Some("abc-dirty".to_owned()), Profile::Release);
    assert!(release.contains("of commit abc-dirty, the broker a release build, with"), "{release}");
    let unknown = render(None, Profile::Unknown);
    assert!(unknown.contains("of no known commit, the broker of unknown build, with"), "{unknown}");
}

#[test]
fn a_page_gets_the_report_and_its_charts_beside_it() {
    let directory = tempfile::tempdir().unwrap();
    let page = directory.path().join("PERFORMANCE.md");
    let (begin, end) =
        ("<!-- begin of what the benchmark wrote -->", "<!-- end of what the benchmark wrote -->");
    fs::write(&page, format!("# Head\n{begin}\n{end}\n")).unwrap();
    write_page(&sample(), &page).unwrap();
    let text = fs::read_to_string(&page).unwrap();
    assert!(text.starts_with("# Head\n") && text.contains("](performance/fan-out.svg)"));
    assert!(directory.path().join("performance/fan-out.svg").exists());
    assert_eq!(super::read(&directory.path().join("performance")).unwrap(), sample());
}

#[test]
fn results_that_are_not_there_or_nonsense_are_errors() {
    let directory = tempfile::tempdir().unwrap();
    assert!(read(directory.path()).is_err());
    fs::write(directory.path().join(RESULTS), "{}").unwrap();
    assert!(read(directory.path()).is_err());
    assert!(write_page(&sample(), &directory.path().join("none.md")).is_err());
}

#[test]
fn no_results_at_all_make_a_report_too() {
    let report = markdown::render(&results(Vec::new()), ".");
    assert!(report.contains("not measured") && !report.contains("](./"));
}
