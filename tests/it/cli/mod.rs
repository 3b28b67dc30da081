//! The client commands of the binary, run as people run them: what they print, and how they end. What differs from run to run is masked.

mod benching;
mod commands;
mod contexts;
mod document;
mod publishing;
mod wrong;

use std::{
    io::Write,
    net::SocketAddr,
    process::{Command, Stdio},
};

use tempfile::TempDir;

use crate::support::{Fanfare, Start, tools};

/// Somebody at a terminal of their own, with a broker.
struct Person {
    fanfare: Fanfare,
    home: TempDir,
}

/// How a command ended.
struct Ended {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Person {
    async fn new() -> Self {
        Self { fanfare: Start::in_memory().ready().await, home: tempfile::tempdir().unwrap() }
    }

    fn broker(&self) -> SocketAddr {
        self.fanfare.grpc()
    }

    /// A command of this person, in their home and with nothing of this process's environment.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(tools::fanfare());
        command.args(arguments).env_clear().env("HOME", self.home.path()).current_dir(self.home.path());
        command.env("FANFARE_ENDPOINT", format!("http://{}", self.broker()));
        command
    }

    fn run(&self, arguments: &[&str]) -> Ended {
        self.type_in(arguments, "")
    }

    /// Runs a command with this on its standard input.
    fn type_in(&self, arguments: &[&str], input: &str) -> Ended {
        end(self.command(arguments), input)
    }

    /// A file in the home.
    fn file(&self, name: &str, content: &str) {
        std::fs::write(self.home.path().join(name), content).unwrap();
    }

    /// Runs commands, one a line of words, and shows them with what they print, masked.
    fn session(&self, lines: &[&[&str]]) -> String {
        let show =
            |line: &&[&str]| format!("$ fanfare {}\n{}", line.join(" "), self.run(line).shown(self.broker()));
        lines.iter().map(show).collect::<Vec<_>>().join("\n")
    }
}

fn end(mut command: Command, input: &str) -> Ended {
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // A command that ends before it has read all of it has said why.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ended { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

impl Ended {
    /// Standard output of a command that ended well.
    fn good(self) -> String {
        assert_eq!((self.code, self.stderr.as_str()), (Some(0), ""), "{}", self.stdout);
        self.stdout
    }

    fn shown(&self, broker: SocketAddr) -> String {
        let mut text = self.stdout.clone();
        text += &self.stderr.lines().map(|line| format!("! {line}\n")).collect::<String>();
        if self.code != Some(0) {
            text += &format!("(ends with {:?})\n", self.code);
        }
        masked(&text.replace(&broker.to_string(), "localhost:50051"))
    }
}

/// With times, ages, and identifiers that are random replaced.
fn masked(text: &str) -> String {
    let is_word = |letter: char| letter.is_ascii_alphanumeric() || "-_:.".contains(letter);
    let mut masked = String::new();
    for line in text.split_inclusive('\n') {
        let mut rest = line;
        while !rest.is_empty() {
            let end = rest.find(|letter| !is_word(letter)).unwrap_or(rest.len());
            masked += word(&rest[..end]);
            let gap = rest[end..].find(is_word).map_or(rest.len(), |at| end + at);
            masked += &rest[end..gap];
            rest = &rest[gap..];
        }
    }
    masked
}

fn word(word: &str) -> &str {
    let bytes = word.as_bytes();
    let is_time = bytes.len() >= 20 && bytes[10] == b'T' && bytes.ends_with(b"Z");
    // Ack IDs and correlation IDs; deduplication IDs that a publisher made end with a number of their own.
    let made = word.split_once('-').is_some_and(|(random, _)| random.len() >= 16);
    let is_id =
        made || bytes.len() == 32 && (word.starts_with("AAA") || bytes.iter().any(u8::is_ascii_digit));
    let is_age = bytes.len() == 2 && bytes[0].is_ascii_digit() && bytes[1] == b's';
    match (is_time, is_id, is_age) {
        (true, ..) => "(a time)",
        (_, true, _) => "(an ID)",
        (.., true) => "Ns",
        _ => word,
    }
}

#[test]
fn only_what_differs_from_run_to_run_is_masked() {
    assert_eq!(masked("a 2026-11-24T16:33:14.790Z  3s ago, 30s\n"), "a (a time)  Ns ago, 30s\n");
    assert_eq!(masked("id=3462b857d344a06013e39551c1b000c3"), "id=(an ID)");
}
