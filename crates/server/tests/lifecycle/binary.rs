use std::{
    io::{BufRead, BufReader, Lines},
    net::SocketAddr,
    path::Path,
    process::{Child, ChildStderr, Command, ExitStatus, Output, Stdio},
};

use serde_json::{Value, json};

use crate::{get, until_ready};

/// With nothing of this process's environment.
fn fanfare(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fanfare"));
    command.env_clear().args(arguments);
    command
}

fn output(command: &mut Command) -> (Output, String) {
    let output = command.output().unwrap();
    let said = String::from_utf8(output.stderr.clone()).unwrap();
    (output, said)
}

/// `fanfare serve` on free ports.
struct Process {
    child: Child,
    log: Lines<BufReader<ChildStderr>>,
    http: SocketAddr,
}

/// A shell with none of this process's settings.
fn clean_shell() -> Command {
    let mut shell = Command::new("/bin/sh");
    shell.env_clear();
    shell
}

impl Process {
    fn start(data: &Path) -> Self {
        Self::spawn(&mut fanfare(&[]), data, &[])
    }

    /// By a command that takes the arguments of `fanfare`.
    fn spawn(command: &mut Command, data: &Path, settings: &[&str]) -> Self {
        let free = ["serve", "--listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0", "--data-dir"];
        command.args(free).arg(data);
        for setting in settings {
            command.args(["--set", setting]);
        }
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
        let first: Value = serde_json::from_str(&log.next().unwrap().unwrap()).unwrap();
        let http = first["http"].as_str().unwrap().parse().unwrap();
        Self { child, log, http }
    }

    /// The next line with that message.
    fn until_logged(&mut self, message: &str) -> Value {
        let mut lines = self.log.by_ref().map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap());
        lines.find(|line| line["message"] == message).expect(message)
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// How it ended, and what it logged from here on.
    fn end(mut self) -> (ExitStatus, Vec<Value>) {
        let lines = self.log.by_ref().map(|line| serde_json::from_str(&line.unwrap()).unwrap()).collect();
        (self.child.wait().unwrap(), lines)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn sigterm_and_sigint_stop_it_cleanly() {
    for signal in ["TERM", "INT"] {
        let directory = tempfile::tempdir().unwrap();
        let process = Process::start(&directory.path().join("data"));
        until_ready(process.http).await;
        process.signal(signal);
        let (status, log) = process.end();
        assert_eq!(status.code(), Some(0), "{log:?}");
        assert!(log.iter().all(|line| line["level"] != "ERROR"), "{log:?}");
        assert_eq!(log.last().unwrap()["message"], "stopped");
    }
}

#[tokio::test]
async fn a_second_process_on_the_same_directory_ends_with_code_3_and_says_why() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let first = Process::start(&data);
    until_ready(first.http).await;
    let (status, log) = Process::start(&data).end();
    assert_eq!(status.code(), Some(3), "{log:?}");
    let said = log.last().unwrap()["message"].as_str().unwrap();
    assert!(said.contains("is in use by another process") && said.contains(data.to_str().unwrap()), "{said}");
    assert_eq!(get(first.http, "/readyz").await.unwrap().0, 200);
}

#[test]
fn a_data_directory_that_cannot_be_used_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("a file");
    std::fs::write(&file, "").unwrap();
    let (status, log) = Process::start(&file.join("data")).end();
    assert_eq!(status.code(), Some(1), "{log:?}");
    let said = log.last().unwrap()["message"].as_str().unwrap();
    assert!(said.contains("cannot use the data directory") && said.contains("a file/data"), "{said}");
}

#[test]
fn a_wrong_setting_ends_it_with_code_2_before_anything_is_touched() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let mut command = fanfare(&["serve", "--data-dir", data.to_str().unwrap()]);
    let (outcome, said) = output(command.env("FANFARE_BROKER_MAX_MESSAGE_BYTES", "12"));
    assert_eq!(outcome.status.code(), Some(2), "{said}");
    let expected = "fanfare: environment FANFARE_BROKER_MAX_MESSAGE_BYTES: broker.max_message_bytes is 12, must be 1024 to 8388608\n";
    assert_eq!(said, expected);
    assert!(!data.exists());
}

#[test]
fn more_connections_than_the_limit_of_open_files_leaves_room_for_end_it_with_code_2_and_name_the_key() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let fanfare = env!("CARGO_BIN_EXE_fanfare");
    let script = r#"ulimit -n 2048 && exec "$0" serve --data-dir "$1" --set grpc.max_connections=2000"#;
    let mut shell = clean_shell();
    let (outcome, said) = output(shell.args(["-c", script, fanfare]).arg(&data));
    assert_eq!(outcome.status.code(), Some(2), "{said}");
    let expected = "fanfare: flag --set: grpc.max_connections is 2000, must be at most 1024: ";
    assert!(said.starts_with(expected), "{said}");
    assert!(!data.exists());
}

#[tokio::test]
async fn it_raises_the_limit_of_open_files_as_far_as_it_may_and_logs_it() {
    let directory = tempfile::tempdir().unwrap();
    let script = r#"ulimit -Sn 256 && ulimit -Hn 4096 && exec "$0" "$@""#;
    let mut shell = clean_shell();
    shell.args(["-c", script, env!("CARGO_BIN_EXE_fanfare")]);
    let mut process =
        Process::spawn(&mut shell, &directory.path().join("data"), &["grpc.max_connections=1000"]);
    let limit = process.until_logged("open files are limited");
    assert_eq!((&limit["limit"], &limit["for_files"]), (&json!(4096), &json!(3096)), "{limit}");
}

#[test]
fn the_command_config_prints_what_is_in_force_and_where_it_came_from() {
    let (outcome, said) =
        output(fanfare(&["config", "--listen", "127.0.0.1:7"]).env("FANFARE_LOG_FILTER", "debug"));
    assert_eq!(outcome.status.code(), Some(0), "{said}");
    let text = String::from_utf8(outcome.stdout).unwrap();
    let has =
        |start: &str, end: &str| text.lines().any(|line| line.starts_with(start) && line.ends_with(end));
    assert!(has("listen = \"127.0.0.1:7\"", "# flag --listen"), "{text}");
    assert!(has("filter = \"debug\"", "# environment FANFARE_LOG_FILTER"), "{text}");
    assert!(has("engine = \"disk\"", "# default"), "{text}");
}

#[test]
fn the_version_is_the_one_of_the_workspace() {
    let (outcome, _) = output(&mut fanfare(&["--version"]));
    assert_eq!(
        String::from_utf8(outcome.stdout).unwrap(),
        format!("fanfare {}\n", env!("CARGO_PKG_VERSION"))
    );
}
