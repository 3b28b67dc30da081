use std::sync::Arc;

use grpc::ServerInfo;
use telemetry::metrics::{Metrics, MetricsError};
use tokio::sync::watch;
use types::{Clock, SystemClock};

use crate::{config::Config, damage::Damage, engine, observe, readiness::Readiness};

/// What the phases of the life share.
pub(crate) struct Process {
    pub(crate) config: Config,
    pub(crate) clock: Arc<dyn Clock>,
    /// What `GetServerInfo` says.
    pub(crate) info: ServerInfo,
    pub(crate) readiness: watch::Sender<Readiness>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) damage: Arc<Damage>,
}

impl Process {
    /// One that has just started.
    pub(crate) fn new(config: Config) -> Result<Self, MetricsError> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
        let readiness = watch::Sender::new(Readiness::Recovering);
        let metrics = observe::metrics(&config, readiness.subscribe())?;
        let (engine, durability) = engine::describe(&config);
        let info = ServerInfo {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            engine: engine.to_owned(),
            durability: durability.to_owned(),
            started_at: clock.now(),
        };
        Ok(Self { config, clock, info, readiness, metrics, damage: Arc::default() })
    }
}
