use super::*;
use crate::clock;

const SECOND: Duration = Duration::from_secs(1);

fn terms(first: u64, extension: Option<u64>, longest: u64) -> Terms {
    let seconds = Duration::from_secs;
    Terms { first: seconds(first), extension: extension.map(seconds), longest: seconds(longest) }
}

/// Under a ticket that is ten times the sequence.
fn lease(sequence: u64, ack_id: &str) -> Lease {
    Lease { ticket: Ticket { sequence, number: sequence * 10 }, ack_id: ack_id.into(), attempt: 1 }
}

/// Of four bytes.
fn take(leases: &mut Leases, since: Instant, lease: Lease) {
    leases.take(since, lease, 4);
}

/// When and by how much the lease of one message is extended while time goes on in steps of half a second.
fn extensions(leases: &mut Leases, start: Instant, seconds: u32) -> Vec<(Duration, Option<Duration>)> {
    let steps = (0..=seconds * 2).map(|step| start + SECOND / 2 * step);
    let mut extensions = Vec::new();
    for now in steps {
        extensions.extend(leases.extend(now, 10).into_iter().map(|extension| (now - start, extension.by)));
    }
    extensions
}

#[tokio::test]
async fn a_lease_is_extended_when_half_of_it_is_over_and_no_further_than_its_longest() {
    let start = clock::now();
    let mut leases = Leases::new(terms(10, None, 22));
    take(&mut leases, start, lease(1, "a"));
    // The last one is shorter: what is left.
    let expected = [(SECOND * 5, None), (SECOND * 10, None), (SECOND * 15, Some(SECOND * 7))];
    assert_eq!(extensions(&mut leases, start, 60), expected);
    assert_eq!(leases.next_due(), None);
}

#[tokio::test]
async fn extensions_can_have_another_length_than_the_first_lease() {
    let start = clock::now();
    let mut leases = Leases::new(terms(10, Some(4), 12));
    take(&mut leases, start, lease(1, "a"));
    let four = Some(SECOND * 4);
    // At 9 s there are 3 s left of the longest time.
    let expected = [(SECOND * 5, four), (SECOND * 7, four), (SECOND * 9, Some(SECOND * 3))];
    assert_eq!(extensions(&mut leases, start, 60), expected);
}

#[tokio::test]
async fn a_lease_that_lasts_as_long_as_it_may_is_not_extended() {
    let start = clock::now();
    for longest in [0, 5, 10] {
        let mut leases = Leases::new(terms(10, None, longest));
        take(&mut leases, start, lease(1, "a"));
        assert_eq!(extensions(&mut leases, start, 60), [], "{longest}");
    }
}

#[tokio::test]
async fn a_longest_time_without_end_is_no_overflow() {
    let start = clock::now();
    let mut leases = Leases::new(Terms { longest: Duration::MAX, ..terms(43_200, Some(43_200), 0) });
    take(&mut leases, start, lease(1, "a"));
    assert_eq!(leases.extend(start + SECOND * 21_600, 10).len(), 1);
}

#[tokio::test]
async fn what_is_due_nearly_together_goes_together_and_at_most_so_many() {
    let start = clock::now();
    let mut leases = Leases::new(terms(40, None, 3_600));
    for number in 0..10 {
        take(&mut leases, start + SECOND / 5 * number, lease(number.into(), "a"));
    }
    assert_eq!(leases.extend(start + SECOND * 19, 100), []);
    let due = start + SECOND * 20;
    assert_eq!(leases.next_due(), Some(due));
    assert_eq!(leases.extend(due, 3).len(), 3);
    let due = start + SECOND * 20 + SECOND / 5 * 3;
    assert_eq!(leases.next_due(), Some(due));
    assert_eq!(leases.extend(due, 100).len(), 7);
    assert_eq!(leases.extend(due, 100), []);
}

#[tokio::test]
async fn a_redelivery_takes_the_place_of_the_lease_and_keeps_the_longest_time() {
    let start = clock::now();
    let mut leases = Leases::new(terms(10, None, 22));
    take(&mut leases, start, lease(1, "a"));
    leases.refused(1, "a");
    assert_eq!(extensions(&mut leases, start, 9), [], "a lost lease is not extended");
    leases.adopt(start + SECOND * 10, Lease { attempt: 2, ..lease(1, "b") });
    leases.refused(1, "a");
    let expected = [(SECOND * 15, Some(SECOND * 7))];
    assert_eq!(extensions(&mut leases, start, 60), expected);
    assert_eq!((leases.len(), leases.bytes()), (1, 4));
    let lease = leases.release(10).unwrap();
    assert_eq!((lease.ack_id.as_str(), lease.attempt), ("b", 2));
    assert_eq!((leases.len(), leases.bytes(), leases.next_due()), (0, 0, None));
    assert_eq!(leases.release(10), None, "once");
}

#[tokio::test]
async fn a_handle_of_an_earlier_handing_out_releases_nothing() {
    let start = clock::now();
    let mut leases = Leases::new(terms(10, None, 22));
    take(&mut leases, start, lease(1, "a"));
    leases.release(10).unwrap();
    let second = Lease { ticket: Ticket { sequence: 1, number: 11 }, ..lease(1, "b") };
    take(&mut leases, start, second.clone());
    assert_eq!(leases.release(10), None);
    assert_eq!(leases.release(11), Some(second));
}

#[tokio::test]
async fn what_is_held_for_a_while_when_it_comes_is_due_when_half_of_its_lease_is_over() {
    let start = clock::now();
    let mut leases = Leases::new(terms(10, None, 3_600));
    assert_eq!(leases.half(), Some(SECOND * 5));
    take(&mut leases, start, lease(1, "a"));
    assert_eq!(leases.extend(start + SECOND * 4, 10), []);
    assert_eq!(leases.extend(start + SECOND * 7, 10).len(), 1);
    assert_eq!(Leases::new(terms(10, None, 0)).half(), None);
}

#[tokio::test]
async fn on_a_new_connection_all_are_extended_at_once() {
    let start = clock::now();
    let mut leases = Leases::new(terms(10, None, 3_600));
    take(&mut leases, start, lease(1, "a"));
    take(&mut leases, start, lease(2, "b"));
    leases.refused(2, "b");
    leases.all_due(start + SECOND);
    assert_eq!(leases.extend(start + SECOND, 10).len(), 2);
}

#[tokio::test]
async fn on_a_new_connection_the_last_extension_is_made_again_since_it_may_not_have_been() {
    let start = clock::now();
    let mut leases = Leases::new(terms(10, Some(600), 300));
    take(&mut leases, start, lease(1, "a"));
    assert_eq!(leases.extend(start + SECOND * 5, 10)[0].by, Some(SECOND * 295));
    assert_eq!(leases.next_due(), None);
    leases.all_due(start + SECOND * 6);
    let again = leases.extend(start + SECOND * 6, 10);
    assert_eq!(again, [Extension { sequence: 1, ack_id: "a".into(), by: Some(SECOND * 294) }]);
    leases.all_due(start + SECOND * 300);
    assert_eq!(leases.extend(start + SECOND * 300, 10), []);
}
