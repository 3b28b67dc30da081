//! The real grpcurl, which knows the API by reflection only.

use std::{
    io::Write,
    net::SocketAddr,
    process::{Child, Command, Output, Stdio},
};

use serde_json::Value;

use super::tools;

/// grpcurl, aimed at a broker.
#[derive(Debug, Clone)]
pub(crate) struct Grpcurl {
    address: SocketAddr,
    headers: Vec<String>,
}

/// What it prints when a call is refused.
#[derive(Debug)]
pub(crate) struct Refused {
    /// As grpcurl spells it: `InvalidArgument`.
    pub(crate) code: String,
    /// Everything, as a user sees it.
    pub(crate) text: String,
}

impl Grpcurl {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self { address, headers: Vec::new() }
    }

    /// With one more header.
    pub(crate) fn header(mut self, header: &str) -> Self {
        self.headers.push(header.to_owned());
        self
    }

    fn command(&self, options: &[&str]) -> Command {
        let mut command = Command::new(tools::tool("GRPCURL"));
        command.args(["-plaintext", "-max-time", "60"]);
        for header in &self.headers {
            command.args(["-H", header]);
        }
        command.args(options).arg(self.address.to_string());
        command
    }

    /// What it says, for instance to `list`.
    pub(crate) fn say(&self, arguments: &[&str]) -> String {
        let output = self.command(&[]).args(arguments).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Every answer of a call.
    pub(crate) fn answers(&self, method: &str, requests: &str) -> Result<Vec<Value>, Refused> {
        let mut child = self.start(method);
        // A call that is refused may be over before it has read everything.
        let _ = child.stdin.take().unwrap().write_all(requests.as_bytes());
        read(&child.wait_with_output().unwrap())
    }

    /// A call that goes on while something else is done; `fanfare.v1` need not be said. Its requests go to its standard input.
    pub(crate) fn start(&self, method: &str) -> Child {
        let mut command = self.command(&["-d", "@"]);
        let package = if method.starts_with("grpc.") { "" } else { "fanfare.v1." };
        command.arg(format!("{package}{method}"));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// The one answer of a call.
    pub(crate) fn call(&self, method: &str, request: &Value) -> Result<Value, Refused> {
        let mut answers = self.answers(method, &request.to_string())?;
        assert_eq!(answers.len(), 1, "{answers:?}");
        Ok(answers.remove(0))
    }

    /// The same of a call that is not refused.
    pub(crate) fn ok(&self, method: &str, request: &Value) -> Value {
        self.call(method, request).unwrap_or_else(|refused| panic!("{method} {request}: {}", refused.text))
    }
}

/// What a call that is over printed.
pub(crate) fn read(output: &Output) -> Result<Vec<Value>, Refused> {
    if output.status.success() {
        let answers = serde_json::Deserializer::from_slice(&output.stdout).into_iter();
        return Ok(answers.collect::<Result<_, _>>().unwrap());
    }
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let code = text.lines().find_map(|line| line.trim().strip_prefix("Code: "));
    Err(Refused { code: code.unwrap_or_default().to_owned(), text: text.clone() })
}
