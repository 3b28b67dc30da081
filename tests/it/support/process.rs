//! The broker, or a push worker, as a process.

use std::{
    io,
    net::SocketAddr,
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    sync::Arc,
    thread,
    time::Duration,
};

use serde_json::Value;
use tempfile::TempDir;

use super::{
    Grpcurl, eventually, http,
    log::{self, Log},
    tools,
};

/// A directory that is removed when neither its test nor the broker in it needs it any more.
pub(crate) type Directory = Arc<TempDir>;

/// How one is started.
#[derive(Debug)]
pub(crate) struct Start(Command);

impl Start {
    /// On free ports, with nothing of this process's environment.
    fn new(command: &str) -> Self {
        let mut fanfare = Command::new(tools::fanfare());
        fanfare.env_clear().env("RUST_BACKTRACE", "1");
        fanfare.args([command, "--http-listen", "127.0.0.1:0"]);
        Self(fanfare)
    }

    fn serve() -> Self {
        Self::new("serve").arg("--listen").arg("127.0.0.1:0")
    }

    /// A push worker for the broker there, which knows it by the token in a file.
    pub(crate) fn worker(broker: SocketAddr, token: &Path) -> Self {
        let worker = Self::new("push-worker").arg("--broker").arg(&format!("http://{broker}"));
        worker.arg("--token-file").arg(token.to_str().unwrap())
    }

    /// With its log on this disk.
    pub(crate) fn on(data: &Path) -> Self {
        Self::serve().arg("--data-dir").arg(data.to_str().unwrap())
    }

    /// The same, at an address of the test's choice.
    pub(crate) fn on_at(data: &Path, address: SocketAddr) -> Self {
        let serve = Self::new("serve").arg("--listen").arg(&address.to_string());
        serve.arg("--data-dir").arg(data.to_str().unwrap())
    }

    /// In memory.
    pub(crate) fn in_memory() -> Self {
        Self::serve().arg("--memory")
    }

    pub(crate) fn arg(mut self, argument: &str) -> Self {
        self.0.arg(argument);
        self
    }

    /// With one more setting.
    pub(crate) fn set(self, setting: &str) -> Self {
        self.arg("--set").arg(setting)
    }

    /// Started, with both ports bound; not yet ready.
    pub(crate) fn spawn(mut self) -> Fanfare {
        let mut child = self.0.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let log = Log::follow(child.stderr.take().unwrap());
        Fanfare { child, log, grpc: None, http: None, errors: Vec::new(), directory: None }
    }

    /// Started and ready.
    pub(crate) async fn ready(self) -> Fanfare {
        let mut fanfare = self.spawn();
        fanfare.until_listening();
        fanfare.until_ready().await;
        fanfare
    }
}

/// One that runs. Dropped, it is killed, and its log is checked.
#[derive(Debug)]
pub(crate) struct Fanfare {
    child: Child,
    pub(crate) log: Log,
    grpc: Option<SocketAddr>,
    http: Option<SocketAddr>,
    errors: Vec<&'static str>,
    directory: Option<Directory>,
}

impl Fanfare {
    /// One in a directory of its own.
    pub(crate) async fn fresh() -> (Self, Directory) {
        Self::in_new_directory(Start::on).await
    }

    /// One that is started like this in a directory of its own, with its data in `data`.
    pub(crate) async fn in_new_directory(start: impl FnOnce(&Path) -> Start) -> (Self, Directory) {
        let directory = Arc::new(tempfile::tempdir().unwrap());
        let fanfare = start(&directory.path().join("data")).ready().await;
        (fanfare.within(&directory), directory)
    }

    /// Its data is in this directory, which stays at least until it has ended.
    pub(crate) fn within(mut self, directory: &Directory) -> Self {
        self.directory = Some(directory.clone());
        self
    }

    /// From now on an error in its log that contains this is as it should be.
    pub(crate) fn expect_error(&mut self, text: &'static str) {
        self.errors.push(text);
    }

    /// Takes note of the ports that it says it has.
    pub(crate) fn until_listening(&mut self) {
        let line = self.log.wait_for_message(" is listening");
        let address = |key: &str| line[key].as_str().map(|address| address.parse().unwrap());
        (self.grpc, self.http) = (address("grpc"), address("http"));
    }

    /// Waits for it to have read its log.
    pub(crate) async fn until_ready(&self) {
        eventually("ready", async || match http::get(self.http(), "/readyz").await {
            Ok((200, _)) => Ok(()),
            other => Err(other),
        })
        .await;
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn http(&self) -> SocketAddr {
        self.http.unwrap()
    }

    pub(crate) fn grpc(&self) -> SocketAddr {
        self.grpc.unwrap()
    }

    pub(crate) fn grpcurl(&self) -> Grpcurl {
        Grpcurl::new(self.grpc())
    }

    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").args(["-s", name, &self.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// `kill -9`.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to stop; how it ended, and everything that it logged.
    pub(crate) async fn stop(self) -> (ExitStatus, Vec<Value>) {
        self.signal("TERM");
        self.end(Duration::from_secs(30)).await
    }

    /// How it ends within that time, and everything that it logged.
    pub(crate) async fn end(mut self, within: Duration) -> (ExitStatus, Vec<Value>) {
        let status = tokio::time::timeout(within, self.exit()).await.expect("it ends in time").unwrap();
        (status, self.log.whole())
    }

    /// Its end of standard error closes when it ends, whatever the reason.
    async fn exit(&mut self) -> io::Result<ExitStatus> {
        let log = self.log.clone();
        tokio::task::spawn_blocking(move || log.whole()).await.unwrap();
        self.child.wait()
    }

    fn check(&self) {
        let unexpected = |line: &Value| {
            log::is_error(line) && !self.errors.iter().any(|expected| log::text(line).contains(expected))
        };
        let found: Vec<Value> = self.log.whole().into_iter().filter(unexpected).collect();
        assert!(found.is_empty(), "the broker complained: {found:#?}");
    }
}

impl Drop for Fanfare {
    #[expect(clippy::print_stderr, reason = "the log belongs to the failure that is under way")]
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if !thread::panicking() {
            self.check();
        } else {
            eprintln!("the broker's log: {:#?}", self.log.whole());
        }
    }
}
