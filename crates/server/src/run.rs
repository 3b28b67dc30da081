//! The life of the process: listen, recover, serve, drain, close.
//!
//! # Invariants
//!
//! - Both ports are bound before anything else, and both answer from then on: while the log is being read, health and
//!   `/readyz` say so and every other call is `UNAVAILABLE`.
//! - `/readyz` turns to 503 before anything is taken away, whether for a drain or for a failure.
//! - It ends: a drain takes `shutdown_timeout` at most, plus the time for a last checkpoint.
//! - Nothing here touches the process (signals, exit codes, the log): tests and other programs run it as it is.

use std::{io, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use broker::{Broker, OpenError};
use journal::{Health, Journal, JournalError};
use push::TransportError;
use telemetry::metrics::MetricsError;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::{
    config::Config,
    engine,
    http::{self, Probes},
    observe,
    process::Process,
    recovering, serving,
};

/// The ports, bound.
#[derive(Debug)]
pub struct Listeners {
    /// For gRPC.
    pub grpc: TcpListener,
    /// For `/livez`, `/readyz`, `/metrics`.
    pub http: TcpListener,
}

impl Listeners {
    /// Where they really are: what is never a push endpoint.
    fn addresses(&self) -> Vec<SocketAddr> {
        [&self.grpc, &self.http].into_iter().filter_map(|listener| listener.local_addr().ok()).collect()
    }

    /// Binds what the configuration says.
    ///
    /// # Errors
    /// [`RunError::Bind`].
    pub async fn bind(config: &Config) -> Result<Self, RunError> {
        Ok(Self {
            grpc: bind("listen", config.listen).await?,
            http: bind("http_listen", config.http_listen).await?,
        })
    }
}

pub(crate) async fn bind(key: &'static str, address: SocketAddr) -> Result<TcpListener, RunError> {
    TcpListener::bind(address).await.map_err(|error| RunError::Bind { key, address, error })
}

/// Why the process did not end as it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// A port cannot be had. Nothing was opened.
    #[error("cannot listen on {address} (setting {key}): {error}")]
    Bind {
        /// Which setting.
        key: &'static str,
        /// Its value.
        address: SocketAddr,
        /// The operating system's answer.
        error: io::Error,
    },
    /// Another process has the data directory. Nothing in it was touched.
    #[error("the data directory {0} is in use by another process")]
    InUse(String),
    /// The data directory cannot be used. Nothing was changed.
    #[error("cannot use the data directory {}: {error}", directory.display())]
    DataDir {
        /// Which.
        directory: PathBuf,
        /// The operating system's answer.
        error: String,
    },
    /// The log could not be opened or read back. Nothing was changed.
    #[error("cannot open the broker: {0}")]
    Open(OpenError),
    /// The journal failed, while the broker ran or while it read the log back. What was acknowledged before is durable.
    #[error("the journal failed, nothing is acknowledged any more: {0}")]
    JournalFailed(String),
    /// The gRPC port stopped serving.
    #[error("gRPC stopped: {0}")]
    Grpc(String),
    /// The last checkpoint could not be written, or the directory not be released. What was acknowledged is durable.
    #[error("could not close cleanly: {0}")]
    Close(JournalError),
    /// The metrics could not be set up. Nothing was opened.
    #[error(transparent)]
    Metrics(#[from] MetricsError),
    /// A push worker has nothing to say to the broker. Nothing was opened.
    #[error(
        "the broker lets in who has its push.worker_token: give it by --token-file or FANFARE_PUSH_WORKER_TOKEN"
    )]
    NoWorkerToken,
    /// A push worker stopped though nobody had asked it to.
    #[error("the push worker ended without having been asked to")]
    WorkerEnded,
    /// Push delivery cannot begin. Nothing was opened.
    #[error(transparent)]
    Push(#[from] TransportError),
}

impl From<JournalError> for RunError {
    /// An error at the close.
    fn from(error: JournalError) -> Self {
        match error {
            JournalError::Poisoned(cause) => Self::JournalFailed(cause.to_string()),
            error => Self::Close(error),
        }
    }
}

/// Runs the broker until `shutdown`, then drains it.
///
/// # Errors
/// See [`RunError`]. When it returns, the ports and the data directory are free again (the directory a moment later, if
/// it was stopped while the engine was opening it).
pub async fn run(
    listeners: Listeners,
    mut config: Config,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<(), RunError> {
    config.push.own_addresses = listeners.addresses();
    let process = Process::new(config)?;
    let probes = Probes {
        readiness: process.readiness.subscribe(),
        damage: Arc::clone(&process.damage),
        metrics: Arc::clone(&process.metrics),
    };
    let stop_http = CancellationToken::new();
    let http = tokio::spawn(http::serve(listeners.http, probes, stop_http.clone()));
    let outcome = life(&process, listeners.grpc, shutdown).await;
    stop_http.cancel();
    let _ = http.await;
    outcome
}

async fn life(
    process: &Process,
    listener: TcpListener,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<(), RunError> {
    tokio::pin!(shutdown);
    let limits = process.config.grpc_port();
    let recovered = tokio::select! {
        recovered = recovering::beside(&listener, &limits, recover(process)) => recovered?,
        () = &mut shutdown => return Ok(()),
    };
    serving::serve(process, listener, recovered, shutdown).await
}

async fn recover(process: &Process) -> Result<Broker, RunError> {
    let started = process.clock.now();
    let journal = engine::open(process).await.map_err(|error| match error {
        JournalError::Io(cause) => {
            RunError::DataDir { directory: process.config.data_dir.clone(), error: cause.to_string() }
        }
        error => cannot_open(error.into()),
    })?;
    let broker = recover_from(journal, process).await?;
    let took = process.clock.now().since(started);
    observe::broker(&process.metrics, &broker, took);
    let counting = broker.clone();
    process.damage.ask_broker(move || counting.totals().damaged);
    let totals = broker.totals();
    tracing::info!(
        recovery_ms = millis(took),
        topics = totals.topics,
        subscriptions = totals.subscriptions,
        "recovered: the log has been read"
    );
    Ok(broker)
}

/// Whatever stopped it: if the journal has failed by then, that is the cause.
async fn recover_from(journal: Arc<dyn Journal>, process: &Process) -> Result<Broker, RunError> {
    let health = journal.health();
    let opened = Broker::open(
        journal,
        Arc::clone(&process.clock),
        Arc::new(grpc::StoredMessages),
        process.config.broker.clone(),
    )
    .await;
    opened.map_err(|error| match &*health.borrow() {
        Health::Poisoned(cause) => RunError::JournalFailed(cause.to_string()),
        _ => cannot_open(error),
    })
}

fn cannot_open(error: OpenError) -> RunError {
    match error {
        OpenError::Journal(JournalError::Poisoned(cause)) => RunError::JournalFailed(cause.to_string()),
        OpenError::Journal(JournalError::Locked(directory)) => RunError::InUse(directory.to_string()),
        error => RunError::Open(error),
    }
}

/// For a log line, where a number of 128 bits would become a string.
pub(crate) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use journal::MemoryJournal;

    use super::*;

    #[tokio::test]
    async fn a_journal_that_fails_while_the_log_is_read_back_is_a_failed_journal_with_its_cause() {
        let process = Process::new(Config::default()).unwrap();
        let journal = Arc::new(MemoryJournal::default());
        journal.poison("fdatasync: input/output error");
        let outcome = recover_from(journal, &process).await;
        assert!(
            matches!(&outcome, Err(RunError::JournalFailed(cause)) if cause.contains("fdatasync")),
            "{outcome:?}"
        );
    }
}
