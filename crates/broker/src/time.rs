//! The broker's time: the clock's, moved so that it never lies before anything the log has recorded.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use types::{Clock, Timestamp};

pub(crate) struct Time {
    clock: Arc<dyn Clock>,
    /// Microseconds by which the clock is behind what the log has seen; set during recovery.
    ahead: AtomicU64,
}

impl Time {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, ahead: AtomicU64::new(0) }
    }

    pub(crate) fn now(&self) -> Timestamp {
        let now = self.clock.now().as_micros();
        Timestamp::from_micros(now.saturating_add(self.ahead.load(Ordering::Relaxed)))
    }

    /// The log holds this time, so it is not later than now. If the machine's clock was set back since, the broker's
    /// goes on from here: a lease still lasts as long as it should.
    pub(crate) fn not_before(&self, seen: Timestamp) {
        let behind = seen.as_micros().saturating_sub(self.clock.now().as_micros());
        self.ahead.fetch_max(behind, Ordering::Relaxed);
    }
}

impl std::fmt::Debug for Time {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Time").field(&self.now()).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use types::ManualClock;

    use super::*;

    #[test]
    fn a_clock_that_was_set_back_goes_on_from_what_the_log_has_seen() {
        let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1_000)));
        let time = Time::new(clock.clone());
        time.not_before(Timestamp::from_millis(5_000));
        assert_eq!(time.now(), Timestamp::from_millis(5_000));
        clock.advance(Duration::from_secs(1));
        assert_eq!(time.now(), Timestamp::from_millis(6_000));
    }
}
