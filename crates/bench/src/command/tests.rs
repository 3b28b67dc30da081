use clap::CommandFactory as _;

use super::*;

fn compare(arguments: &[&str]) -> Compare {
    let words = ["fanfare-bench", "compare"].iter().chain(arguments);
    match Cli::try_parse_from(words).unwrap().command {
        Command::Compare(compare) => compare,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_command_line_is_consistent_and_every_system_is_in_its_help() {
    Cli::command().debug_assert();
    let help = Cli::try_parse_from(["fanfare-bench", "compare", "--help"]).unwrap_err().to_string();
    assert!(Kind::all().iter().all(|kind| help.contains(kind.name())), "{help}");
}

#[test]
fn what_is_unknown_or_out_of_range_is_refused() {
    for arguments in [["--system", "kafka"], ["--rounds", "0"], ["--rounds", "101"]] {
        assert!(Cli::try_parse_from(["fanfare-bench", "compare"].iter().chain(&arguments)).is_err());
    }
    assert!(Cli::try_parse_from(["fanfare-bench"]).is_err());
}

#[test]
fn the_command_in_the_results_says_what_was_measured_and_no_directory() {
    let arguments = [
        "--workload",
        "W2",
        "--system",
        "redis-fsync",
        "--rounds",
        "5",
        "--quick",
        "--out",
        "/a",
        "--data",
        "/b",
    ];
    let typed = "cargo run --release -p fanfare-bench -- compare --workload W2 --system redis-fsync --rounds 5 --quick";
    let compare = compare(&arguments);
    assert_eq!(compare.command(false), format!("cargo build --release -p server && {typed}"));
    assert_eq!(compare.command(true), format!("FANFARE_BIN=... {typed}"));
}

#[test]
fn there_are_three_rounds_or_one_if_quick_or_as_many_as_said() {
    assert_eq!(compare(&[]).rounds(), 3);
    assert_eq!(compare(&["--quick"]).rounds(), 1);
    assert_eq!(compare(&["--quick", "--rounds", "2"]).rounds(), 2);
}

#[tokio::test]
async fn a_comparison_of_nothing_is_an_error() {
    let error = compare(&["--workload", "W10"]).run().await.unwrap_err().to_string();
    assert!(error.contains("W1 to W9"), "{error}");
}

#[test]
fn a_system_is_in_the_class_of_its_promise() {
    let class = |kind: Kind| system(kind, String::new()).class;
    assert_eq!(class(Kind::FanfareFsync), Class::Fanfare);
    assert_eq!(class(Kind::FanfareInterval), Class::FanfareBuffered);
    let peers = [Kind::NatsFsync, Kind::RedisFsync, Kind::RabbitQuorum];
    assert!(peers.into_iter().all(|kind| class(kind) == Class::FsyncPeer));
    assert!(
        [Kind::NatsBuffered, Kind::RedisBuffered].into_iter().all(|kind| class(kind) == Class::BufferedPeer)
    );
    assert!([Kind::TonicStream, Kind::TonicUnary].into_iter().all(|kind| class(kind) == Class::Ceiling));
}

#[test]
fn a_line_of_progress_has_figures_or_the_failure() {
    let case = crate::sample::case("W2/1", &[("redis-fsync", Metric::Throughput, &[32_123.0])]);
    let mut run = case.runs[0].clone();
    assert_eq!(line(&run), "  round 1 redis-fsync       32,100 messages/s");
    run.failure = Some("2 missing".to_owned());
    assert!(line(&run).ends_with("FAILED: 2 missing"));
}

#[test]
fn what_is_not_the_full_result_does_not_replace_it() {
    let out = |arguments: &[&str]| compare(arguments).out().to_str().unwrap().to_owned();
    assert_eq!(out(&[]), "target/bench/results");
    assert_eq!(out(&["--rounds", "5"]), "target/bench/results");
    assert_eq!(out(&["--quick"]), "target/bench/quick");
    assert_eq!(out(&["--workload", "W2"]), "target/bench/partial");
    assert_eq!(out(&["--system", "redis-fsync"]), "target/bench/partial");
    assert_eq!(out(&["--quick", "--workload", "W2", "--out", "there"]), "there");
}

#[test]
fn a_debug_build_is_measured_only_by_a_quick_run() {
    let is_refused = |quick, broker, is_debug| unfit(quick, broker, is_debug).is_some();
    assert!(is_refused(false, Profile::Debug, false) && is_refused(false, Profile::Release, true));
    assert!(!is_refused(false, Profile::Release, false) && !is_refused(false, Profile::Unknown, false));
    assert!(!is_refused(true, Profile::Debug, true));
}

#[test]
fn a_quick_run_is_not_put_on_a_page() {
    let directory = tempfile::tempdir().unwrap();
    let (results, page) = (crate::sample::results(Vec::new()), directory.path().join("PAGE.md"));
    let empty = "<!-- begin of what the benchmark wrote -->\n<!-- end of what the benchmark wrote -->\n";
    fs::write(&page, empty).unwrap();
    let put = |quick| {
        report::write(&Results { quick, ..results.clone() }, directory.path()).unwrap();
        Report { directory: directory.path().to_owned(), page: Some(page.clone()) }.run()
    };
    assert!(put(true).unwrap_err().to_string().contains("quick"));
    assert_eq!(fs::read_to_string(&page).unwrap(), empty);
    put(false).unwrap();
    assert_ne!(fs::read_to_string(&page).unwrap(), empty);
}
