//! `fanfare demo`, the first thing that a new user runs, in an empty directory.

use std::{
    collections::BTreeMap,
    path::Path,
    process::{Child, Command, Output, Stdio},
    time::Duration,
};

use serde_json::Value;
use tempfile::TempDir;

use crate::support::{
    Fanfare,
    log::{self, Log},
    tools,
};

/// For all of it, on a machine that is busy with other tests.
const PATIENCE: Duration = Duration::from_secs(120);

/// The demo in this directory, which is also where temporary ones are made.
fn demo(directory: &Path, arguments: &[&str]) -> Command {
    let mut demo = Command::new(tools::fanfare());
    demo.arg("demo").args(arguments);
    demo.env_clear().env("RUST_BACKTRACE", "1").env("TMPDIR", directory).current_dir(directory);
    demo
}

/// What a run that ends by itself says.
fn run(directory: &Path, arguments: &[&str]) -> (Output, String) {
    let output = demo(directory, arguments).output().unwrap();
    let said = String::from_utf8(output.stdout.clone()).unwrap();
    (output, said)
}

fn is_empty(directory: &Path) -> bool {
    directory.read_dir().unwrap().next().is_none()
}

/// The numbers of each row of the sum: published, delivered, filtered out, dead-lettered, retries.
fn sums(said: &str) -> BTreeMap<&str, [u64; 5]> {
    let row = |line: &str| {
        let numbers: Vec<u64> = line.split_whitespace().filter_map(|word| word.parse().ok()).collect();
        numbers.try_into().ok()
    };
    let rows = said.lines().filter(|line| line.contains(" = ") && line.contains(" + "));
    rows.map(|line| (line.split(' ').next().unwrap(), row(line).expect(line))).collect()
}

#[test]
fn the_demo_ends_with_a_sum_that_adds_up_and_the_way_of_the_message_that_nobody_could_deliver() {
    let directory = tempfile::tempdir().unwrap();
    let (output, said) = run(directory.path(), &["--exit"]);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    let sums = sums(&said);
    assert_eq!(
        sums.keys().copied().collect::<Vec<_>>(),
        ["billing", "fraud", "mailer", "warehouse"],
        "{said}"
    );
    for (name, [published, delivered, filtered_out, dead, _]) in &sums {
        assert_eq!((*published, delivered + filtered_out + dead), (1_000, 1_000), "{name}: {said}");
    }
    let [_, delivered, filtered_out, dead, retries] = sums["mailer"];
    assert_eq!((delivered, filtered_out, dead), (999, 0, 1), "{said}");
    assert!(retries >= 7, "the poison message has as many: {said}");
    assert!(sums["billing"][4] > 0 && sums["fraud"][2] > 500, "{said}");
    assert!(said.contains("It adds up"), "{said}");
    assert_is_drawn(&said);
    assert!(is_empty(directory.path()), "its data are removed");
}

fn assert_is_drawn(said: &str) {
    let (_, tree) = said.split_once("\nord-00105\n├── order.created ").expect(said);
    let mailer = tree.split_once("└── mailer ").expect(said).1;
    let attempts: Vec<_> = mailer.lines().take_while(|line| line.contains("attempt")).collect();
    assert_eq!(attempts.len(), 9, "8 attempts and what became of it: {said}");
    assert!(attempts[8].ends_with("no further attempt: it is a dead letter"), "{said}");
    assert!(tree.contains("the bank did not answer"), "{said}");
}

#[test]
fn a_directory_with_something_in_it_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("mine"), "").unwrap();
    let (output, said) = run(directory.path(), &["--exit", "--data-dir", "."]);
    assert_eq!((output.status.code(), said.as_str()), (Some(1), ""));
    let complaint = String::from_utf8(output.stderr).unwrap();
    assert!(complaint.contains("the directory . is not empty"), "{complaint}");
    assert_eq!(directory.path().read_dir().unwrap().count(), 1);
}

/// One that goes on.
struct Running {
    child: Child,
    said: Log,
    directory: TempDir,
}

impl Running {
    fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut demo = demo(directory.path(), &[]);
        let mut child = demo.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let said = Log::follow(child.stdout.take().unwrap());
        Self { child, said, directory }
    }

    /// Waits for a line.
    fn until(&self, text: &str) {
        self.said.wait_for(text, |line| log::text(line).contains(text));
    }

    /// The commands that it has printed.
    fn commands(&self) -> String {
        let lines = self.said.so_far();
        let lines = lines.iter().map(log::text).skip_while(|line| !line.starts_with("In another terminal"));
        lines.filter_map(|line| line.strip_prefix("  ")).map(|line| format!("{line}\n")).collect()
    }

    fn interrupt(&self) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", "INT", &id]).status().unwrap().success());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs commands as a user would who pastes them; the first that fails ends it.
fn paste(commands: &str) -> String {
    let programs = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(tools::tool("GRPCURL"), programs.path().join("grpcurl")).unwrap();
    let path = format!("{}:/usr/local/bin:/usr/bin:/bin", programs.path().display());
    let mut shell = Command::new("bash");
    shell.args(["-euo", "pipefail", "-c", commands]).env_clear().env("PATH", path);
    let output = shell.current_dir(programs.path()).output().unwrap();
    let printed = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert!(output.status.success(), "{commands}\n{printed}");
    printed
}

#[tokio::test(flavor = "multi_thread")]
async fn it_goes_on_serving_the_commands_that_it_prints_work_and_an_interrupt_ends_it_cleanly() {
    let mut demo = Running::start();
    demo.until("It adds up");
    demo.until("Ctrl-C ends it.");
    let commands = demo.commands();
    assert!(commands.matches("grpcurl ").count() >= 3 && commands.contains("/metrics"), "{commands}");
    let printed = paste(&commands);
    for expected in ["order.created", "\"deadLetters\": \"1\"", "fanfare_topic_messages_published_total"] {
        assert!(printed.contains(expected), "{expected}: {printed}");
    }
    for correlation_id in ["yours-1", "yours-2"] {
        for role in ["billing", "warehouse", "mailer"] {
            demo.until(&format!("{role:<10} order.created of {correlation_id}, attempt 1: taken"));
        }
    }

    demo.interrupt();
    let whole = demo.said.clone();
    let ended = tokio::task::spawn_blocking(move || whole.whole());
    tokio::time::timeout(PATIENCE, ended).await.expect("it ends").unwrap();
    assert!(demo.child.wait().unwrap().success());
    assert!(is_empty(demo.directory.path()), "its data are removed");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupt_in_the_middle_ends_it_cleanly() {
    let mut demo = Running::start();
    demo.until("published 0;");
    demo.interrupt();
    let whole = demo.said.clone();
    let said = tokio::task::spawn_blocking(move || whole.whole()).await.unwrap();
    assert!(demo.child.wait().unwrap().success());
    assert!(!said.iter().any(|line: &Value| log::text(line).contains("adds up")), "{said:#?}");
    assert!(is_empty(demo.directory.path()), "its data are removed");
}

/// What stands between these two lines.
fn block<'a>(readme: &'a str, begin: &str) -> &'a str {
    readme.split_once(begin).expect(begin).1.split_once("```\n").unwrap().0
}

#[tokio::test(flavor = "multi_thread")]
async fn the_readmes_own_rust_program_is_the_clients_example_and_prints_what_the_readme_says() {
    let readme = std::fs::read_to_string(tools::file("../README.md")).unwrap();
    let example = std::fs::read_to_string(tools::file("../crates/client/examples/first.rs")).unwrap();
    assert!(example.ends_with(block(&readme, "```rust\n")), "{example}");
    let built = std::env::current_exe().unwrap().ancestors().nth(2).unwrap().join("examples/first");
    assert!(built.exists(), "`cargo build -p fanfare-client --examples` builds {}", built.display());
    let (fanfare, _directory) = Fanfare::fresh().await;
    let output = Command::new(built).arg(format!("http://{}", fanfare.grpc())).output().unwrap();
    let printed = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert_eq!(printed, block(&readme, "```text\n$ cargo run --quiet\n"));
}
