use proptest::prelude::*;

use super::*;

const SEED: Seed = Seed { uid: SubscriptionUid(7), sequence: 42 };

fn exponential_policy(jitter: bool) -> RetryPolicy {
    RetryPolicy::Exponential(ExponentialBackoff { jitter, ..ExponentialBackoff::default() })
}

fn phases(shape: BackoffShape, backoff_retries: u32) -> PhasedBackoff {
    PhasedBackoff {
        no_delay_retries: 2,
        min_delay_retries: 3,
        backoff_retries,
        max_delay_retries: 1,
        min_delay: Duration::from_secs(1),
        max_delay: Duration::from_secs(61),
        shape,
    }
}

/// The waits of the backoff phase, in seconds.
fn growth(policy: &PhasedBackoff) -> Vec<f64> {
    (6..6 + policy.backoff_retries).map(|failures| phased(policy, failures).as_secs_f64()).collect()
}

#[test]
fn without_jitter_each_wait_is_twice_the_one_before_up_to_the_longest() {
    let policy = exponential_policy(false);
    let waits: Vec<_> = (1..=12).map(|failures| backoff(&policy, SEED, failures).as_secs()).collect();
    assert_eq!(waits, [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 600, 600]);
    assert_eq!(backoff(&policy, SEED, u32::MAX), longest(&policy));
}

#[test]
fn a_shortest_wait_of_zero_stays_zero() {
    let policy = ExponentialBackoff { min_backoff: Duration::ZERO, ..ExponentialBackoff::default() };
    assert_eq!(exponential(&policy, SEED, u32::MAX), Duration::ZERO);
}

#[test]
fn jitter_spreads_evenly_over_the_whole_range() {
    let policy = exponential_policy(true);
    // After the fifth failure: 1 s to 16 s, in fifteen parts of one second.
    let mut parts = [0_u32; 15];
    for sequence in 0..15_000 {
        let wait = backoff(&policy, Seed { sequence, ..SEED }, 5);
        assert!((Duration::from_secs(1)..=Duration::from_secs(16)).contains(&wait));
        parts[usize::try_from(wait.as_secs() - 1).unwrap().min(14)] += 1;
    }
    assert!(parts.iter().all(|part| (850..1_150).contains(part)), "{parts:?}");
}

#[test]
fn jitter_depends_on_subscription_message_and_failure_alone() {
    let policy = exponential_policy(true);
    let wait = backoff(&policy, SEED, 8);
    assert_eq!(backoff(&policy, SEED, 8), wait);
    assert_ne!(backoff(&policy, Seed { sequence: 43, ..SEED }, 8), wait);
    assert_ne!(backoff(&policy, Seed { uid: SubscriptionUid(8), ..SEED }, 8), wait);
}

#[test]
fn the_four_phases_follow_each_other() {
    let policy = RetryPolicy::Phased(phases(BackoffShape::Linear, 4));
    let waits: Vec<_> = (1..=11).map(|failures| backoff(&policy, SEED, failures).as_secs()).collect();
    assert_eq!(waits, [0, 0, 1, 1, 1, 1, 21, 41, 61, 61, 61]);
}

#[test]
fn each_shape_grows_in_its_own_way() {
    let of = |shape| growth(&phases(shape, 5)).into_iter().map(f64::round).collect::<Vec<_>>();
    assert_eq!(of(BackoffShape::Linear), [1.0, 16.0, 31.0, 46.0, 61.0]);
    assert_eq!(of(BackoffShape::Arithmetic), [1.0, 7.0, 19.0, 37.0, 61.0]);
    assert_eq!(of(BackoffShape::Geometric), [1.0, 3.0, 8.0, 22.0, 61.0]);
    assert_eq!(of(BackoffShape::Exponential), [1.0, 5.0, 13.0, 29.0, 61.0]);
}

#[test]
fn a_backoff_phase_of_one_retry_waits_the_longest() {
    assert_eq!(growth(&phases(BackoffShape::Geometric, 1)), [61.0]);
}

fn shape() -> impl Strategy<Value = BackoffShape> {
    prop::sample::select(vec![
        BackoffShape::Linear,
        BackoffShape::Arithmetic,
        BackoffShape::Geometric,
        BackoffShape::Exponential,
    ])
}

proptest! {
    #[test]
    fn every_shape_grows_from_the_shortest_to_the_longest(
        shape in shape(), retries in 2_u32..2_000, low in 0_u64..100_000, span in 0_u64..86_400_000,
    ) {
        let mut policy = phases(shape, retries);
        policy.min_delay = Duration::from_millis(low);
        policy.max_delay = Duration::from_millis(low + span);
        let waits = growth(&policy);
        prop_assert_eq!(waits[0], policy.min_delay.as_secs_f64());
        prop_assert_eq!(waits[waits.len() - 1], policy.max_delay.as_secs_f64());
        prop_assert!(waits.is_sorted(), "{:?}", waits);
    }

    #[test]
    fn no_wait_is_out_of_its_bounds(
        low in 0_u64..10_000, span in 0_u64..100_000, multiplier in 1.0_f64..100.0,
        jitter: bool, failures: u32, sequence: u64,
    ) {
        let min_backoff = Duration::from_millis(low);
        let max_backoff = Duration::from_millis(low + span);
        let policy = ExponentialBackoff { min_backoff, max_backoff, multiplier, jitter };
        let wait = exponential(&policy, Seed { sequence, ..SEED }, failures);
        prop_assert!((min_backoff..=max_backoff).contains(&wait), "{:?}", wait);
    }
}
