use std::{collections::HashMap, time::Duration};

use super::bucket::Bucket;

/// Retries that each success pays for.
const PER_SUCCESS: f64 = 0.1;
/// That are paid for and not made, at most.
const SAVED: f64 = 1_000.0;
/// Retries a second that nobody has to pay for, and how many of them may come at once.
const FREE: (f64, u32) = (1.0, 10);
/// How long a retry is put off: at least and at most.
const WAIT: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));
/// A retry that has been put off for so long is made whatever there is: it may hold an ordering key, and the others must not wait for ever.
const LONGEST: Duration = Duration::from_secs(300);
/// Messages that are known to be put off, at most.
const KNOWN: usize = 4_096;
/// How fast the rate of successes, by which retries are put off, is forgotten.
const FORGET: f64 = 10.0;

/// Retries are a small share of what succeeds, so that an endpoint that is in trouble is not buried under them, and a few beside, so that
/// one that has nothing but retries left goes on.
#[derive(Debug, Clone)]
pub(crate) struct Budget {
    saved: f64,
    free: Bucket,
    /// Successes a second, roughly.
    rate: f64,
    rate_at: Duration,
    /// When the next retry that is put off comes.
    next_slot: Duration,
    /// Since when each is put off, by its sequence.
    put_off: HashMap<u64, Duration>,
}

impl Budget {
    /// Nothing saved yet.
    pub(crate) fn new() -> Self {
        let (per_second, burst) = FREE;
        Self {
            saved: 0.0,
            free: Bucket::with_burst(per_second, burst),
            rate: 0.0,
            rate_at: Duration::ZERO,
            next_slot: Duration::ZERO,
            put_off: HashMap::new(),
        }
    }

    /// So many succeeded.
    pub(crate) fn earn(&mut self, now: Duration, successes: u32) {
        let successes = f64::from(successes);
        self.saved = (self.saved + successes * PER_SUCCESS).min(SAVED);
        self.decay(now);
        self.rate += successes / FORGET;
    }

    /// Leave to make a retry of this message now. If there is none: how long to put it off.
    pub(crate) fn spend(&mut self, now: Duration, sequence: u64) -> Result<(), Duration> {
        let since = self.put_off.get(&sequence);
        let is_due = since.is_some_and(|since| now.saturating_sub(*since) >= LONGEST);
        if is_due || self.free.try_take(now) || self.take_saved() {
            self.put_off.remove(&sequence);
            return Ok(());
        }
        self.know(now, sequence);
        Err(self.wait(now))
    }

    fn take_saved(&mut self) -> bool {
        let is_there = self.saved >= 1.0;
        if is_there {
            self.saved -= 1.0;
        }
        is_there
    }

    /// Those that do not come back, because they are settled or given up, are forgotten when there is no room.
    fn know(&mut self, now: Duration, sequence: u64) {
        if self.put_off.len() >= KNOWN {
            self.put_off.retain(|_, since| now.saturating_sub(*since) < LONGEST * 2);
        }
        if self.put_off.len() < KNOWN {
            self.put_off.entry(sequence).or_insert(now);
        }
    }

    /// They are spread out at the rate at which they can be made, so that they do not all come back in vain again and again.
    fn wait(&mut self, now: Duration) -> Duration {
        self.decay(now);
        let (least, most) = WAIT;
        let per_second = FREE.0 + self.rate * PER_SUCCESS;
        let slot = self.next_slot.max(now) + Duration::from_secs_f64(1.0 / per_second);
        self.next_slot = slot.min(now + most);
        (self.next_slot - now).max(least)
    }

    fn decay(&mut self, now: Duration) {
        let elapsed = now.saturating_sub(self.rate_at).as_secs_f64();
        self.rate *= (-elapsed / FORGET).exp();
        self.rate_at = now;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn without_any_success_there_are_ten_retries_and_then_one_a_second() {
        let mut budget = Budget::new();
        let made = |budget: &mut Budget, now| (0..50).filter(|&n| budget.spend(now, n).is_ok()).count();
        assert_eq!(made(&mut budget, Duration::ZERO), 10);
        assert_eq!(made(&mut budget, SECOND), 1);
        assert_eq!(made(&mut budget, SECOND * 4), 3);
    }

    #[test]
    fn ten_successes_pay_for_one() {
        let mut budget = Budget::new();
        (0..10).for_each(|n| budget.spend(Duration::ZERO, n).unwrap());
        budget.earn(Duration::ZERO, 29);
        assert!(budget.spend(Duration::ZERO, 10).is_ok());
        assert!(budget.spend(Duration::ZERO, 10).is_ok());
        assert!(budget.spend(Duration::ZERO, 10).is_err());
    }

    #[test]
    fn what_is_put_off_is_spread_out_and_comes_within_a_minute() {
        let mut budget = Budget::new();
        (0..10).for_each(|n| budget.spend(Duration::ZERO, n).unwrap());
        let waits: Vec<_> = (10..110).map(|n| budget.spend(Duration::ZERO, n).unwrap_err()).collect();
        assert_eq!(waits[..3], [SECOND, SECOND * 2, SECOND * 3]);
        assert_eq!(waits[99], SECOND * 60);
    }

    #[test]
    fn no_retry_is_put_off_for_ever_however_many_others_there_are() {
        let mut budget = Budget::new();
        // Three a second, where one can be made.
        let mut coming: BTreeSet<_> =
            (0..3_000).map(|n| (SECOND * u32::try_from(n).unwrap() / 3, n)).collect();
        let mut longest = Duration::ZERO;
        while let Some((now, n)) = coming.pop_first() {
            match budget.spend(now, n) {
                Ok(()) => longest = longest.max(now - SECOND * u32::try_from(n).unwrap() / 3),
                Err(after) => {
                    coming.insert((now + after, n));
                }
            }
            assert!(budget.put_off.len() <= KNOWN);
        }
        assert!(longest >= SECOND * 60 && longest <= LONGEST + WAIT.1, "{longest:?}");
        assert_eq!(budget.put_off.len(), 0);
    }

    #[test]
    fn what_does_not_come_back_is_forgotten() {
        let mut budget = Budget::new();
        (0..10_000).for_each(|n| {
            let _ = budget.spend(Duration::ZERO, n);
        });
        assert_eq!(budget.put_off.len(), KNOWN);
        while budget.spend(LONGEST * 2, 20_000).is_ok() {}
        assert_eq!(budget.put_off.len(), 1);
    }

    proptest! {
        #[test]
        fn retries_are_never_more_than_a_tenth_of_the_successes_and_one_a_second_and_ten(
            steps in prop::collection::vec((0_u64..3_000, 0_u32..200, 0_usize..100), 1..200),
        ) {
            let mut budget = Budget::new();
            let (mut now, mut successes, mut retries) = (Duration::ZERO, 0_u32, 0_usize);
            let mut sequences = 0..;
            for (millis, ok, wanted) in steps {
                now += Duration::from_millis(millis);
                budget.earn(now, ok);
                successes += ok;
                retries += sequences.by_ref().take(wanted).filter(|n| budget.spend(now, *n).is_ok()).count();
                let bound = f64::from(successes) * 0.1 + now.as_secs_f64() + 10.0;
                prop_assert!(retries as f64 <= bound + 1e-6);
            }
        }
    }
}
