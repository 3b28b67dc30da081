//! How long a failed message waits: pure functions of the policy, the message and its failures.
//!
//! Jitter is hashed, so that a decision can be made again and come out the same; the result is kept in the record,
//! so a replay does not depend on floating-point arithmetic.

use std::time::Duration;

use types::{BackoffShape, ExponentialBackoff, PhasedBackoff, RetryPolicy, Sequence, SubscriptionUid};

/// What spreads the waits of messages that failed together.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seed {
    pub(crate) uid: SubscriptionUid,
    pub(crate) sequence: Sequence,
}

/// The wait after the given number of failures, at least 1.
pub(crate) fn backoff(policy: &RetryPolicy, seed: Seed, failures: u32) -> Duration {
    match policy {
        RetryPolicy::Exponential(policy) => exponential(policy, seed, failures),
        RetryPolicy::Phased(policy) => phased(policy, failures),
    }
}

/// The longest wait that the policy gives.
pub(crate) fn longest(policy: &RetryPolicy) -> Duration {
    match policy {
        RetryPolicy::Exponential(policy) => policy.max_backoff,
        RetryPolicy::Phased(policy) => policy.max_delay,
    }
}

fn exponential(policy: &ExponentialBackoff, seed: Seed, failures: u32) -> Duration {
    // Finite, so that a shortest wait of zero stays zero however often it is multiplied.
    let factor = policy.multiplier.powf(f64::from(failures.saturating_sub(1))).min(1e15);
    let computed = scaled(policy.min_backoff, factor).min(policy.max_backoff);
    if policy.jitter { spread(policy.min_backoff, computed, hash(seed, failures)) } else { computed }
}

/// Evenly between the two, ends included.
fn spread(low: Duration, high: Duration, hash: u64) -> Duration {
    let span = high.saturating_sub(low).as_micros() + 1;
    let part = (span * u128::from(hash)) >> 64;
    low + Duration::from_micros(u64::try_from(part).unwrap_or(u64::MAX))
}

/// The `failures`-th retry is in one of SNS's four phases, which follow each other.
fn phased(policy: &PhasedBackoff, failures: u32) -> Duration {
    let Some(retry) = failures.checked_sub(policy.no_delay_retries).filter(|retry| *retry > 0) else {
        return Duration::ZERO;
    };
    let Some(retry) = retry.checked_sub(policy.min_delay_retries).filter(|retry| *retry > 0) else {
        return policy.min_delay;
    };
    if retry > policy.backoff_retries {
        return policy.max_delay;
    }
    growing(policy, retry)
}

/// The backoff phase: its first retry waits `min_delay`, its last `max_delay`, as does an only one.
fn growing(policy: &PhasedBackoff, retry: u32) -> Duration {
    let steps = f64::from(policy.backoff_retries - 1);
    if retry == policy.backoff_retries {
        return policy.max_delay;
    }
    let step = f64::from(retry - 1);
    let span = policy.max_delay.saturating_sub(policy.min_delay);
    let wait = match policy.shape {
        BackoffShape::Linear => policy.min_delay + scaled(span, step / steps),
        BackoffShape::Arithmetic => {
            policy.min_delay + scaled(span, step * (step + 1.0) / (steps * (steps + 1.0)))
        }
        BackoffShape::Geometric => geometric(policy, step / steps),
        // (2^step - 1) / (2^steps - 1), written so that it does not overflow.
        BackoffShape::Exponential => {
            let start = (-steps).exp2();
            policy.min_delay + scaled(span, ((step - steps).exp2() - start) / (1.0 - start))
        }
    };
    wait.max(policy.min_delay).min(policy.max_delay)
}

/// Equal factors need a start above zero: from zero they begin at a millisecond.
fn geometric(policy: &PhasedBackoff, part: f64) -> Duration {
    let start = policy.min_delay.max(Duration::from_millis(1)).min(policy.max_delay);
    if part == 0.0 || start.is_zero() {
        return policy.min_delay;
    }
    scaled(start, policy.max_delay.div_duration_f64(start).powf(part))
}

/// Total, unlike `Duration::mul_f64`: what no duration can hold is the longest one.
fn scaled(duration: Duration, factor: f64) -> Duration {
    Duration::try_from_secs_f64(duration.as_secs_f64() * factor).unwrap_or(Duration::MAX)
}

/// Every bit of the result depends on every bit of the three numbers.
fn hash(seed: Seed, failures: u32) -> u64 {
    [seed.uid.0, seed.sequence, u64::from(failures)].into_iter().fold(0, |hash, word| mix(hash ^ word))
}

/// The finaliser of SplitMix64 (Steele, Lea, Flood 2014), a bijection that passes the usual tests of randomness.
fn mix(word: u64) -> u64 {
    let word = word.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

#[cfg(test)]
mod tests;
