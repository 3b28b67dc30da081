use queue::LeaseError::AlreadySettled;
use queue::{Failure, FailureCause, Record};
use types::{ExhaustedAction, SubscriptionSettings, limits};

use crate::support::*;

#[test]
fn an_exhausted_message_is_dead_lettered_with_its_failures() {
    let mut subject = Subject::with(settings(), &[message(3)]);
    subject.exhaust();
    assert_eq!(subject.lease(1), []);
    let (sequence, letter) = subject.queue.dead_letters().next().unwrap();
    assert_eq!((sequence, letter.failed_attempts, letter.failures.len()), (3, 3, 3));
    assert!(letter.failures.is_sorted_by_key(|failure| failure.at));
    assert_eq!(letter.at, letter.failures[2].at);
    let counts = subject.counts();
    assert_eq!((counts.dead_letters, counts.dead_lettered, counts.failed_attempts), (1, 1, 3));
}

#[test]
fn a_dead_letter_keeps_its_message_needed() {
    let mut subject = Subject::with(settings(), &[message(3)]);
    subject.exhaust();
    subject.read(&[message(8)]);
    assert_eq!(subject.queue.floor(), 3);
    assert_eq!(subject.queue.needed_below(8), [3]);
    assert_eq!(subject.queue.needed_below(9), [3, 8]);
}

#[test]
fn a_dead_letter_is_settled_for_its_last_holder() {
    let mut subject = Subject::with(SubscriptionSettings { max_attempts: 1, ..settings() }, &[message(3)]);
    let leased = subject.lease_one();
    subject.nack(leased).unwrap();
    assert_eq!(subject.ack(&[claim(leased)]), [Err(AlreadySettled)]);
    assert_eq!(subject.counts().acked, 0);
}

#[test]
fn a_subscription_can_ask_to_drop_what_is_exhausted() {
    let dropping = SubscriptionSettings { when_exhausted: ExhaustedAction::Drop, ..settings() };
    let mut subject = Subject::with(dropping, &[message(3)]);
    subject.exhaust();
    assert!(matches!(subject.records.last(), Some(Record::Dropped { sequence: 3, .. })));
    let counts = subject.counts();
    assert_eq!((counts.dropped, counts.dead_letters, counts.failed_attempts), (1, 0, 3));
    assert_eq!(subject.queue.floor(), 4);
}

#[test]
fn with_a_full_store_an_exhausted_message_waits_the_longest_backoff() {
    let one_try = SubscriptionSettings { max_attempts: 1, ..settings() };
    let mut subject = Subject::new(one_try);
    let failure = Failure { at: subject.now, cause: FailureCause::Nack };
    let almost_full = limits::DEAD_LETTERS as u64 - 1;
    for sequence in 1..=almost_full {
        subject.queue.apply(&Record::DeadLettered { sequence, failure });
    }
    subject.read(&[message(almost_full + 1), message(almost_full + 2)]);

    let leased = subject.lease(2);
    let nacks: Vec<_> = leased.iter().map(|leased| (claim(*leased), None)).collect();
    let records = subject.queue.decide_nack(subject.now, &nacks, &mut Vec::new());
    records.iter().for_each(|record| subject.queue.apply(record));
    assert!(matches!(records[0], Record::DeadLettered { .. }), "the last place is taken");
    let Record::AttemptFailed { retry_at, .. } = records[1] else { panic!("{records:?}") };
    assert_eq!(retry_at, subject.now.plus(seconds(600)));
    assert_eq!(subject.counts().dead_letters, limits::DEAD_LETTERS as u64);

    subject.advance(seconds(600));
    assert_eq!(subject.lease_one().attempt, 2, "it is not lost");
}
