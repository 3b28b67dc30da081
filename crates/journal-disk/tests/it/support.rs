//! What several suites use.

use std::{
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use journal_disk::{Config, DiskJournal};
use types::{Clock, ManualClock, Timestamp};

/// Small enough that everything happens within a few hundred bytes.
pub fn small() -> Config {
    Config {
        segment_bytes: 2_000,
        chunk_min_bytes: 1_024,
        chunk_max_bytes: 4_096,
        reserve_bytes: 4_096,
        ..Config::default()
    }
}

pub fn clock() -> Arc<dyn Clock> {
    Arc::new(ManualClock::at(Timestamp::from_micros(1_000_000)))
}

/// Runs a future to its end on this thread, doing the committers' work whenever it waits.
pub fn drive<T>(journal: &DiskJournal, future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(outcome) = future.as_mut().poll(&mut context) {
            return outcome;
        }
        assert!(journal.step(), "the future waits, and there is nothing to do");
    }
}
