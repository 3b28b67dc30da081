//! Every command that README.md shows with its output is run, in its order, on a new broker, and must print what README.md says.
//! Only times may differ: identifiers are the same in every new data directory.
//!
//! A command that asks for something may have to ask again until it is so, as its reader would. The receiver of webhooks is the one that
//! README.md shows, on a port of its own; what it must print is looked at when all else has been done.

use std::{
    fs,
    net::SocketAddr,
    os::unix::fs::symlink,
    process::{Child, Command, Stdio},
};

use serde_json::Value;
use tempfile::TempDir;
use tokio::net::{TcpSocket, TcpStream};

use crate::support::{
    Start, eventually,
    examples::{Example, blocks, examples},
    log::Log,
    tools,
};

/// Where README.md says that the broker listens.
const ADDRESS: &str = "localhost:50051";
/// The port on which it says that the receiver does.
const RECEIVER_PORT: &str = "9000";
/// How it is started there.
const RECEIVER: &str = "python3 receiver.py";

/// What commands run against.
struct Stage {
    broker: SocketAddr,
    programs: TempDir,
    /// Bound and not listened on: nobody else gets the port of the receiver.
    _port: TcpSocket,
    port: String,
}

#[tokio::test(flavor = "multi_thread")]
async fn every_command_in_the_readme_prints_what_the_readme_says() {
    let directory = tempfile::tempdir().unwrap();
    let start = Start::on(&directory.path().join("data")).set("push.allow_http=true");
    let fanfare = start.set("push.allow_networks=127.0.0.0/8").ready().await;
    let stage = Stage::new(fanfare.grpc());
    let readme = fs::read_to_string(tools::file("../README.md")).unwrap();
    let examples = examples(&readme);
    assert!(examples.len() >= 20, "found only {}", examples.len());
    let mut receiver = None;
    for example in examples {
        if example.command == RECEIVER {
            receiver = Some((Receiver::start(&readme, &stage).await, example.output));
        } else {
            stage.prints(&example).await;
        }
    }
    let (receiver, output) = receiver.expect("README.md starts the receiver");
    receiver.has_printed(&output);
}

impl Stage {
    fn new(broker: SocketAddr) -> Self {
        let programs = tempfile::tempdir().unwrap();
        symlink(tools::tool("GRPCURL"), programs.path().join("grpcurl")).unwrap();
        symlink(tools::fanfare(), programs.path().join("fanfare")).unwrap();
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_reuseaddr(true).unwrap();
        socket.bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let port = socket.local_addr().unwrap().port().to_string();
        Self { broker, programs, _port: socket, port }
    }

    /// Runs a command until it prints what it should; one that changes something is run once.
    async fn prints(&self, example: &Example) {
        let expected = without_times(&example.output);
        let matches = || {
            let printed = without_times(&self.run(&example.command));
            if printed == expected { Ok(()) } else { Err(printed) }
        };
        let Err(printed) = matches() else { return };
        assert!(example.command.contains("/Get"), "{}: {printed}\ninstead of: {expected}", example.command);
        eventually(&example.command, async || matches()).await;
    }

    fn run(&self, command: &str) -> String {
        let command = command
            .replace(ADDRESS, &self.broker.to_string())
            .replace(&format!(":{RECEIVER_PORT}/"), &format!(":{}/", self.port))
            .replace("$PWD/target/release", self.programs.path().to_str().unwrap());
        let path = format!("{}:/usr/local/bin:/usr/bin:/bin", self.programs.path().display());
        let mut shell = Command::new("bash");
        shell.args(["-c", &command]).env_clear().env("PATH", path).current_dir(tools::file(".."));
        let output = shell.output().unwrap();
        let printed = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        printed.replace(&format!(":{}/", self.port), &format!(":{RECEIVER_PORT}/"))
    }
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

/// The receiver of README.md.
struct Receiver(Child, Log);

impl Receiver {
    async fn start(readme: &str, stage: &Stage) -> Self {
        let code = blocks(readme, "python").next().expect("README.md has a receiver");
        let file = stage.programs.path().join("receiver.py");
        fs::write(&file, code.replace(RECEIVER_PORT, &stage.port)).unwrap();
        let mut child = Command::new("python3").arg(&file).stdout(Stdio::piped()).spawn().unwrap();
        let log = Log::follow(child.stdout.take().unwrap());
        let address = format!("127.0.0.1:{}", stage.port);
        eventually("the receiver", async || TcpStream::connect(&address).await).await;
        Self(child, log)
    }

    /// In any order, but the lines of a path among themselves in this one.
    fn has_printed(&self, output: &str) {
        let expected: Vec<&str> = output.lines().collect();
        let printed = self.1.wait_for_some("lines", expected.len(), Value::is_string);
        let mut printed: Vec<&str> = printed.iter().map(|line| line.as_str().unwrap()).collect();
        let path = |line: &&str| line.split(' ').next().map(str::to_owned);
        printed.sort_by_key(path);
        let mut wanted = expected.clone();
        wanted.sort_by_key(path);
        assert_eq!(printed, wanted);
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
