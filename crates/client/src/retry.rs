//! What is tried again, and after which wait.

use std::time::Duration;

use crate::ServerError;

/// How often and for how long something is tried again.
///
/// The wait before the n-th retry is between half and all of `initial * 2^(n - 1)`, at most `longest`; if the broker asks for a longer one
/// (`google.rpc.RetryInfo`), that long, up to the larger of `longest` and `within`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct RetryPolicy {
    /// Before the first retry. Default: 100 ms.
    pub initial: Duration,
    /// Before any retry. Default: 10 s.
    pub longest: Duration,
    /// Until it is given up, counted from the first try. Default: 60 s.
    pub within: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            initial: Duration::from_millis(100),
            longest: Duration::from_secs(10),
            within: Duration::from_secs(60),
        }
    }
}

impl RetryPolicy {
    /// Nothing is tried again.
    pub fn never() -> Self {
        Self { within: Duration::ZERO, ..Self::default() }
    }

    /// This policy with another `within`.
    #[must_use]
    pub fn within(self, within: Duration) -> Self {
        Self { within, ..self }
    }
}

/// The waits of one operation.
#[derive(Debug, Clone)]
pub(crate) struct Backoff {
    policy: RetryPolicy,
    failures: u32,
}

impl Backoff {
    pub(crate) fn new(policy: RetryPolicy) -> Self {
        Self { policy, failures: 0 }
    }

    /// The wait after one more failure, at least as long as the broker asks for; but what comes later is tried in the time of the policy too.
    pub(crate) fn next(&mut self, at_least: Option<Duration>) -> Duration {
        let doubled = self.policy.initial.saturating_mul(1 << self.failures.min(20)).min(self.policy.longest);
        self.failures += 1;
        let spread = doubled / 2 + (doubled / 2).mul_f64(fraction());
        let longest = self.policy.within.max(self.policy.longest);
        spread.max(at_least.unwrap_or_default().min(longest))
    }

    /// It works again.
    pub(crate) fn reset(&mut self) {
        self.failures = 0;
    }
}

/// Evenly between 0 and 1, so that clients that failed together do not come back together.
fn fraction() -> f64 {
    let mut bits = [0; 4];
    // Without randomness the wait is the longest of the range.
    match getrandom::fill(&mut bits) {
        Ok(()) => f64::from(u32::from_le_bytes(bits)) / f64::from(u32::MAX),
        Err(_) => 1.0,
    }
}

/// Whether a call may be made again after this error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// Doing it twice is as good as doing it once.
    Safe,
    /// Only what was refused, not what may have been done.
    IfRefused,
}

impl Repeat {
    pub(crate) fn allows(self, error: &ServerError) -> bool {
        error.is_transient() && (self == Self::Safe || error.is_certainly_undone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_the_longest_and_start_again_after_a_success() {
        let mut backoff = Backoff::new(RetryPolicy::default());
        let waits: Vec<_> = (0..12).map(|_| backoff.next(None)).collect();
        assert!(waits[0] >= Duration::from_millis(50) && waits[0] <= Duration::from_millis(100), "{waits:?}");
        assert!(waits[11] >= Duration::from_secs(5) && waits[11] <= Duration::from_secs(10), "{waits:?}");
        backoff.reset();
        assert!(backoff.next(None) <= Duration::from_millis(100));
    }

    #[test]
    fn the_broker_can_ask_for_a_longer_wait() {
        let mut backoff = Backoff::new(RetryPolicy::default());
        assert_eq!(backoff.next(Some(Duration::from_secs(5))), Duration::from_secs(5));
    }

    #[test]
    fn the_broker_cannot_ask_for_a_wait_that_outlasts_the_policy() {
        let hour = Some(Duration::from_secs(3_600));
        let wait = |policy| Backoff::new(policy).next(hour);
        assert_eq!(wait(RetryPolicy::default()), Duration::from_secs(60));
        assert_eq!(wait(RetryPolicy::never()), Duration::from_secs(10));
        assert_eq!(wait(RetryPolicy::default().within(Duration::MAX)), Duration::from_secs(3_600));
    }
}
