//! The time of a broker under test: it stands still, or goes at the machine's pace, and can be put forward.

use std::{sync::Arc, time::Duration};

use types::{Clock, ManualClock, SystemClock, Timestamp};

/// How time passes for the broker when nobody puts its clock forward.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Pace {
    /// Not at all: nothing becomes due that the test has not asked for. A pull that waits for messages waits until they come or the clock is put
    /// forward.
    #[default]
    Still,
    /// As everywhere else.
    Real,
}

/// What the broker reads the time from. Outlives a restart.
#[derive(Debug)]
pub(super) struct TestClock {
    pub(super) pace: Pace,
    wall: SystemClock,
    started: Timestamp,
    /// What it was put forward by, from the beginning of time on.
    ahead: ManualClock,
}

impl TestClock {
    pub(super) fn new(pace: Pace) -> Arc<Self> {
        let wall = SystemClock::start();
        Arc::new(Self { pace, started: wall.now(), wall, ahead: ManualClock::at(Timestamp::EPOCH) })
    }

    pub(super) fn advance(&self, by: Duration) {
        self.ahead.advance(by);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        let without = match self.pace {
            Pace::Still => self.started,
            Pace::Real => self.wall.now(),
        };
        without.plus(self.ahead.now().since(Timestamp::EPOCH))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_stands_still_moves_by_what_it_is_put_forward() {
        let clock = TestClock::new(Pace::Still);
        let before = clock.now();
        assert_eq!(clock.now(), before);
        clock.advance(Duration::from_secs(5));
        clock.advance(Duration::from_millis(1));
        assert_eq!(clock.now().since(before), Duration::from_millis(5_001));
    }

    #[test]
    fn a_clock_of_real_pace_is_put_forward_beside_that() {
        let clock = TestClock::new(Pace::Real);
        let before = clock.now();
        clock.advance(Duration::from_secs(3_600));
        let passed = clock.now().since(before);
        assert!(passed >= Duration::from_secs(3_600) && passed < Duration::from_secs(7_200), "{passed:?}");
    }
}
