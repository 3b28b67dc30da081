//! Waiting for the moment at which something is due.
//!
//! tokio's timers count in milliseconds, and a message that is sent a millisecond late has a millisecond of latency that is not the
//! system's. So a timer of the kernel's is waited for, which is exact to some 50 µs on an idle machine and keeps no processor busy.

use std::time::Duration;

use anyhow::Result;

use crate::Clock;

/// Waits.
pub(crate) trait Pace {
    /// Until the clock shows so much, or a little later. Returns at once if it does already.
    fn until(&mut self, clock: Clock, moment: Duration) -> impl Future<Output = Result<()>> + Send;
}

/// The best there is. In tests it is tokio's, whose clock they move.
pub(crate) fn best() -> Result<impl Pace + Send> {
    #[cfg(all(target_os = "linux", not(test)))]
    return exact::Timer::new();
    #[cfg(not(all(target_os = "linux", not(test))))]
    Ok(Coarse)
}

/// By tokio's timers.
#[cfg(any(test, not(target_os = "linux")))]
pub(crate) struct Coarse;

#[cfg(any(test, not(target_os = "linux")))]
impl Pace for Coarse {
    async fn until(&mut self, clock: Clock, moment: Duration) -> Result<()> {
        let wait = moment.saturating_sub(clock.now());
        if !wait.is_zero() {
            // Cannot time out into anything: it is the wait that is wanted.
            _ = tokio::time::timeout(wait, std::future::pending::<()>()).await;
        }
        Ok(())
    }
}

#[cfg(target_os = "linux")]
mod exact {
    use std::{os::fd::OwnedFd, time::Duration};

    use anyhow::Result;
    use rustix::time::{
        Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
        timerfd_settime,
    };
    use tokio::io::{Interest, unix::AsyncFd};

    use super::Pace;
    use crate::Clock;

    const NEVER: Timespec = Timespec { tv_sec: 0, tv_nsec: 0 };

    /// A timer of the kernel's.
    pub(super) struct Timer(AsyncFd<OwnedFd>);

    impl Timer {
        #[expect(
            deprecated,
            reason = "what is unsound are descriptors that change; this one is owned and does not"
        )]
        pub(super) fn new() -> Result<Self> {
            let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
            let timer = timerfd_create(TimerfdClockId::Monotonic, flags)?;
            Ok(Self(AsyncFd::with_interest(timer, Interest::READABLE)?))
        }
    }

    impl Pace for Timer {
        async fn until(&mut self, clock: Clock, moment: Duration) -> Result<()> {
            let wait = moment.saturating_sub(clock.now());
            if wait.is_zero() {
                return Ok(());
            }
            let value = Timespec::try_from(wait)?;
            let once = Itimerspec { it_interval: NEVER, it_value: value };
            timerfd_settime(self.0.get_ref(), TimerfdTimerFlags::empty(), &once)?;
            loop {
                let mut fired = [0; 8];
                let mut ready = self.0.readable().await?;
                // What is ready from a timer before may be nothing by now.
                if let Ok(read) = ready.try_io(|timer| Ok(rustix::io::read(timer.get_ref(), &mut fired)?)) {
                    read?;
                    return Ok(());
                }
            }
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[tokio::test]
        async fn the_timer_fires_when_it_is_due_and_not_before_each_time() {
            let (mut timer, clock) = (Timer::new().unwrap(), Clock::start());
            for milliseconds in [5, 5, 7, 20] {
                let moment = Duration::from_millis(milliseconds);
                timer.until(clock, moment).await.unwrap();
                assert!(clock.now() >= moment, "{:?}", clock.now());
            }
            timer.until(clock, Duration::ZERO).await.unwrap();
        }
    }
}

/// When each of a row of things is due: evenly, beginning at a moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Schedule {
    pub(crate) start: Duration,
    /// A second.
    pub(crate) rate: u64,
}

const SECOND: u128 = 1_000_000_000;

impl Schedule {
    /// When that one is due, from 0.
    pub(crate) fn due(self, index: u64) -> Duration {
        let nanos = u128::from(index) * SECOND / u128::from(self.rate);
        self.start + Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    /// How many are due by then.
    pub(crate) fn due_by(self, now: Duration) -> u64 {
        let Some(since) = now.checked_sub(self.start) else { return 0 };
        let before = (since.as_nanos() + 1) * u128::from(self.rate);
        u64::try_from(before.div_ceil(SECOND)).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_due_by_the_moment_of_one_is_that_one_and_those_before_it() {
        for rate in [1, 3, 7, 1_000, 999_983] {
            let schedule = Schedule { start: Duration::from_millis(17), rate };
            for index in [0, 1, 2, 10, 1_000, 123_456] {
                let due = schedule.due(index);
                assert_eq!(schedule.due_by(due), index + 1, "{rate} {index}");
                assert!(schedule.due_by(due - Duration::from_nanos(1)) <= index, "{rate} {index}");
            }
        }
        let schedule = Schedule { start: Duration::from_millis(17), rate: 1 };
        assert_eq!(schedule.due_by(Duration::from_millis(16)), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn waiting_takes_until_the_moment_and_no_time_when_it_is_past() {
        let clock = Clock::start();
        Coarse.until(clock, Duration::from_millis(40)).await.unwrap();
        let waited = clock.now();
        assert!(waited >= Duration::from_millis(40) && waited < Duration::from_millis(42), "{waited:?}");
        Coarse.until(clock, Duration::from_millis(30)).await.unwrap();
        assert_eq!(clock.now(), waited);
    }
}
