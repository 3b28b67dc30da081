use std::sync::Arc;

use grpc::ServerInfo;
use push::Transport;
use telemetry::metrics::Metrics;
use tokio::sync::watch;
use types::{Clock, SystemClock};

use crate::{config::Config, damage::Damage, engine, observe, readiness::Readiness, run::RunError};

/// What the phases of the life share.
pub(crate) struct Process {
    pub(crate) config: Config,
    pub(crate) clock: Arc<dyn Clock>,
    /// What `GetServerInfo` says.
    pub(crate) info: ServerInfo,
    pub(crate) readiness: watch::Sender<Readiness>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) damage: Arc<Damage>,
    /// What connects to push endpoints, or only looks at their addresses.
    pub(crate) transport: Transport,
}

impl Process {
    /// One that has just started.
    pub(crate) fn new(config: Config) -> Result<Self, RunError> {
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
        let transport = Transport::new(&config.push, Arc::clone(&clock))?;
        Ok(Self { config, clock, info, readiness, metrics, damage: Arc::default(), transport })
    }
}
