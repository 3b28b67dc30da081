//! The real parts of the broker, put together as `server` does it, without files, signals and metrics.

use std::{net::TcpListener, sync::Arc, time::Duration};

use broker::{Broker, PushRole};
use grpc::ServerInfo;
use journal::MemoryJournal;
use push::{Backend, Carriers, Forwards, Guardian, Local, Transport, Worker};
use tokio_util::sync::CancellationToken;
use types::{Clock, push::Secret};

use super::clock::TestClock;

/// What a broker is made of, each time it is started.
#[derive(Debug, Clone)]
pub(super) struct Parts {
    pub(super) journal: Arc<MemoryJournal>,
    pub(super) clock: Arc<TestClock>,
    pub(super) push: push::Config,
    pub(super) push_enabled: bool,
    pub(super) worker_token: Option<String>,
}

/// The longest that the configuration allows: the clock of a test goes by hours, and a connection is to survive that.
const SIGN_OF_LIFE: Duration = Duration::from_secs(3_600);
const ANSWER: Duration = Duration::from_secs(600);
const PREFACE: Duration = Duration::from_secs(60);

impl Parts {
    /// Serves on the port. Everything of it lives in tasks of this runtime.
    pub(super) async fn start(self, listener: TcpListener) -> Result<Broker, String> {
        let mut push = self.push.clone();
        push.own_addresses = listener.local_addr().into_iter().collect();
        let clock: Arc<dyn Clock> = self.clock.clone();
        let contents = Arc::new(grpc::StoredMessages);
        let opened =
            Broker::open(self.journal.clone(), clock.clone(), contents, broker::Config::default()).await;
        let broker = opened.map_err(|error| error.to_string())?;
        let transport = Transport::new(&push, clock.clone()).map_err(|error| error.to_string())?;
        broker.guard_endpoints(Arc::new(Guardian::new(transport.clone())));
        let local = |role| Local::new(broker.clone(), role);
        work(local(PushRole::Forwarder), Forwards(broker.clone()), &push, &clock);
        if self.push_enabled {
            work(local(PushRole::Deliverer), transport, &push, &clock);
        }
        self.serve(listener, broker.clone())?;
        Ok(broker)
    }

    fn serve(&self, listener: TcpListener, broker: Broker) -> Result<(), String> {
        let listener = tokio::net::TcpListener::from_std(listener).map_err(|error| error.to_string())?;
        let info = ServerInfo {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            engine: "memory".to_owned(),
            durability: "none".to_owned(),
            started_at: self.clock.now(),
        };
        let config = grpc::Config {
            keepalive_interval: SIGN_OF_LIFE,
            keepalive_timeout: ANSWER,
            request_timeout: ANSWER,
            preface_timeout: PREFACE,
            worker_token: self.worker_token.as_deref().map(Secret::new),
            ..grpc::Config::default()
        };
        tokio::spawn(async move {
            if let Err(error) = grpc::serve(listener, broker, info, config, std::future::pending()).await {
                tracing::error!(%error, "the broker under test stopped serving");
            }
        });
        Ok(())
    }
}

/// A worker that ends with the runtime.
fn work<B: Backend, S: Carriers>(backend: B, carriers: S, push: &push::Config, clock: &Arc<dyn Clock>) {
    let worker = Worker::new(backend, carriers, push, clock.clone());
    tokio::spawn(async move { worker.run(CancellationToken::new(), Duration::ZERO).await });
}
