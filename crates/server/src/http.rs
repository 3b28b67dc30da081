//! The HTTP port: `/livez`, `/readyz`, `/metrics`.
//!
//! It answers from the first moment to the last, also while the broker recovers or drains. So that nobody can take that
//! away, everything about a connection is bounded: how many there are, how long one may take, and that it carries one
//! request.

use std::{io, sync::Arc, time::Duration};

use axum::{
    Json, Router,
    extract::State,
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
    routing::get,
};
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::{GracefulShutdown, Watcher},
    service::TowerToHyperService,
};
use telemetry::metrics::Metrics;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use crate::{damage::Damage, readiness::Readiness};

/// Connections at a time; more wait to be accepted.
const CONNECTIONS: usize = 64;
/// Time from the acceptance of a connection to the end of its answer.
const CONNECTION_TIME: Duration = Duration::from_secs(30);
/// Time for the head of a request.
const HEAD_TIME: Duration = Duration::from_secs(5);
/// Time that answers under way have at the end.
const LEAVE_TIME: Duration = Duration::from_secs(1);
/// Pause after the operating system refused a connection, for instance because there are too many open files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// The version of Prometheus' text format.
const TEXT_FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What the answers are made from.
#[derive(Debug, Clone)]
pub(crate) struct Probes {
    pub(crate) readiness: watch::Receiver<Readiness>,
    pub(crate) damage: Arc<Damage>,
    pub(crate) metrics: Arc<Metrics>,
}

/// Serves until `stop`, then ends the connections it has.
pub(crate) async fn serve(listener: TcpListener, probes: Probes, stop: CancellationToken) {
    let service = router(probes);
    let slots = Arc::new(Semaphore::new(CONNECTIONS));
    let connections = GracefulShutdown::new();
    while let Some((stream, slot)) = stop.run_until_cancelled(accept(&listener, &slots)).await {
        tokio::spawn(converse(stream, service.clone(), connections.watcher(), slot));
    }
    drop(listener);
    let _ = timeout(LEAVE_TIME, connections.shutdown()).await;
}

fn router(probes: Probes) -> Router {
    Router::new()
        .route("/livez", get(|| async { "alive\n" }))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .with_state(probes)
}

async fn readyz(State(probes): State<Probes>) -> Response {
    let readiness = probes.readiness.borrow().clone();
    let status = if readiness.is_ready() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(readiness.report(probes.damage.reason()))).into_response()
}

/// On a blocking thread, because a scrape asks every topic and subscription.
async fn metrics(State(probes): State<Probes>) -> Response {
    match tokio::task::spawn_blocking(move || probes.metrics.render()).await {
        Ok(Ok(text)) => ([(CONTENT_TYPE, TEXT_FORMAT)], text).into_response(),
        Ok(Err(error)) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

async fn accept(listener: &TcpListener, slots: &Arc<Semaphore>) -> (TcpStream, OwnedSemaphorePermit) {
    loop {
        match accept_one(listener, slots).await {
            Ok(accepted) => return accepted,
            Err(error) => {
                tracing::warn!(%error, "cannot accept an HTTP connection");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn accept_one(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
) -> io::Result<(TcpStream, OwnedSemaphorePermit)> {
    let slot = Arc::clone(slots).acquire_owned().await.map_err(io::Error::other)?;
    let (stream, _) = listener.accept().await?;
    Ok((stream, slot))
}

/// One request and its answer. A client that breaks off or is too slow is its own affair.
async fn converse(stream: TcpStream, service: Router, watcher: Watcher, slot: OwnedSemaphorePermit) {
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
    let _ = timeout(CONNECTION_TIME, watcher.watch(connection)).await;
    drop(slot);
}
