//! The comparison as it is run by hand, small: every workload, every system, and a report of it. It asserts that everything works, nothing about speed.
//!
//! Needs the programs that `.ci/tools.sh` installs and `FANFARE_BIN`, as `test.sh` sets them.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::{
    path::Path,
    process::{Command, Output},
};

use serde_json::Value;

fn bench(directory: &Path, arguments: &[&str]) -> Output {
    // Tests run in the crate's directory, and tools are found from the workspace's.
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut command = Command::new(env!("CARGO_BIN_EXE_fanfare-bench"));
    command.current_dir(workspace).args(arguments);
    if arguments[0] == "compare" {
        command.arg("--out").arg(directory.join("out")).arg("--data").arg(directory.join("data"));
    }
    command.output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_quick_comparison_runs_every_workload_on_every_system_that_can_do_it_correctly_and_reports_it() {
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let output = bench(directory.path(), &["compare", "--quick"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let out = directory.path().join("out");
    let written = std::fs::read_to_string(out.join("results.json")).unwrap();
    let results: Value = serde_json::from_str(&written).unwrap();
    let cases = results["cases"].as_array().unwrap();
    for workload in 1..=9 {
        let of = |case: &&Value| case["key"].as_str().unwrap().starts_with(&format!("W{workload}/"));
        let case = cases.iter().find(of).unwrap_or_else(|| panic!("W{workload} was not run"));
        let measured = |run: &Value| run["figures"].as_object().is_some_and(|figures| !figures.is_empty());
        let runs = case["runs"].as_array().unwrap();
        assert!(!runs.is_empty() && runs.iter().all(measured), "{case}");
        // The bare unary call is put to W9 alone, and bare streams keep no backlog.
        let systems = [8, 8, 8, 7, 8, 1, 1, 1, 3][workload - 1];
        assert_eq!(runs.len(), systems, "W{workload}");
    }
    assert!(results["broker"].is_string() && results["commit"].as_str() != Some(""), "{}", results["commit"]);
    assert_eq!(results["systems"].as_array().unwrap().len(), 9, "{}", results["systems"]);
    assert!(
        !written.contains(directory.path().to_str().unwrap()),
        "a path of this machine is in the results"
    );
    assert_eq!(
        std::fs::read_dir(directory.path().join("data")).unwrap().count(),
        0,
        "servers left something"
    );

    let report = std::fs::read_to_string(out.join("report.md")).unwrap();
    std::fs::remove_file(out.join("report.md")).unwrap();
    let again = bench(directory.path(), &["report", out.to_str().unwrap()]);
    assert!(again.status.success(), "{}", text(&again.stderr));
    assert_eq!(std::fs::read_to_string(out.join("report.md")).unwrap(), report);
}

#[test]
fn a_program_that_is_missing_is_an_error_before_the_first_run() {
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_fanfare-bench"));
    command.env("REDIS_SERVER", directory.path().join("none")).current_dir(directory.path());
    let output = command.args(["compare", "--quick", "--system", "redis-fsync"]).output().unwrap();
    let said = text(&output.stderr);
    assert!(!output.status.success() && said.contains("redis-server is missing"), "{said}");
    assert!(!said.contains("round 1"), "{said}");
}
