//! The systems that are compared: how each is started, with which configuration, and how an expert drives it with its own client library.
//!
//! # Invariants
//!
//! - Everything listens on the loopback address, on ports that were free, and writes below the directory it was given.
//! - A server ends with its [`Running`], and with the benchmark's process however that ends.
//! - A driver does for its system what gives the highest throughput at the same promise: one publisher keeps the order of its messages, each
//!   subscription gets and settles every message.

mod bare;
mod fanfare;
mod kind;
mod nats;
mod rabbit;
mod redis;
mod tools;
mod turns;

use std::{path::Path, sync::Arc};

use anyhow::{Result, bail};
use futures_util::future::BoxFuture;
use load::{FanfareUnary, Outcome, Progress, Workload, workload::UnaryPublish};
use tokio::process::Command;

pub use bare::{COMMAND as BARE_COMMAND, serve as serve_bare};
pub use fanfare::fanfare_command;
pub use kind::Kind;
pub use tools::Tools;

use crate::process::{Process, Usage};

/// A started system with its clients.
pub struct Running {
    kind: Kind,
    driver: Driver,
    server: Process,
    /// What the server needs beside it.
    helper: Option<Process>,
}

enum Driver {
    Fanfare(load::Fanfare, FanfareUnary),
    Nats(nats::Nats),
    Redis(redis::Redis),
    Rabbit(rabbit::Rabbit),
    Bare(bare::Bare),
}

/// Starts a system in an empty directory and connects its clients.
///
/// # Errors
/// Its program is not there, or does not start; with what it said.
pub async fn start(kind: Kind, tools: &Tools, dir: &Path) -> Result<Running> {
    let mut helper = None;
    let (server, driver) = match kind {
        Kind::FanfareFsync | Kind::FanfareInterval => {
            let (server, streams, unary) = fanfare::start(kind, tools, dir).await?;
            (server, Driver::Fanfare(streams, unary))
        }
        Kind::NatsFsync | Kind::NatsBuffered => {
            let (server, nats) = nats::start(kind, tools, dir).await?;
            (server, Driver::Nats(nats))
        }
        Kind::RedisFsync | Kind::RedisBuffered => {
            let (server, redis) = redis::start(kind, tools, dir).await?;
            (server, Driver::Redis(redis))
        }
        Kind::RabbitQuorum => {
            let (server, daemon, rabbit) = rabbit::start(tools, dir).await?;
            helper = Some(daemon);
            (server, Driver::Rabbit(rabbit))
        }
        Kind::TonicStream | Kind::TonicUnary => {
            let (server, bare) = bare::start(tools, dir).await?;
            (server, Driver::Bare(bare))
        }
    };
    Ok(Running { kind, driver, server, helper })
}

impl Running {
    /// The server's process.
    pub fn pid(&self) -> u32 {
        self.server.pid()
    }

    /// What the server has used since it was started.
    ///
    /// # Errors
    /// It has ended.
    pub fn usage(&self) -> Result<Usage> {
        self.server.usage()
    }

    /// Puts it to a workload. The progress tells when the load begins.
    ///
    /// # Errors
    /// Those of the system and of the workload; or it cannot do this at all ([`Kind::can`]).
    pub async fn run(&self, workload: &Workload, topic: &str, progress: &Arc<Progress>) -> Result<Outcome> {
        if !self.kind.can(workload) {
            bail!("{} cannot do {}", self.kind, workload.label());
        }
        match &self.driver {
            Driver::Fanfare(fanfare, _) => workload.run_watched(fanfare, topic, progress).await,
            Driver::Nats(nats) => workload.run_watched(nats, topic, progress).await,
            Driver::Redis(redis) => workload.run_watched(redis, topic, progress).await,
            Driver::Rabbit(rabbit) => workload.run_watched(rabbit, topic, progress).await,
            Driver::Bare(bare) => workload.run_watched(bare, topic, progress).await,
        }
    }

    /// Publishes with one call a message.
    ///
    /// # Errors
    /// Those of the system and of the workload; or it cannot do this at all ([`Kind::can_unary`]).
    pub async fn run_unary(
        &self,
        workload: &UnaryPublish,
        topic: &str,
        progress: &Arc<Progress>,
    ) -> Result<Outcome> {
        match &self.driver {
            Driver::Fanfare(_, fanfare) => workload.run_watched(fanfare, topic, progress).await,
            Driver::Bare(bare) if self.kind.can_unary() => {
                workload.run_watched(&bare::Echo(bare.clone()), topic, progress).await
            }
            _ => bail!("{} cannot do {}", self.kind, workload.label()),
        }
    }

    /// Stops it as its users would, by SIGTERM.
    ///
    /// # Errors
    /// It cannot be told so.
    pub async fn stop(self) -> Result<()> {
        drop(self.driver);
        self.server.stop().await?;
        match self.helper {
            Some(helper) => helper.stop().await,
            None => Ok(()),
        }
    }
}

/// The configuration in words and in the system's own terms, for the report: everything else is as the system's makers set it.
pub fn configuration(kind: Kind) -> String {
    match kind {
        Kind::FanfareFsync | Kind::FanfareInterval => {
            format!("durability = \"{}\"; fanfare-client", fanfare::durability(kind))
        }
        Kind::NatsFsync | Kind::NatsBuffered => format!(
            "{}streams: file storage, 1 replica; durable pull consumers, explicit acks, 20,000 pending; async-nats",
            nats::configuration(kind, "DIR")
        ),
        Kind::RedisFsync | Kind::RedisBuffered => {
            let lines = redis::configuration(kind).map(|(key, value)| format!("{key} \"{value}\"\n"));
            format!("{}pipelines of XADD, XREADGROUP COUNT 1000 with XACK; redis crate", lines.concat())
        }
        Kind::RabbitQuorum => format!(
            "{}quorum queues (x-queue-type), fan-out exchange, publisher confirms, prefetch 2,000, ack multiple; lapin",
            rabbit::CONFIGURATION
        ),
        Kind::TonicStream | Kind::TonicUnary => bare::configuration(),
    }
}

/// How many messages were acknowledged, as a peer's client library comes to say it.
type Acknowledged = BoxFuture<'static, Result<usize>>;

/// A program that ends when this process does, even when this process is killed.
fn program(path: &Path) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "--"]).arg(path);
    command
}
