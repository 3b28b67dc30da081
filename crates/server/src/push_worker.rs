//! `fanfare push-worker`: push delivery as a process of its own, for a broker that it reaches over the network.
//!
//! # Invariants
//!
//! - It keeps nothing: what it knows is the broker's, and what it has not reported is delivered again.
//! - It is ready once the broker has let it in, and not while the broker is away. It does not end for that: the broker comes back.

mod watched;

use std::{net::SocketAddr, sync::Arc};

use push::{Remote, Transport, Worker};
use tokio::{net::TcpListener, sync::watch};
use tokio_util::sync::CancellationToken;
use types::{Clock, SystemClock};

use self::watched::Watched;
use crate::{
    config::Config,
    http::{self, Probes},
    observe,
    readiness::Readiness,
    run::{RunError, bind},
};

/// Works until `shutdown`, then lets the requests under way end, for `shutdown_timeout` at most.
pub(crate) async fn run(
    mut config: Config,
    broker: &str,
    shutdown: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    let token = config.worker_token.as_ref().ok_or(RunError::NoWorkerToken)?;
    let backend = Remote::connect(broker, token, config.push.ca_file.as_deref())?;
    let listener = bind("http_listen", config.http_listen).await?;
    let http: SocketAddr = listener.local_addr()?;
    config.push.own_addresses = vec![http];
    tracing::info!(version = env!("CARGO_PKG_VERSION"), %broker, %http, "the push worker is listening");
    work(listener, &config, backend, shutdown).await?;
    Ok(())
}

async fn work(
    listener: TcpListener,
    config: &Config,
    backend: Remote,
    shutdown: impl Future<Output = ()>,
) -> Result<(), RunError> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
    let transport = Transport::new(&config.push, Arc::clone(&clock))?.beside(backend.addresses());
    let readiness = watch::Sender::new(Readiness::Joining(None));
    let metrics = observe::metrics(config, readiness.subscribe())?;
    let probes = Probes { readiness: readiness.subscribe(), damage: Arc::default(), metrics };
    let (stop_http, stop) = (CancellationToken::new(), CancellationToken::new());
    let http = tokio::spawn(http::serve(listener, probes, stop_http.clone()));
    let watched = Watched { backend, readiness: readiness.clone() };
    let worker = Worker::new(watched, transport, &config.push, clock);
    let working = worker.run(stop.clone(), config.shutdown_timeout);
    tokio::pin!(working);
    let outcome = tokio::select! {
        () = &mut working => Err(RunError::WorkerEnded),
        () = shutdown => Ok(()),
    };
    readiness.send_replace(Readiness::Draining);
    stop.cancel();
    if outcome.is_ok() {
        working.await;
    }
    stop_http.cancel();
    let _ = http.await;
    outcome
}

#[cfg(test)]
mod tests;
