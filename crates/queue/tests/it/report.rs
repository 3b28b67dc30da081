//! What push workers report. The model has the rules; here is what it does not reach.

use queue::{Failure, FailureCause, LeaseError, Leased, Record, Report};
use types::{
    ExhaustedAction, SubscriptionSettings, Timestamp, limits,
    push::{AttemptClass, AttemptVerdict},
};

use crate::support::{Subject, claim, keyed, message, ordered, seconds, settings};

const CAUSE: FailureCause = FailureCause::Push { class: AttemptClass::Retryable, status: Some(503) };

/// Decides, applies and releases, as a broker would.
fn report(subject: &mut Subject, leased: Leased, verdict: AttemptVerdict) -> Result<(), LeaseError> {
    let mut outcomes = Vec::new();
    let report = Report { claim: claim(leased), verdict, cause: CAUSE };
    let decided = subject.queue.decide_report(subject.now, &[report], &mut outcomes);
    for record in decided.records {
        subject.write(record);
    }
    for (claim, until) in decided.releases {
        subject.queue.release_until(claim, until);
    }
    subject.queue.assert_invariants();
    outcomes[0]
}

#[test]
fn a_dead_letter_says_how_each_attempt_to_push_it_failed() {
    let mut subject = Subject::with(settings(), &[message(1)]);
    for _ in 0..3 {
        let leased = subject.lease_one();
        report(&mut subject, leased, AttemptVerdict::Retry { at_least: None }).unwrap();
        subject.advance(seconds(60));
    }
    let (_, letter) = subject.queue.dead_letters().next().unwrap();
    assert!(letter.failures.iter().all(|failure| failure.cause == CAUSE), "{letter:?}");
    assert_eq!(letter.failures.len(), 3);
}

#[test]
fn a_rejected_message_is_given_up_at_once_if_its_subscription_drops() {
    let dropping = SubscriptionSettings { when_exhausted: ExhaustedAction::Drop, ..settings() };
    let mut subject = Subject::with(dropping, &[message(1)]);
    let leased = subject.lease_one();
    report(&mut subject, leased, AttemptVerdict::Reject).unwrap();
    assert_eq!((subject.counts().dropped, subject.counts().failed_attempts), (1, 1));
}

#[test]
fn with_a_full_store_a_rejected_message_waits_the_longest_backoff() {
    let mut subject = Subject::with(settings(), &[message(1)]);
    let failure = Failure { at: subject.now, cause: FailureCause::Nack };
    for sequence in 0..limits::DEAD_LETTERS as u64 {
        subject.queue.apply(&Record::DeadLettered { sequence: 10 + sequence, failure });
    }
    let leased = subject.lease_one();
    let claim = claim(leased);
    let report = Report { claim, verdict: AttemptVerdict::Reject, cause: CAUSE };
    let decided = subject.queue.decide_report(subject.now, &[report], &mut Vec::new());
    let failure = Failure { at: subject.now, cause: CAUSE };
    let retry_at = subject.now.plus(seconds(600));
    assert_eq!(decided.records, [Record::AttemptFailed { sequence: 1, failure, retry_at }]);
}

#[test]
fn a_released_message_holds_its_key_and_loses_no_attempt() {
    let mut subject = Subject::with(ordered(), &[keyed(1, "k"), keyed(2, "k")]);
    let first = subject.lease_one();
    report(&mut subject, first, AttemptVerdict::Release { after: seconds(60) }).unwrap();
    assert_eq!(subject.lease_sequences(10), [] as [u64; 0], "neither it nor the next of its key");
    assert_eq!(subject.queue.next_deadline(), Some(subject.now.plus(seconds(60))));
    subject.advance(seconds(60));
    let again = subject.lease_one();
    assert_eq!((again.sequence, again.attempt, again.first_delivery), (1, 1, false));
}

#[test]
fn a_late_success_settles_a_message_that_backs_off_and_lets_its_key_go_on() {
    let mut subject = Subject::with(ordered(), &[keyed(1, "k"), keyed(2, "k")]);
    let first = subject.lease_one();
    report(&mut subject, first, AttemptVerdict::Retry { at_least: Some(seconds(60)) }).unwrap();
    report(&mut subject, first, AttemptVerdict::AcknowledgeLate { failed_attempts: 1 }).unwrap();
    assert_eq!(subject.lease_sequences(10), [2]);
    let again = report(&mut subject, first, AttemptVerdict::AcknowledgeLate { failed_attempts: 1 });
    assert_eq!(again, Err(LeaseError::AlreadySettled));
}

#[test]
fn a_late_success_of_a_message_that_was_leased_again_is_superseded() {
    let mut subject = Subject::with(settings(), &[message(1)]);
    let first = subject.lease_one();
    report(&mut subject, first, AttemptVerdict::Retry { at_least: None }).unwrap();
    subject.advance(seconds(60));
    let second = subject.lease_one();
    let late = AttemptVerdict::AcknowledgeLate { failed_attempts: 1 };
    assert_eq!(report(&mut subject, first, late), Err(LeaseError::Superseded));
    report(&mut subject, second, AttemptVerdict::Retry { at_least: None }).unwrap();
    assert_eq!(report(&mut subject, first, late), Err(LeaseError::Superseded), "it has failed again");
}

#[test]
fn how_a_failure_is_stored_does_not_change() {
    let at = Timestamp::from_micros(1);
    let bytes = |cause| postcard::to_stdvec(&Failure { at, cause }).unwrap();
    assert_eq!(bytes(FailureCause::Nack), [1, 0]);
    assert_eq!(bytes(FailureCause::LeaseExpired), [1, 1]);
    assert_eq!(bytes(CAUSE), [1, 2, 9, 1, 0xf7, 3]);
    assert_eq!(bytes(FailureCause::Push { class: AttemptClass::Unsendable, status: None }), [1, 2, 13, 0]);
}
