//! What all topics and subscriptions of one broker share.

use std::{
    hash::{BuildHasher as _, RandomState},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
};

use journal::Journal;
use tokio::sync::Notify;

use crate::{
    Config, ReadContent, Unavailable, cache::CacheBudget, deadlines::Deadlines, push::Endpoints, time::Time,
};

pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) journal: Arc<dyn Journal>,
    pub(crate) time: Time,
    /// Tells what is in a payload.
    pub(crate) contents: Arc<dyn ReadContent>,
    pub(crate) deadlines: Deadlines,
    pub(crate) endpoints: Endpoints,
    pub(crate) cache: Arc<CacheBudget>,
    pub(crate) totals: Counters,
    /// Matches of filter policies in the lists of all topics.
    pub(crate) listed: Arc<AtomicUsize>,
    /// Keys the hashes of what clients send, so that they cannot choose what collides.
    pub(crate) hash_seed: u64,
    /// Counts the starts of this data directory, so that no lease identifier is given out twice.
    pub(crate) boot: u32,
    draining: AtomicBool,
    /// A topic's log has grown too much to wait for the next round of upkeep.
    pub(crate) upkeep_due: Arc<Notify>,
}

/// Totals since the process started.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) published: AtomicU64,
    pub(crate) published_bytes: AtomicU64,
    pub(crate) deduplicated: AtomicU64,
    pub(crate) deliveries: AtomicU64,
    pub(crate) acked: AtomicU64,
    pub(crate) failed_attempts: AtomicU64,
    pub(crate) dead_lettered: AtomicU64,
    /// Positions that readers found damaged, each time they did.
    pub(crate) damaged: AtomicU64,
}

impl Shared {
    pub(crate) fn new(
        config: Config,
        journal: Arc<dyn Journal>,
        time: Time,
        contents: Arc<dyn ReadContent>,
        boot: u32,
    ) -> Self {
        Self {
            cache: CacheBudget::new(config.tail_cache_bytes),
            config,
            journal,
            time,
            contents,
            deadlines: Deadlines::default(),
            endpoints: Endpoints::default(),
            totals: Counters::default(),
            listed: Arc::default(),
            hash_seed: RandomState::new().hash_one(boot),
            boot,
            draining: AtomicBool::new(false),
            upkeep_due: Arc::default(),
        }
    }

    pub(crate) fn start_drain(&self) {
        self.draining.store(true, Ordering::Release);
    }

    /// No new work once the broker is being shut down.
    pub(crate) fn check_serving(&self) -> Result<(), Unavailable> {
        if self.draining.load(Ordering::Acquire) { Err(Unavailable::Draining) } else { Ok(()) }
    }
}

/// Adds to a total.
pub(crate) fn count(total: &AtomicU64, by: u64) {
    total.fetch_add(by, Ordering::Relaxed);
}
