use queue::LeaseError::{AlreadySettled, Expired, Superseded};
use queue::{LeaseRef, Record};
use types::{LeaseId, SubscriptionSettings};

use crate::support::*;

#[test]
fn messages_are_leased_oldest_first_and_each_once() {
    let mut subject = Subject::with(settings(), &[message(3), message(5), message(9)]);
    assert_eq!(subject.lease_sequences(2), [3, 5]);
    assert_eq!(subject.lease_sequences(2), [9]);
    assert_eq!(subject.lease_sequences(2), []);
}

#[test]
fn a_returned_message_goes_before_newer_ones() {
    let mut subject = Subject::with(settings(), &[message(3), message(5), message(9)]);
    let leased = subject.lease(2);
    subject.nack_after(leased[0], Some(seconds(0))).unwrap();
    assert_eq!(subject.lease_sequences(2), [3, 9]);
}

#[test]
fn an_acknowledged_message_is_settled_once() {
    let mut subject = Subject::with(settings(), &[message(3)]);
    let claim = claim(subject.lease_one());
    assert_eq!(subject.ack(&[claim]), [Ok(())]);
    assert_eq!(subject.ack(&[claim]), [Err(AlreadySettled)]);
    assert_eq!(subject.counts().acked, 1);
    assert_eq!(subject.queue.floor(), 4);
}

#[test]
fn a_claim_repeated_in_one_call_holds_once() {
    let mut subject = Subject::with(settings(), &[message(3), message(5)]);
    let claims = claims(&subject.lease(2));
    let outcomes = subject.ack(&[claims[1], claims[0], claims[1]]);
    assert_eq!(outcomes, [Ok(()), Ok(()), Err(AlreadySettled)]);
    assert_eq!(acknowledged(subject.records.last().unwrap()), Some(vec![3, 5]));
}

#[test]
fn outcomes_are_added_behind_those_of_an_earlier_call() {
    let mut subject = Subject::with(settings(), &[message(3)]);
    let claim = claim(subject.lease_one());
    let mut outcomes = vec![Err(Expired)];
    subject.queue.decide_ack(subject.now, &[claim, claim], &mut outcomes);
    assert_eq!(outcomes, [Err(Expired), Ok(()), Err(AlreadySettled)]);
}

#[test]
fn a_lease_ends_at_its_deadline_and_not_before() {
    let mut subject = Subject::with(settings(), &[message(3)]);
    let leased = subject.lease_one();
    subject.now = leased.deadline.minus(std::time::Duration::from_micros(1));
    assert_eq!(subject.due(), []);
    subject.now = leased.deadline;
    assert_eq!(subject.ack(&[claim(leased)]), [Err(Expired)]);
    assert_eq!(subject.due().len(), 1);
    assert_eq!(subject.counts().failed_attempts, 1);
}

#[test]
fn an_earlier_lease_of_a_message_is_superseded() {
    let mut subject = Subject::with(settings(), &[message(3)]);
    let first = subject.lease_one();
    subject.nack_after(first, Some(seconds(0))).unwrap();
    assert_eq!(subject.ack(&[claim(first)]), [Err(Expired)], "nobody has it");
    let second = subject.lease_one();
    assert_eq!(subject.ack(&[claim(first)]), [Err(Superseded)]);
    assert_eq!(subject.ack(&[claim(second)]), [Ok(())]);
}

#[test]
fn a_claim_to_a_message_that_never_was_is_refused() {
    let mut subject = Subject::with(settings(), &[message(3)]);
    let lease = subject.lease_one().lease;
    let of = |sequence| LeaseRef { sequence, lease };
    assert_eq!(subject.ack(&[of(2), of(4), of(u64::MAX)]), [Err(AlreadySettled), Err(Expired), Err(Expired)]);
    let invented = LeaseRef { sequence: 3, lease: LeaseId(u64::MAX) };
    assert_eq!(subject.ack(&[invented]), [Err(Superseded)]);
}

#[test]
fn an_extended_lease_ends_later_and_can_end_at_once() {
    let mut subject = Subject::with(settings(), &[message(3)]);
    let leased = subject.lease_one();
    subject.advance(seconds(20));
    let deadline = subject.queue.extend(subject.now, claim(leased), seconds(60)).unwrap();
    assert_eq!(deadline, subject.now.plus(seconds(60)));
    assert_eq!(subject.queue.next_deadline(), Some(deadline));
    subject.advance(seconds(59));
    assert_eq!(subject.due(), []);
    subject.queue.extend(subject.now, claim(leased), seconds(0)).unwrap();
    assert_eq!(subject.due().len(), 1);
}

#[test]
fn a_released_message_is_ready_with_no_attempt_counted() {
    let mut subject = Subject::with(settings(), &[message(3)]);
    let first = subject.lease_one();
    assert!(first.first_delivery);
    subject.queue.release(claim(first));
    subject.queue.release(claim(first));
    let second = subject.lease_one();
    assert_eq!((second.attempt, second.first_delivery), (1, false), "it may have been seen");
    assert_eq!(subject.counts().failed_attempts, 0);
}

#[test]
fn no_more_than_the_in_flight_limit_is_leased() {
    let limited = SubscriptionSettings { max_in_flight: 2, ..settings() };
    let mut subject = Subject::with(limited, &[message(3), message(5), message(9)]);
    let leased = subject.lease(10);
    assert_eq!(leased.len(), 2);
    assert_eq!(subject.queue.leasable(subject.now), 0);
    subject.ack(&[claim(leased[0])]);
    assert_eq!(subject.lease_sequences(10), [9]);
}

#[test]
fn a_lease_stops_at_its_bytes_but_a_large_first_message_goes_out() {
    let mut subject = Subject::with(settings(), &[message(3), message(5), message(9)]);
    let bytes = |subject: &mut Subject, bytes| subject.lease_bytes(10, bytes).len();
    assert_eq!(bytes(&mut subject, 10), 1);
    assert_eq!(bytes(&mut subject, 200), 2);
    assert_eq!(bytes(&mut subject, 200), 0);
}

#[test]
fn a_paused_queue_leases_nothing_and_takes_acks() {
    let mut subject = Subject::with(settings(), &[message(3), message(5)]);
    let leased = subject.lease(1)[0];
    subject.write(Record::Paused);
    subject.read(&[message(1_000_000)]);
    assert_eq!(subject.queue.decide_mark(), None, "nothing will go out");
    assert_eq!(subject.lease(10), []);
    assert_eq!(subject.ack(&[claim(leased)]), [Ok(())]);
    subject.write(Record::Resumed);
    assert_eq!(subject.lease_sequences(10), [5, 1_000_000]);
}

#[test]
fn nothing_is_leased_at_or_past_the_delivery_mark() {
    let mut subject = Subject::with(settings(), &[message(3)]);
    let ask = queue::Ask { max_messages: 1, max_bytes: 1 };
    assert_eq!(subject.queue.leasable(subject.now), 1);
    assert_eq!(lease(&mut subject.queue, subject.now, ask), [], "the mark is not durable yet");
    subject.write(Record::DeliveryMark { below: 3 });
    assert_eq!(lease(&mut subject.queue, subject.now, ask), [], "the mark is no promise for 3");
    assert_eq!(subject.lease_sequences(1), [3]);
}

#[test]
fn one_mark_lasts_for_many_deliveries() {
    let mut subject = Subject::new(settings());
    for sequence in 1..=1_000 {
        subject.read(&[message(sequence)]);
        let leased = subject.lease_one();
        assert!(leased.first_delivery);
        subject.ack(&[claim(leased)]);
    }
    let marks = subject.records.iter().filter(|record| matches!(record, Record::DeliveryMark { .. }));
    assert_eq!(marks.count(), 1);
}

#[test]
fn many_runs_take_no_more_room_than_what_they_hold() {
    let messages: Vec<_> = (1..=200).map(message).collect();
    let mut subject = Subject::with(settings(), &messages);
    for pair in subject.lease(200).chunks(2) {
        subject.nack_after(pair[0], Some(seconds(0))).unwrap();
        subject.queue.release(claim(pair[1]));
    }
    let mut runs = Vec::new();
    subject.queue.lease(subject.now, queue::Ask { max_messages: 1_000, max_bytes: u64::MAX }, &mut runs);
    assert_eq!(runs.len(), 200, "every second one is a second attempt");
    let room: usize = runs[1..].iter().map(|run| run.messages.capacity()).sum();
    assert!(room < 1_000, "{room}");
}
