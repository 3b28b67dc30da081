use queue::{FailureCause, Record};
use types::{BackoffShape, PhasedBackoff, RetryPolicy, SubscriptionSettings};

use crate::support::*;

#[test]
fn a_failed_message_comes_back_after_its_backoff() {
    let mut subject = Subject::with(settings(), &[message(3)]);
    for (attempt, wait) in [(1, 1), (2, 2)] {
        let leased = subject.lease_one();
        assert_eq!(leased.attempt, attempt);
        subject.nack(leased).unwrap();
        assert_eq!(subject.counts().backing_off, 1);
        assert_eq!(subject.queue.next_deadline(), Some(subject.now.plus(seconds(wait))));
        assert_eq!(subject.lease(1), []);
        subject.advance(seconds(wait));
    }
    assert_eq!(subject.lease_one().attempt, 3);
}

#[test]
fn a_nack_can_ask_for_its_own_delay() {
    let mut subject = Subject::with(settings(), &[message(3)]);
    let leased = subject.lease_one();
    subject.nack_after(leased, Some(seconds(500))).unwrap();
    subject.advance(seconds(499));
    assert_eq!(subject.lease(1), []);
    subject.advance(seconds(1));
    assert_eq!(subject.lease_one().attempt, 2);
}

#[test]
fn a_lease_that_runs_out_is_a_failed_attempt() {
    let mut subject = Subject::with(settings(), &[message(3)]);
    subject.lease_one();
    subject.advance(seconds(30));
    let records = subject.due();
    let [Record::AttemptFailed { failure, retry_at, .. }] = records[..] else { panic!("{records:?}") };
    assert_eq!((failure.cause, failure.at), (FailureCause::LeaseExpired, subject.now));
    assert_eq!(retry_at, subject.now.plus(seconds(1)));
}

#[test]
fn time_does_no_more_at_once_than_it_is_told() {
    let offers: Vec<_> = (1..=10).map(message).collect();
    let mut subject = Subject::with(settings(), &offers);
    subject.lease(10);
    subject.advance(seconds(30));
    assert_eq!(subject.queue.decide_due(subject.now, 4).len(), 4);
    assert_eq!(subject.queue.decide_due(subject.now, 0), []);
    assert_eq!(subject.due().len(), 10);
}

#[test]
fn a_phased_policy_limits_the_attempts_and_its_first_retry_is_immediate() {
    let phases = PhasedBackoff {
        no_delay_retries: 1,
        min_delay_retries: 0,
        backoff_retries: 0,
        max_delay_retries: 0,
        min_delay: seconds(1),
        max_delay: seconds(1),
        shape: BackoffShape::Linear,
    };
    let settings = SubscriptionSettings { retry: RetryPolicy::Phased(phases), ..settings() };
    let mut subject = Subject::with(settings, &[message(3)]);
    for attempt in [1, 2] {
        let leased = subject.lease_one();
        assert_eq!(leased.attempt, attempt);
        subject.nack(leased).unwrap();
    }
    assert_eq!(subject.counts().dead_lettered, 1);
}

#[test]
fn changed_settings_hold_from_the_next_failure_on() {
    let mut subject = Subject::with(settings(), &[message(3)]);
    let leased = subject.lease_one();
    subject.queue.set_settings(SubscriptionSettings { max_attempts: 1, ..settings() });
    subject.nack(leased).unwrap();
    assert_eq!(subject.counts().dead_letters, 1);
}
