//! The one place that knows which engine runs.

use std::{sync::Arc, time::Duration};

use journal::{Journal, JournalError, MemoryJournal};
use journal_disk::{DiskJournal, StdFs};
use telemetry::metrics::{self, Snapshot, Source};
use types::Clock;

use crate::{
    config::{Config, Durability, Engine},
    process::Process,
    run::millis,
};

/// Opens the engine that was chosen, and adds what it counts to the metrics.
///
/// # Errors
/// As the engine says; nothing was changed then.
pub(crate) async fn open(process: &Process) -> Result<Arc<dyn Journal>, JournalError> {
    match process.config.engine {
        Engine::Memory => Ok(Arc::new(MemoryJournal::default())),
        Engine::Disk => {
            let journal = Arc::new(open_disk(&process.config, Arc::clone(&process.clock)).await?);
            let counting = Arc::clone(&journal);
            process.damage.ask_engine(move || counting.stats().damaged);
            process.metrics.add_source(Arc::new(Disk(Arc::clone(&journal))));
            Ok(journal)
        }
    }
}

/// On a blocking thread: it takes the lock, and may fill the reserve with zeros.
async fn open_disk(config: &Config, clock: Arc<dyn Clock>) -> Result<DiskJournal, JournalError> {
    let (directory, settings) = (config.data_dir.clone(), config.disk_engine());
    let open = move || DiskJournal::open(Arc::new(StdFs), directory, settings, clock);
    let opened = tokio::task::spawn_blocking(open).await;
    opened.map_err(|error| JournalError::Io(error.to_string().into()))?
}

/// The disk engine's counters.
#[derive(Debug)]
struct Disk(Arc<DiskJournal>);

impl Source for Disk {
    fn observe(&self, into: &mut Snapshot) {
        let stats = self.0.stats();
        into.value(&metrics::DISK_COMMITS, stats.commits as f64);
        into.value(&metrics::DISK_COMMIT_DURATION, Duration::from_micros(stats.commit_micros).as_secs_f64());
        into.value(&metrics::DISK_BATCHES, stats.frames as f64);
        into.value(&metrics::DISK_WRITTEN_BYTES, stats.bytes as f64);
        into.value(&metrics::DISK_TORN_BYTES, stats.torn_bytes as f64);
        into.value(&metrics::DISK_DAMAGES, stats.damaged as f64);
    }
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
