use std::time::Duration;

use super::bucket::Bucket;

/// Seconds of which the steady rate is the average, more or less.
const MEMORY: f64 = 60.0;
/// Fewer seconds than this say nothing.
const ENOUGH: u32 = 5;
/// The cap grows up to this many times the steady rate: less than twice, since a burst comes on top, and since what goes out evenly may
/// arrive a little closer together.
const MOST: f64 = 1.7;
/// It starts with this share of that.
const START: f64 = 0.125;
/// For how long it grows.
const GROWS: Duration = Duration::from_secs(15);
/// It is never less, in messages a second: else a subscription of few messages would need forever.
const LEAST: f64 = 10.0;
/// After so long the cap goes anyway: a backlog that is not worked off by then is not the outage's.
const LONGEST: Duration = Duration::from_secs(6 * 3_600);

/// Knows how many messages a second an endpoint usually takes, and lets not much more through when it is back from an outage.
#[derive(Debug, Clone)]
pub(crate) struct Ramp {
    /// Messages a second, while all is well.
    steady: f64,
    /// Seconds that it was learnt from, up to [`ENOUGH`].
    learnt: u32,
    /// Which second is under way, and its deliveries and failures.
    second: u64,
    delivered: u32,
    failed: u32,
    /// Seconds with requests under way and no answer: whether they are an outage shows when one comes.
    silent: u64,
    recovery: Option<Recovery>,
}

#[derive(Debug, Clone)]
struct Recovery {
    since: Duration,
    top: f64,
    bucket: Bucket,
}

impl Ramp {
    /// Knows nothing yet.
    pub(crate) fn new() -> Self {
        Self { steady: 0.0, learnt: 0, second: 0, delivered: 0, failed: 0, silent: 0, recovery: None }
    }

    /// Nothing was known before then.
    pub(crate) fn begin_at(&mut self, now: Duration) {
        self.second = now.as_secs();
    }

    /// The time has come so far. To be called before what happened then is counted, and while nothing happens. Seconds with more failures
    /// than successes, those of waiting for a failure, and those after an outage say nothing about the steady rate.
    pub(crate) fn advance(&mut self, now: Duration, is_closed: bool, in_flight: usize) {
        let second = now.as_secs();
        let passed = second.saturating_sub(self.second);
        if passed == 0 {
            return;
        }
        if is_closed && self.recovery.is_none() {
            self.end_second(passed, in_flight);
        }
        (self.second, self.delivered, self.failed) = (second, 0, 0);
        self.grow(now);
    }

    /// So many were taken.
    pub(crate) fn delivered(&mut self, count: u32) {
        self.delivered = self.delivered.saturating_add(count);
    }

    /// An attempt failed.
    pub(crate) fn failed(&mut self) {
        self.failed = self.failed.saturating_add(1);
    }

    /// The endpoint is back.
    pub(crate) fn begin(&mut self, now: Duration) {
        if self.learnt < ENOUGH {
            return;
        }
        let top = (self.steady * MOST).max(LEAST);
        self.recovery = Some(Recovery { since: now, top, bucket: Bucket::new(top * START) });
    }

    /// The endpoint is away again.
    pub(crate) fn cancel(&mut self) {
        self.recovery = None;
    }

    /// The backlog has been worked off.
    pub(crate) fn drained(&mut self) {
        self.recovery = None;
    }

    /// Messages that may go now, and when the next one may if none; nothing if there is no cap.
    pub(crate) fn available(&self, now: Duration) -> Option<(usize, Duration)> {
        let bucket = &self.recovery.as_ref()?.bucket;
        Some((bucket.available(now), bucket.next_at()))
    }

    /// So many go.
    pub(crate) fn take(&mut self, now: Duration, count: usize) {
        if let Some(recovery) = &mut self.recovery {
            recovery.bucket.take(now, count);
        }
    }

    /// The cap in messages a second.
    pub(crate) fn rate(&self, now: Duration) -> Option<f64> {
        self.recovery.as_ref().map(|recovery| recovery.rate(now))
    }

    fn grow(&mut self, now: Duration) {
        self.recovery.take_if(|recovery| now.saturating_sub(recovery.since) > LONGEST);
        if let Some(recovery) = &mut self.recovery {
            let rate = recovery.rate(now);
            recovery.bucket.set_rate(now, rate);
        }
    }

    fn end_second(&mut self, passed: u64, in_flight: usize) {
        if self.failed > self.delivered {
            self.silent = 0;
        } else if self.delivered > 0 || in_flight == 0 {
            let silent = std::mem::take(&mut self.silent);
            self.idle(silent);
            self.learn();
        } else {
            self.silent += 1;
        }
        match in_flight {
            0 => self.idle(passed - 1),
            _ => self.silent += passed - 1,
        }
    }

    fn learn(&mut self) {
        self.learnt = (self.learnt + 1).min(ENOUGH);
        // The first few are averaged, so that the rate is not far too low for a minute.
        let weight = if self.learnt < ENOUGH { 1.0 / f64::from(self.learnt) } else { 1.0 / MEMORY };
        self.steady += (f64::from(self.delivered) - self.steady) * weight;
    }

    /// So many seconds without any message.
    fn idle(&mut self, seconds: u64) {
        self.steady *= (-(seconds as f64) / MEMORY).exp();
    }
}

impl Recovery {
    fn rate(&self, now: Duration) -> f64 {
        let grown = now.saturating_sub(self.since).as_secs_f64() / GROWS.as_secs_f64();
        self.top * (START + (1.0 - START) * grown.min(1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(second: u64) -> Duration {
        Duration::from_secs(second)
    }

    /// Knows so many a second, at the second 100.
    fn steady(rate: u32) -> Ramp {
        let mut ramp = Ramp::new();
        for at in 0..100 {
            ramp.advance(second(at), true, 1);
            ramp.delivered(rate);
        }
        ramp.advance(second(100), true, 1);
        ramp
    }

    /// Messages in each of so many seconds from 1,000 on, of an endless backlog.
    fn drain(ramp: &mut Ramp, seconds: u64) -> Vec<usize> {
        let mut taken = vec![0; usize::try_from(seconds).unwrap()];
        for millis in 0..seconds * 1_000 {
            let now = second(1_000) + Duration::from_millis(millis);
            ramp.advance(now, true, 1);
            let Some((count, _)) = ramp.available(now) else { break };
            ramp.take(now, count);
            ramp.delivered(u32::try_from(count).unwrap());
            taken[usize::try_from(millis / 1_000).unwrap()] += count;
        }
        taken
    }

    #[test]
    fn after_an_outage_no_second_has_more_than_twice_the_steady_rate() {
        let mut ramp = steady(100);
        ramp.begin(second(1_000));
        let taken = drain(&mut ramp, 60);
        assert!(taken.iter().all(|&count| count <= 190), "{taken:?}");
        assert!(taken[0] < 40, "{taken:?}");
        assert!(taken[20..].iter().all(|&count| count >= 165), "{taken:?}");
    }

    #[test]
    fn an_endpoint_of_few_messages_gets_ten_a_second() {
        let mut ramp = steady(1);
        ramp.begin(second(1_000));
        let taken = drain(&mut ramp, 60);
        assert!(taken.iter().all(|&count| count <= 11), "{taken:?}");
        assert!(taken[20..].iter().all(|&count| count >= 9), "{taken:?}");
    }

    #[test]
    fn the_cap_goes_when_the_backlog_is_worked_off() {
        let mut ramp = steady(100);
        ramp.begin(second(1_000));
        assert!(ramp.available(second(1_000)).is_some());
        ramp.drained();
        assert_eq!(ramp.available(second(1_000)), None);
    }

    #[test]
    fn there_is_no_cap_where_no_rate_is_known() {
        let mut ramp = Ramp::new();
        ramp.begin(second(1));
        assert_eq!(ramp.available(second(1)), None);
    }

    #[test]
    fn a_time_without_answers_does_not_lower_the_steady_rate_and_an_idle_time_does() {
        let mut ramp = steady(100);
        (101..160).for_each(|at| ramp.advance(second(at), true, 5));
        assert!((ramp.steady - 100.0).abs() < 1e-6, "{}", ramp.steady);
        ramp.advance(second(220), true, 0);
        assert!(ramp.steady < 60.0, "{}", ramp.steady);
    }

    #[test]
    fn seconds_of_waiting_for_answers_that_come_count_as_what_they_are() {
        let mut ramp = Ramp::new();
        for at in 0..6_000 {
            ramp.advance(second(at), true, 64);
            ramp.delivered(if at % 10 == 0 { 640 } else { 0 });
        }
        assert!(ramp.steady > 50.0 && ramp.steady < 80.0, "{}", ramp.steady);
    }

    #[test]
    fn an_outage_and_what_follows_do_not_count() {
        let mut ramp = steady(100);
        (101..200).for_each(|at| ramp.advance(second(at), false, 0));
        ramp.begin(second(1_000));
        drain(&mut ramp, 60);
        assert!((ramp.steady - 100.0).abs() < 1e-6, "{}", ramp.steady);
    }
}
