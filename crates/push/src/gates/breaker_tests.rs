use proptest::prelude::*;

use super::*;

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn breaker() -> Breaker {
    let settings = BreakerSettings { disable_after: Some(seconds(600)), ..BreakerSettings::default() };
    Breaker::new(settings, 7)
}

fn opened() -> Breaker {
    let mut breaker = breaker();
    (0..10).for_each(|_| {
        breaker.failed(seconds(1), false);
    });
    breaker
}

fn next(breaker: &Breaker, now: Duration) -> Duration {
    match breaker.admission(now) {
        Admission::NotBefore(at) => at,
        other => panic!("{other:?}"),
    }
}

#[test]
fn failures_in_a_row_open_it_and_one_success_between_does_not_let_them() {
    let mut breaker = breaker();
    (0..9).for_each(|_| assert!(!breaker.failed(seconds(1), false)));
    breaker.succeeded(seconds(1), false);
    (0..9).for_each(|_| assert!(!breaker.failed(seconds(12), false)));
    assert_eq!(breaker.admission(seconds(12)), Admission::All);
    assert!(breaker.failed(seconds(12), false));
    assert_eq!(breaker.state(seconds(12)), BreakerState::Open);
}

#[test]
fn a_share_of_failures_opens_it_but_not_among_few() {
    let mut breaker = breaker();
    let mut opened_after = None;
    for n in 1..100 {
        let opens =
            if n % 5 == 0 { breaker.succeeded(seconds(3), false) } else { breaker.failed(seconds(3), false) };
        if opens {
            opened_after = Some(n);
            break;
        }
    }
    assert_eq!(opened_after, Some(21));
}

#[test]
fn one_probe_goes_out_when_the_wait_is_over_and_no_other_beside_it() {
    let mut breaker = opened();
    let at = next(&breaker, seconds(1));
    assert!(at >= seconds(6) && at <= seconds(7), "{at:?}");
    assert_eq!(breaker.admission(at), Admission::Probe);
    breaker.begin_probe();
    assert_eq!(breaker.admission(at), Admission::Probing);
    assert_eq!(breaker.admission(at + seconds(100)), Admission::Probing);
    assert_eq!(breaker.state(at), BreakerState::HalfOpen);
}

#[test]
fn each_probe_that_fails_doubles_the_wait_up_to_the_longest() {
    let mut breaker = opened();
    let mut now = seconds(1);
    let mut waits = Vec::new();
    for _ in 0..8 {
        let at = next(&breaker, now);
        waits.push((at - now).as_secs());
        breaker.begin_probe();
        assert!(!breaker.failed(at, true), "it has not been closed in between");
        now = at;
    }
    for (wait, least) in waits.iter().zip([5, 10, 20, 40, 80, 160, 300, 300]) {
        assert!((least..=least * 11 / 10).contains(wait), "{waits:?}");
    }
}

#[test]
fn a_probe_that_succeeds_closes_it_and_the_next_time_starts_with_the_shortest_wait() {
    let mut breaker = opened();
    breaker.begin_probe();
    breaker.failed(seconds(10), true);
    breaker.begin_probe();
    assert!(breaker.succeeded(seconds(30), true));
    assert_eq!(breaker.admission(seconds(30)), Admission::All);
    assert_eq!(breaker.open_since(), None);
    (0..10).for_each(|_| {
        breaker.failed(seconds(31), false);
    });
    assert!(next(&breaker, seconds(31)) < seconds(37));
}

#[test]
fn what_was_under_way_when_it_opened_changes_nothing() {
    let mut breaker = opened();
    let at = next(&breaker, seconds(1));
    (0..100).for_each(|_| {
        breaker.failed(seconds(2), false);
    });
    assert!(!breaker.succeeded(seconds(2), false));
    assert_eq!(next(&breaker, seconds(2)), at);
}

#[test]
fn a_probe_that_came_to_nothing_is_made_again_at_once() {
    let mut breaker = opened();
    breaker.begin_probe();
    breaker.void_probe(seconds(8));
    assert_eq!(breaker.admission(seconds(8)), Admission::Probe);
}

#[test]
fn a_pause_holds_whatever_the_state_is() {
    let mut closed = breaker();
    closed.pause(seconds(20));
    closed.pause(seconds(10));
    assert_eq!(closed.admission(seconds(19)), Admission::NotBefore(seconds(20)));
    assert_eq!(closed.admission(seconds(20)), Admission::All);
    let mut open = opened();
    open.pause(seconds(60));
    assert_eq!(next(&open, seconds(30)), seconds(60));
    assert_eq!(open.admission(seconds(60)), Admission::Probe);
}

#[test]
fn the_time_until_it_is_disabled_counts_from_the_first_opening() {
    let mut breaker = opened();
    breaker.begin_probe();
    breaker.failed(seconds(300), true);
    assert_eq!(breaker.disables_at(), Some(seconds(601)));
    breaker.begin_probe();
    breaker.succeeded(seconds(500), true);
    assert_eq!(breaker.disables_at(), None);
}

proptest! {
    #[test]
    fn while_it_is_open_there_is_at_most_one_probe_in_each_wait(
        seed in any::<u64>(),
        steps in prop::collection::vec(1_u64..20_000, 1..300),
    ) {
        let mut breaker = Breaker::new(BreakerSettings::default(), seed);
        (0..10).for_each(|_| { breaker.failed(Duration::ZERO, false); });
        let (mut now, mut last) = (Duration::ZERO, Duration::ZERO);
        for millis in steps {
            now += Duration::from_millis(millis);
            if breaker.admission(now) == Admission::Probe {
                prop_assert!(now - last >= seconds(5));
                breaker.begin_probe();
                prop_assert_eq!(breaker.admission(now), Admission::Probing);
                breaker.failed(now, true);
                last = now;
            } else {
                prop_assert_ne!(breaker.admission(now), Admission::All);
            }
        }
    }
}
