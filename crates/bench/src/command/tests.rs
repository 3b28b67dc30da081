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
    let expected = "cargo run --release -p fanfare-bench -- compare --workload W2 --system redis-fsync --rounds 5 --quick";
    assert_eq!(compare(&arguments).command(), expected);
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
