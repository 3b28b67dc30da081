//! The configuration of the whole process: each crate owns its part and its limits, this composes them once.
//!
//! # Invariants
//!
//! - A value comes from, in rising order: the default, the file, the environment, a flag.
//! - Everything is read and checked before a port is bound or a directory touched; what is wrong is named with where it
//!   came from. An unknown key is wrong, not ignored: it is usually a known one with a typing error.
//! - A key is the path of its field, or says in [`keys::KEYS`] of which: `broker.max_message_bytes` is `Config::broker.max_message_bytes`, and
//!   `FANFARE_BROKER_MAX_MESSAGE_BYTES` in the environment. The table [`keys::KEYS`] is the only place that lists them.

mod env;
mod file;
mod keys;
mod print;
mod source;
#[cfg(test)]
mod tests;
mod value;

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use types::{Invalid, limits, push::Secret};

pub use self::{
    env::ENVIRONMENT_PREFIX,
    print::effective,
    source::{ConfigError, Given, Loaded, Origin, Sources},
};

/// The default configuration as a file, with a comment for each key: what `fanfare config --template` prints.
pub const TEMPLATE: &str = include_str!("../default.toml");

/// What an operator can choose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Where gRPC is served. Default `127.0.0.1:50051`: nothing is authenticated yet, so nothing is offered to the
    /// network unless someone says so.
    pub listen: SocketAddr,
    /// Where `/livez`, `/readyz` and `/metrics` are served. Default `127.0.0.1:8080`.
    pub http_listen: SocketAddr,
    /// How long a stopping process waits for its clients. 0 s to 1 h. Default 20 s, which fits, with the checkpoint
    /// that follows, into the 30 s after which Kubernetes kills.
    pub shutdown_timeout: Duration,
    /// What carries the log.
    pub engine: Engine,
    /// Where the disk engine keeps everything. Default `fanfare-data`, in the working directory.
    pub data_dir: PathBuf,
    /// What an answered publish survives.
    pub durability: Durability,
    /// With `durability = "interval"`, time between two syncs. 1 ms to 1 min, default 100 ms.
    pub sync_interval: Duration,
    /// The broker.
    pub broker: broker::Config,
    /// The disk engine. Its `durability` is not a key: the two keys above decide it.
    pub disk: journal_disk::Config,
    /// The gRPC port. Its `drain_timeout` is not a key: `shutdown_timeout` decides it. Nor is its `worker_token`: the one below does.
    pub grpc: grpc::Config,
    /// Whether this process delivers to push endpoints; without, workers in processes of their own have to. Topics that are forwarded to
    /// others are always done here. Key `push.enabled`, default yes.
    pub push_enabled: bool,
    /// What lets such workers in, and what `fanfare push-worker` says to the broker. Key `push.worker_token`, 16 to 4,096 visible ASCII
    /// characters, default none: nobody is let in.
    pub worker_token: Option<Secret>,
    /// Push delivery. Its `own_addresses` is not a key: the ports that are bound decide it.
    pub push: push::Config,
    /// The log lines.
    pub log: telemetry::logs::Config,
    /// The metrics.
    pub metrics: telemetry::metrics::Limits,
}

/// Bytes by which the batch of a publish can be larger than its request: of each message, the texts that its record has a
/// second time, what came in the request's headers, and the frame and the times that the broker adds.
const ADDED_BYTES: u64 = (limits::PUBLISH_MESSAGES * ADDED_TO_MESSAGE) as u64;
const ADDED_TO_MESSAGE: usize = limits::ORDERING_KEY_BYTES
    + limits::DEDUPLICATION_ID_BYTES
    // Of a request's header, so it is in neither of the two places yet.
    + 2 * limits::CORRELATION_ID_BYTES
    + TRACEPARENT_BYTES
    + limits::TRACESTATE_BYTES
    + FRAME_AND_TIMES_BYTES;
/// Of version 00 (W3C Trace Context, section 3.2).
const TRACEPARENT_BYTES: usize = 55;
/// The record's own fields, its length in the batch, two times and the tags of what was added to the message: about 70.
const FRAME_AND_TIMES_BYTES: usize = 160;

/// What carries the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// Segmented files in the data directory.
    Disk,
    /// Nothing: what was published is gone with the process.
    Memory,
}

/// What an answered publish survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// A power cut.
    Fsync,
    /// The end of the process; a power cut loses what was accepted since the last sync.
    Interval,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 50_051)),
            http_listen: SocketAddr::from(([127, 0, 0, 1], 8_080)),
            shutdown_timeout: Duration::from_secs(20),
            engine: Engine::Disk,
            data_dir: PathBuf::from("fanfare-data"),
            durability: Durability::Fsync,
            sync_interval: Duration::from_millis(100),
            broker: broker::Config::default(),
            disk: journal_disk::Config::default(),
            grpc: grpc::Config::default(),
            push_enabled: true,
            worker_token: None,
            push: push::Config::default(),
            log: telemetry::logs::Config::default(),
            metrics: telemetry::metrics::Limits::default(),
        }
    }
}

impl Config {
    /// The disk engine's own configuration, with the durability that was chosen.
    pub fn disk_engine(&self) -> journal_disk::Config {
        let durability = match self.durability {
            Durability::Fsync => journal_disk::Durability::Fsync,
            Durability::Interval => journal_disk::Durability::Interval(self.sync_interval),
        };
        journal_disk::Config { durability, ..self.disk.clone() }
    }

    /// The gRPC port's own configuration, with the time for draining that was chosen.
    pub fn grpc_port(&self) -> grpc::Config {
        let settle_grace = self.grpc.settle_grace.min(self.shutdown_timeout);
        grpc::Config {
            drain_timeout: self.shutdown_timeout,
            settle_grace,
            worker_token: self.worker_token.clone(),
            ..self.grpc.clone()
        }
    }

    /// Checks every value against its limits, and those of different crates against each other.
    ///
    /// # Errors
    /// The first key that breaks a rule.
    pub fn validate(&self) -> Result<(), Invalid> {
        self.validate_own()?;
        self.broker.validate().map_err(|invalid| invalid.within("broker"))?;
        self.disk_engine().validate().map_err(|invalid| invalid.within("disk"))?;
        self.grpc_port().validate(self.broker.max_message_bytes).map_err(of_the_port)?;
        self.push.validate().map_err(|invalid| invalid.within("push"))?;
        self.log.validate().map_err(|invalid| invalid.within("log"))?;
        self.metrics.validate().map_err(|invalid| invalid.within("metrics"))?;
        self.validate_request()
    }

    fn validate_own(&self) -> Result<(), Invalid> {
        if self.listen == self.http_listen && self.listen.port() != 0 {
            return Err(Invalid::new(
                "http_listen",
                format!("is {}, which is `listen` already", self.http_listen),
            ));
        }
        if self.data_dir.as_os_str().is_empty() {
            return Err(Invalid::new("data_dir", "is empty, must be a directory"));
        }
        within("shutdown_timeout", self.shutdown_timeout, Duration::ZERO, Duration::from_secs(3_600))?;
        within("sync_interval", self.sync_interval, Duration::from_millis(1), Duration::from_secs(60))
    }

    /// The messages of one request, and what the broker adds to them, are one batch of the log.
    fn validate_request(&self) -> Result<(), Invalid> {
        let (name, batch) = match self.engine {
            Engine::Disk => ("disk.batch_bytes", self.disk.batch_bytes),
            Engine::Memory => {
                ("the batches of the engine in memory", journal::memory::Config::default().batch_bytes as u64)
            }
        };
        let request = self.grpc.max_request_bytes as u64;
        let most = batch.saturating_sub(ADDED_BYTES);
        if request <= most {
            return Ok(());
        }
        Err(Invalid::new(
            "grpc.max_request_bytes",
            format!(
                "is {request}, must be at most {most}: {name} ({batch}) less {ADDED_BYTES} for what the broker adds"
            ),
        ))
    }
}

/// By its key: the token is the port's to check, and the operator's to find among what is about push.
fn of_the_port(invalid: Invalid) -> Invalid {
    let section = if invalid.field == "worker_token" { "push" } else { "grpc" };
    invalid.within(section)
}

fn within(field: &str, value: Duration, least: Duration, most: Duration) -> Result<(), Invalid> {
    if (least..=most).contains(&value) {
        return Ok(());
    }
    Err(Invalid::new(field, format!("is {value:?}, must be {least:?} to {most:?}")))
}
