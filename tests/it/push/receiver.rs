//! Endpoints that are processes of their own, written in other languages.

use std::process::{Child, Command, Stdio};

use data_encoding::BASE64;
use serde_json::Value;

use crate::support::{log::Log, tools};

/// One that runs, and tells what it gets. Dropped, it is killed.
#[derive(Debug)]
pub(crate) struct Receiver {
    child: Child,
    told: Log,
    port: u64,
}

impl Receiver {
    /// `python/webhook.py`.
    pub(crate) fn python(arguments: &[&str]) -> Self {
        let mut command = Command::new("python3");
        command.arg("-B").arg(tools::file("python/webhook.py")).args(arguments);
        Self::start(command.env("PYTHONPATH", tools::tool("PYTHON_WEBHOOKS")))
    }

    /// `node/webhook.mjs`.
    pub(crate) fn node(arguments: &[&str]) -> Self {
        let mut command = Command::new(tools::tool("NODE"));
        command.arg(tools::file("node/webhook.mjs")).args(arguments);
        Self::start(command.env("NODE_WEBHOOKS", tools::tool("NODE_WEBHOOKS")))
    }

    /// `python/endpoint.py`.
    pub(crate) fn grpc(arguments: &[&str]) -> Self {
        let mut command = Command::new("python3");
        command.arg("-B").arg(tools::file("python/endpoint.py")).arg(tools::file("../proto")).args(arguments);
        Self::start(command.env("PYTHONPATH", tools::tool("PYTHON_GRPC")))
    }

    fn start(command: &mut Command) -> Self {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let told = Log::follow(child.stdout.take().unwrap());
        let port = told.wait_for("its port", |line| line["port"].is_u64())["port"].as_u64().unwrap();
        Self { child, told, port }
    }

    /// As a webhook, at this path.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// As a gRPC endpoint.
    pub(crate) fn grpc_url(&self) -> String {
        format!("grpc://127.0.0.1:{}", self.port)
    }

    /// The first so many of a kind, which are waited for.
    pub(crate) fn wait_for(&self, kind: &str, count: usize) -> Vec<Value> {
        self.told.wait_for_some(kind, count, |line| line["kind"] == kind)
    }

    /// The first so many deliveries, which are waited for.
    pub(crate) fn deliveries(&self, count: usize) -> Vec<Value> {
        self.wait_for("delivery", count)
    }

    /// The first so many deliveries at this path, which are waited for.
    pub(crate) fn deliveries_at(&self, path: &str, count: usize) -> Vec<Value> {
        let there = |line: &Value| line["kind"] == "delivery" && line["path"] == path;
        self.told.wait_for_some(path, count, there)
    }

    /// All of a kind so far.
    pub(crate) fn so_far(&self, kind: &str) -> Vec<Value> {
        self.told.so_far().into_iter().filter(|line| line["kind"] == kind).collect()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A header of a request that a webhook told of.
pub(crate) fn header<'a>(request: &'a Value, name: &str) -> &'a str {
    request["headers"][name].as_str().unwrap_or_else(|| panic!("no {name}: {request:#}"))
}

/// Its body.
pub(crate) fn body(request: &Value) -> String {
    let bytes = BASE64.decode(request["body"].as_str().unwrap().as_bytes()).unwrap();
    String::from_utf8(bytes).unwrap()
}
