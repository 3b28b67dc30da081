use super::*;

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn trip(at: Duration, in_flight: usize) -> RoundTrip {
    RoundTrip { started: at, ended: at + Duration::from_millis(10), in_flight }
}

fn gates(change: impl FnOnce(&mut PushSettings)) -> Gates {
    let mut push = PushSettings::default();
    change(&mut push);
    Gates::new(&push, 7)
}

fn fail(gates: &mut Gates, at: Duration, times: usize) -> Vec<Turn> {
    (0..times).map(|_| gates.settle(trip(at, 1), Health::Bad, 0, false)).collect()
}

#[test]
fn a_new_endpoint_gets_one_message_and_then_two() {
    let mut gates = gates(|_| {});
    assert_eq!(gates.allowance(seconds(0), 0), Allowance::Messages(1));
    assert_eq!(gates.allowance(seconds(0), 1), Allowance::Full);
    gates.settle(trip(seconds(0), 1), Health::Good, 1, false);
    assert_eq!(gates.allowance(seconds(0), 0), Allowance::Messages(2));
}

#[test]
fn a_request_to_an_endpoint_of_batches_holds_that_many() {
    let gates = gates(|push| push.max_batch = 50);
    assert_eq!(gates.allowance(seconds(0), 0), Allowance::Messages(50));
}

#[test]
fn the_owners_rate_bounds_what_may_be_leased() {
    let mut gates = gates(|push| {
        push.max_batch = 50;
        push.max_receives_per_second = Some(20.0);
    });
    assert_eq!(gates.allowance(seconds(0), 0), Allowance::Messages(2));
    gates.take(seconds(0), 2, false);
    assert_eq!(gates.allowance(seconds(0), 0), Allowance::NotBefore(Duration::from_millis(50)));
    assert_eq!(gates.rate_limit(seconds(0)), Some(20.0));
}

#[test]
fn poison_messages_neither_open_the_breaker_nor_lower_the_concurrency() {
    let mut gates = gates(|_| {});
    (0..4).for_each(|_| {
        gates.settle(trip(seconds(0), 64), Health::Good, 1, false);
    });
    for _ in 0..1_000 {
        assert_eq!(gates.settle(trip(seconds(0), 1), Health::Picky, 0, false), Turn::None);
    }
    assert_eq!(gates.allowance(seconds(1), 0), Allowance::Messages(5));
}

#[test]
fn a_poison_message_as_the_probe_shows_that_the_endpoint_is_back() {
    let mut gates = gates(|_| {});
    assert_eq!(fail(&mut gates, seconds(0), 10).last(), Some(&Turn::Opened));
    assert_eq!(gates.allowance(seconds(10), 0), Allowance::Probe);
    gates.take(seconds(10), 1, true);
    assert_eq!(gates.allowance(seconds(10), 1), Allowance::Full);
    assert_eq!(gates.settle(trip(seconds(10), 1), Health::Picky, 0, true), Turn::Closed);
}

#[test]
fn a_probe_that_never_reached_the_endpoint_is_made_again() {
    let mut gates = gates(|_| {});
    fail(&mut gates, seconds(0), 10);
    gates.take(seconds(10), 1, true);
    assert_eq!(gates.settle(trip(seconds(10), 1), Health::Unknown, 0, true), Turn::None);
    assert_eq!(gates.allowance(seconds(11), 0), Allowance::Probe);
}

#[test]
fn after_an_outage_it_starts_with_one_again() {
    let mut gates = gates(|_| {});
    (0..50).for_each(|_| {
        gates.settle(trip(seconds(0), 64), Health::Good, 1, false);
    });
    fail(&mut gates, seconds(1), 10);
    gates.take(seconds(10), 1, true);
    assert_eq!(gates.settle(trip(seconds(10), 1), Health::Good, 1, true), Turn::Closed);
    assert_eq!(gates.allowance(seconds(11), 0), Allowance::Messages(1));
}
