//! The one place that knows which engine runs.

use std::sync::Arc;

use journal::{Journal, JournalError, MemoryJournal};
use journal_disk::{DiskJournal, StdFs};
use types::Clock;

use crate::{
    config::{Config, Durability, Engine},
    run::millis,
};

/// Opens the engine that was chosen.
///
/// # Errors
/// As the engine says; nothing was changed then.
pub(crate) async fn open(config: &Config, clock: Arc<dyn Clock>) -> Result<Arc<dyn Journal>, JournalError> {
    match config.engine {
        Engine::Memory => Ok(Arc::new(MemoryJournal::default())),
        Engine::Disk => open_disk(config, clock).await,
    }
}

/// On a blocking thread: it takes the lock, and may fill the reserve with zeros.
async fn open_disk(config: &Config, clock: Arc<dyn Clock>) -> Result<Arc<dyn Journal>, JournalError> {
    let (directory, settings) = (config.data_dir.clone(), config.disk_engine());
    let open = move || DiskJournal::open(Arc::new(StdFs), directory, settings, clock);
    let opened = tokio::task::spawn_blocking(open).await;
    let journal = opened.map_err(|error| JournalError::Io(error.to_string().into()))??;
    Ok(Arc::new(journal))
}

/// What an API client may know of it: the engine, and what an accepted message survives.
pub(crate) fn describe(config: &Config) -> (&'static str, &'static str) {
    match (config.engine, config.durability) {
        (Engine::Memory, _) => ("memory", "none"),
        (Engine::Disk, Durability::Fsync) => ("disk", "fsync"),
        (Engine::Disk, Durability::Interval) => ("disk", "interval"),
    }
}

/// Says at start what is promised, and warns where it is less than the default.
pub(crate) fn announce(config: &Config) {
    match (config.engine, config.durability) {
        (Engine::Memory, _) => {
            tracing::warn!(
                engine = "memory",
                "no durability: what is published is gone when the process ends"
            );
        }
        (Engine::Disk, Durability::Fsync) => tracing::info!(
            engine = "disk", durability = "fsync", data_dir = %config.data_dir.display(),
            "what is acknowledged survives a power cut"
        ),
        (Engine::Disk, Durability::Interval) => tracing::warn!(
            engine = "disk", durability = "interval", data_dir = %config.data_dir.display(),
            sync_interval_ms = millis(config.sync_interval),
            "reduced durability: a power cut loses what was acknowledged since the last sync"
        ),
    }
}
