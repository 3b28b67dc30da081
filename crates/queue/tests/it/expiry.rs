use queue::LeaseError::AlreadySettled;
use queue::{ExpiryReason, Offer, Record};
use types::Timestamp;

use crate::support::*;

/// Expires 10 s after the start of a test.
fn short_lived(sequence: u64) -> Offer {
    Offer { expire_at: Timestamp::from_millis(1_000_000).plus(seconds(10)), ..message(sequence) }
}

#[test]
fn an_expired_message_is_never_leased_and_is_counted() {
    let mut subject = Subject::with(settings(), &[short_lived(1), message(2)]);
    assert_eq!(subject.queue.next_deadline(), Some(short_lived(1).expire_at));
    subject.advance(seconds(10));
    assert_eq!(subject.queue.leasable(subject.now), 1);
    assert_eq!(subject.lease_sequences(10), [2]);
    let expired = Record::Expired { sequences: vec![1], reason: ExpiryReason::MessageExpiry };
    assert_eq!(subject.due(), [expired]);
    assert_eq!(subject.counts().expired_message, 1);
}

#[test]
fn one_record_for_each_reason() {
    let by_age = Offer { expiry: ExpiryReason::RetentionAge, ..short_lived(2) };
    let mut subject = Subject::with(settings(), &[short_lived(1), by_age, short_lived(3)]);
    subject.advance(seconds(10));
    let expired = |sequences, reason| Record::Expired { sequences, reason };
    let expected =
        [expired(vec![1, 3], ExpiryReason::MessageExpiry), expired(vec![2], ExpiryReason::RetentionAge)];
    assert_eq!(subject.due(), expected);
}

#[test]
fn a_leased_message_can_be_settled_after_its_life() {
    let mut subject = Subject::with(settings(), &[short_lived(1)]);
    let leased = subject.lease_one();
    subject.advance(seconds(20));
    assert_eq!(subject.due(), []);
    assert_eq!(subject.queue.next_deadline(), Some(leased.deadline));
    assert_eq!(subject.ack(&[claim(leased)]), [Ok(())]);
    assert_eq!(subject.counts().expired_message, 0);
}

#[test]
fn a_message_that_outlived_itself_under_a_lease_expires_when_the_lease_ends() {
    let mut subject = Subject::with(settings(), &[short_lived(1)]);
    let leased = subject.lease_one();
    subject.advance(seconds(30));
    assert_eq!(subject.due().len(), 1);
    let counts = subject.counts();
    assert_eq!((counts.expired_message, counts.failed_attempts), (1, 0));
    assert_eq!(subject.ack(&[claim(leased)]), [Err(AlreadySettled)]);
}

#[test]
fn a_released_message_still_expires() {
    let mut subject = Subject::with(settings(), &[short_lived(1)]);
    let leased = subject.lease_one();
    subject.queue.release(claim(leased));
    assert_eq!(subject.queue.next_deadline(), Some(short_lived(1).expire_at));
    subject.advance(seconds(10));
    assert_eq!(subject.due().len(), 1);
}

#[test]
fn a_delayed_message_is_delivered_at_its_time() {
    let at = Timestamp::from_millis(1_000_000).plus(seconds(5));
    let mut subject = Subject::with(settings(), &[Offer { deliver_at: at, ..message(1) }, message(2)]);
    assert_eq!(subject.lease_sequences(10), [2]);
    assert_eq!((subject.counts().delayed, subject.queue.next_deadline()), (1, Some(at)));
    subject.advance(seconds(5));
    assert_eq!(subject.counts().ready, 1);
    let leased = subject.lease_one();
    assert!(leased.first_delivery);
}

#[test]
fn a_paused_queue_need_not_wake_for_what_becomes_ready() {
    let at = Timestamp::from_millis(1_000_000).plus(seconds(5));
    let mut subject = Subject::with(settings(), &[message(1), Offer { deliver_at: at, ..message(2) }]);
    let leased = subject.lease_one();
    subject.write(Record::Paused);
    assert_eq!(subject.queue.next_deadline(), Some(leased.deadline));
    subject.write(Record::Resumed);
    assert_eq!(subject.queue.next_deadline(), Some(at));
}
