use std::time::Duration;

const SECOND: u128 = 1_000_000_000_000;
/// A burst is a tenth of a second's worth, so that no second has more than 1.1 times the rate and one.
const BURSTS_PER_SECOND: f64 = 10.0;

/// So many a second. It counts in picoseconds and not in tokens, so it is exact however long it runs.
#[derive(Debug, Clone)]
pub(crate) struct Bucket {
    /// Between two.
    interval: u128,
    /// That may come at once.
    burst: u128,
    /// When there will be no debt.
    clear_at: u128,
}

impl Bucket {
    /// Full.
    pub(crate) fn new(per_second: f64) -> Self {
        Self { interval: interval(per_second), burst: burst(per_second), clear_at: 0 }
    }

    /// The same with a burst of one's own.
    pub(crate) fn with_burst(per_second: f64, burst: u32) -> Self {
        Self { burst: u128::from(burst.max(1)), ..Self::new(per_second) }
    }

    /// Another rate from now on; what is owed is still owed.
    pub(crate) fn set_rate(&mut self, now: Duration, per_second: f64) {
        let debt = self.debt(now);
        let before = self.interval;
        self.interval = interval(per_second);
        self.burst = burst(per_second);
        self.clear_at = picos(now) + debt.saturating_mul(self.interval) / before;
    }

    /// The same with another rate.
    pub(crate) fn at_rate(mut self, now: Duration, per_second: f64) -> Self {
        self.set_rate(now, per_second);
        self
    }

    /// How many may go now.
    pub(crate) fn available(&self, now: Duration) -> usize {
        let room = (self.burst * self.interval).saturating_sub(self.debt(now));
        usize::try_from(room / self.interval).unwrap_or(usize::MAX)
    }

    /// Takes so many, also more than there are: then the next come later.
    pub(crate) fn take(&mut self, now: Duration, count: usize) {
        self.clear_at = self.clear_at.max(picos(now)) + self.interval * count as u128;
    }

    /// Takes one if there is one.
    pub(crate) fn try_take(&mut self, now: Duration) -> bool {
        let is_there = self.available(now) > 0;
        if is_there {
            self.take(now, 1);
        }
        is_there
    }

    /// When there is one again, or was.
    pub(crate) fn next_at(&self) -> Duration {
        let at = self.clear_at.saturating_sub((self.burst - 1) * self.interval);
        // Never a moment too early, or who waits would look in vain.
        Duration::from_nanos(u64::try_from(at.div_ceil(1_000)).unwrap_or(u64::MAX))
    }

    fn debt(&self, now: Duration) -> u128 {
        self.clear_at.saturating_sub(picos(now))
    }
}

fn picos(at: Duration) -> u128 {
    at.as_nanos() * 1_000
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "1 to 10^18 picoseconds, rounded up so that the rate is never exceeded"
)]
fn interval(per_second: f64) -> u128 {
    (SECOND as f64 / per_second.clamp(1e-6, 1e9)).ceil() as u128
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "1 to 10^8")]
fn burst(per_second: f64) -> u128 {
    (per_second.clamp(0.0, 1e9) / BURSTS_PER_SECOND).max(1.0) as u128
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn after_a_burst_one_comes_each_interval() {
        let mut bucket = Bucket::new(2.0);
        assert!(bucket.try_take(Duration::ZERO));
        assert!(!bucket.try_take(Duration::from_millis(499)));
        assert_eq!(bucket.next_at(), Duration::from_millis(500));
        assert!(bucket.try_take(Duration::from_millis(500)));
    }

    #[test]
    fn an_idle_time_saves_no_more_than_the_burst() {
        let bucket = Bucket::new(100.0);
        assert_eq!(bucket.available(Duration::from_secs(3_600)), 10);
    }

    #[test]
    fn more_than_there_are_is_paid_back() {
        let mut bucket = Bucket::new(1.0);
        bucket.take(Duration::ZERO, 10);
        assert_eq!(bucket.available(Duration::from_millis(9_999)), 0);
        assert_eq!(bucket.available(Duration::from_secs(10)), 1);
    }

    #[test]
    fn another_rate_keeps_what_is_owed() {
        let mut bucket = Bucket::new(1.0);
        bucket.take(Duration::ZERO, 4);
        bucket.set_rate(Duration::ZERO, 2.0);
        assert_eq!(bucket.next_at(), Duration::from_secs(2));
    }

    proptest! {
        #[test]
        fn no_time_has_more_than_the_rate_and_the_burst_and_little_less(
            rate in 0.01_f64..100_000.0,
            steps in prop::collection::vec((0_u64..2_000_000_000, 0_usize..50), 1..200),
        ) {
            let mut bucket = Bucket::new(rate);
            let (mut now, mut taken) = (Duration::ZERO, 0_usize);
            for (nanos, most) in steps {
                now += Duration::from_nanos(nanos);
                let count = bucket.available(now).min(most);
                bucket.take(now, count);
                taken += count;
                let bound = rate * now.as_secs_f64() + (rate / 10.0).max(1.0);
                prop_assert!(taken as f64 <= bound + 1e-6, "{taken} > {bound}");
            }
        }

        #[test]
        fn who_comes_when_told_is_let_in(rate in 0.01_f64..100_000.0, count in 1_usize..1_000) {
            let mut bucket = Bucket::new(rate);
            for _ in 0..count {
                let now = bucket.next_at();
                prop_assert!(bucket.try_take(now));
            }
            let least = (count as f64 - (rate / 10.0).max(1.0) - 1.0).max(0.0) / rate;
            prop_assert!(bucket.next_at().as_secs_f64() <= count as f64 / rate + 1e-3);
            prop_assert!(bucket.next_at().as_secs_f64() >= least * 0.999);
        }
    }
}
