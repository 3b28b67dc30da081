use queue::LeaseError::{AlreadySettled, FencedBySeek};
use queue::{ExpiryReason, Record};

use crate::support::*;

#[test]
fn a_seek_back_delivers_again_what_was_settled() {
    let mut subject = Subject::with(settings(), &[message(1), message(2)]);
    let leased = subject.lease(2);
    subject.ack(&claims(&leased));
    subject.write(Record::Sought { to: 2 });
    assert_eq!(subject.queue.cursor(), 2);
    subject.read(&[message(2)]);
    let leased = subject.lease_one();
    assert_eq!((leased.sequence, leased.attempt, leased.first_delivery), (2, 1, false));
}

#[test]
fn a_seek_forward_passes_over_what_is_in_hand() {
    let mut subject = Subject::with(settings(), &[message(1), message(2)]);
    subject.write(Record::Sought { to: 9 });
    assert_eq!(subject.lease(2), []);
    assert_eq!(subject.queue.floor(), 9);
    subject.read(&[message(9)]);
    assert!(subject.lease_one().first_delivery, "nothing so far out was delivered");
}

#[test]
fn a_lease_from_before_a_seek_is_fenced() {
    let mut subject = Subject::with(settings(), &[message(1)]);
    let before = subject.lease_one();
    subject.write(Record::Sought { to: 1 });
    assert_eq!(subject.ack(&[claim(before)]), [Err(FencedBySeek)]);
    assert_eq!(subject.nack(before), Err(FencedBySeek));
    subject.read(&[message(1)]);
    assert_eq!(subject.ack(&[claim(before)]), [Err(FencedBySeek)]);
    let after = subject.lease_one();
    assert_eq!(subject.ack(&[claim(after)]), [Ok(())]);
}

#[test]
fn a_seek_forgets_failures_and_leaves_dead_letters() {
    let mut subject = Subject::with(settings(), &[message(1)]);
    subject.exhaust();
    subject.read(&[message(2)]);
    let leased = subject.lease_one();
    subject.nack(leased).unwrap();
    subject.write(Record::Sought { to: 1 });
    subject.read(&[message(1), message(2)]);
    let leased = subject.lease_one();
    assert_eq!((leased.sequence, leased.attempt), (2, 1));
    assert_eq!(subject.counts().dead_letters, 1);
}

#[test]
fn a_trim_ends_what_is_below_and_counts_it() {
    let mut subject = Subject::with(settings(), &[message(1), message(2), message(3)]);
    let leased = subject.lease(1)[0];
    let trim = subject.queue.decide_trim(3, 0, ExpiryReason::RetentionAge).unwrap();
    subject.write(trim);
    assert_eq!(subject.counts().expired_age, 2);
    assert_eq!(subject.ack(&[claim(leased)]), [Err(AlreadySettled)]);
    assert_eq!(subject.queue.decide_trim(3, 0, ExpiryReason::RetentionAge), None);

    let trim = subject.queue.decide_trim(20, 5, ExpiryReason::RetentionBytes).unwrap();
    subject.write(trim);
    assert_eq!((subject.queue.cursor(), subject.counts().expired_bytes), (20, 6));
}
