//! Every command that README.md shows with its output is run, in its order, on a new broker, and must print what README.md says.
//! Only times may differ: identifiers are the same in every new data directory.

use std::{fs, net::SocketAddr, os::unix::fs::symlink, path::Path, process::Command};

use crate::support::{Fanfare, tools};

/// Where README.md says that the broker listens.
const ADDRESS: &str = "localhost:50051";

/// A command and what it prints.
struct Example {
    command: String,
    output: String,
}

#[tokio::test(flavor = "multi_thread")]
async fn every_command_in_the_readme_prints_what_the_readme_says() {
    let (fanfare, _directory) = Fanfare::fresh().await;
    let programs = tempfile::tempdir().unwrap();
    symlink(tools::tool("GRPCURL"), programs.path().join("grpcurl")).unwrap();
    symlink(tools::fanfare(), programs.path().join("fanfare")).unwrap();
    let readme = fs::read_to_string(tools::file("../README.md")).unwrap();
    let examples = examples(&readme);
    assert!(examples.len() >= 10, "found only {}", examples.len());
    for example in examples {
        let printed = run(&example.command, fanfare.grpc(), programs.path());
        assert_eq!(without_times(&printed), without_times(&example.output), "{}", example.command);
    }
}

/// What stands in the blocks marked as `console`: a line that begins with `$ ` is a command, the lines below it are its output.
fn examples(readme: &str) -> Vec<Example> {
    let blocks = readme.split("```").skip(1).step_by(2).filter_map(|block| block.strip_prefix("console\n"));
    let mut examples: Vec<Example> = Vec::new();
    for line in blocks.flat_map(str::lines) {
        match (line.strip_prefix("$ "), examples.last_mut()) {
            (Some(command), _) => examples.push(Example { command: command.into(), output: String::new() }),
            (None, Some(example)) => example.output += &format!("{line}\n"),
            (None, None) => panic!("output without a command: {line}"),
        }
    }
    examples
}

fn run(command: &str, broker: SocketAddr, programs: &Path) -> String {
    let command = command
        .replace(ADDRESS, &broker.to_string())
        .replace("$PWD/target/release", programs.to_str().unwrap());
    let path = format!("{}:/usr/local/bin:/usr/bin:/bin", programs.display());
    let mut shell = Command::new("bash");
    shell.args(["-c", &command]).env_clear().env("PATH", path).current_dir(tools::file(".."));
    let output = shell.output().unwrap();
    String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
}

/// With every value of a field named `…Time` or `…Deadline` replaced.
fn without_times(text: &str) -> String {
    let masked = |line: &str| match line.split_once("\": \"") {
        Some((name, _)) if name.ends_with("Time") || name.ends_with("Deadline") => {
            format!("{name}\": (a time)\n")
        }
        _ => format!("{line}\n"),
    };
    text.lines().map(masked).collect()
}
