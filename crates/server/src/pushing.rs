//! Push delivery inside the broker's process.
//!
//! # Invariants
//!
//! - What forwards between topics always runs here; what delivers to the network only if `push.enabled` says so.
//! - It stops in two steps around the broker's drain. Nothing is leased after the first, and forwards, which publish, are done by then;
//!   requests on the network may go on through the drain, because what comes of them is still taken.

use std::{sync::Arc, time::Duration};

use broker::{Broker, PushRole};
use push::{Backend, Carriers, Forwards, Guardian, Local, Worker};
use tokio::{task::JoinHandle, time::timeout};
use tokio_util::sync::CancellationToken;

use crate::{config::Config, process::Process};

/// Of the time that a stopping process has, for the reports of requests that took it all.
const REPORT_TIME: Duration = Duration::from_secs(1);
/// For a forward, which is a publish on this broker.
const FORWARD_GRACE: Duration = Duration::from_secs(2);

/// The workers of this process.
pub(crate) struct Pushing {
    forwarder: Running,
    deliverer: Option<Running>,
    /// How long requests may go on, and be reported.
    patience: Duration,
}

/// A worker at work.
struct Running {
    task: JoinHandle<()>,
    stop: CancellationToken,
}

impl Pushing {
    /// From here on endpoints are looked at when they are named, and delivered to.
    pub(crate) fn start(process: &Process, broker: &Broker) -> Self {
        let (config, transport) = (&process.config, &process.transport);
        let guardian = match config.push_enabled {
            true => Guardian::new(transport.clone()),
            // Who delivers may be where this process cannot connect to, and the other way round.
            false => Guardian::static_only(transport.clone()),
        };
        broker.guard_endpoints(Arc::new(guardian));
        let local = |role| Local::new(broker.clone(), role);
        announce(config);
        let grace = config.shutdown_timeout.saturating_sub(REPORT_TIME);
        let forwards = Forwards(broker.clone());
        let deliverer = config
            .push_enabled
            .then(|| Running::start(process, local(PushRole::Deliverer), transport.clone(), grace));
        let forwarder =
            Running::start(process, local(PushRole::Forwarder), forwards, FORWARD_GRACE.min(grace));
        Self { forwarder, deliverer, patience: config.shutdown_timeout }
    }

    /// Nothing more is leased. Returns when no forward is under way.
    pub(crate) async fn begin_to_stop(&mut self) {
        if let Some(deliverer) = &self.deliverer {
            deliverer.stop.cancel();
        }
        self.forwarder.end(FORWARD_GRACE + FORWARD_GRACE).await;
    }

    /// Waits for the requests under way, for `shutdown_timeout`, or for less if someone is less patient.
    pub(crate) async fn stop(self, patience: Option<Duration>) {
        let patience = patience.unwrap_or(self.patience).min(self.patience);
        if let Some(mut deliverer) = self.deliverer {
            deliverer.end(patience).await;
        }
    }
}

/// Who delivers.
fn announce(config: &Config) {
    match (config.push_enabled, &config.worker_token) {
        (true, _) => tracing::info!("push endpoints are delivered to by this process"),
        (false, Some(_)) => {
            tracing::info!("push endpoints are left to push workers in processes of their own");
        }
        (false, None) => tracing::warn!(
            "push endpoints are delivered to by nobody: push.enabled is false, and without push.worker_token no push worker is let in"
        ),
    }
}

impl Running {
    fn start<B: Backend, S: Carriers>(process: &Process, backend: B, carriers: S, grace: Duration) -> Self {
        let stop = CancellationToken::new();
        let worker = Worker::new(backend, carriers, &process.config.push, Arc::clone(&process.clock));
        let asked = stop.clone();
        let task = tokio::spawn(async move {
            worker.run(asked.clone(), grace).await;
            if !asked.is_cancelled() {
                tracing::error!("push delivery ended without having been asked to");
            }
        });
        Self { task, stop }
    }

    /// What is not reported by then is delivered again after the next start.
    async fn end(&mut self, patience: Duration) {
        self.stop.cancel();
        if timeout(patience, &mut self.task).await.is_err() {
            tracing::warn!("push requests were cut off: they did not end in time");
            self.task.abort();
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
