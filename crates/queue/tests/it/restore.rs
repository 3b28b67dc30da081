use queue::LeaseError::{AlreadySettled, Expired};
use queue::{ExpiryReason, Failure, FailureCause, Queue, Record, Snapshot};

use crate::support::*;

#[test]
fn what_was_acknowledged_is_not_delivered_after_a_crash() {
    let offers = [message(1), message(2), message(3)];
    let mut subject = Subject::with(settings(), &offers);
    let leased = subject.lease(3);
    subject.ack(&[claim(leased[1])]);
    subject.crash();
    assert_eq!(subject.counts().settled_ahead, 1);
    assert_eq!(subject.ack(&claims(&leased)), [Err(Expired), Err(AlreadySettled), Err(Expired)]);
    subject.read(&offers);
    assert_eq!((subject.counts().settled_ahead, subject.counts().acked), (0, 1));
    let again = subject.lease(3);
    assert_eq!(again.iter().map(|l| (l.sequence, l.attempt)).collect::<Vec<_>>(), [(1, 1), (3, 1)]);
    assert!(again.iter().all(|l| !l.first_delivery && l.lease > leased[2].lease));
}

#[test]
fn failed_attempts_and_their_waits_survive_a_crash() {
    let mut subject = Subject::with(settings(), &[message(1)]);
    let leased = subject.lease_one();
    subject.nack(leased).unwrap();
    subject.crash();
    subject.read(&[message(1)]);
    assert_eq!(subject.lease(1), []);
    subject.advance(seconds(1));
    assert_eq!(subject.lease_one().attempt, 2);
}

#[test]
fn a_dead_letter_survives_a_crash_and_is_passed_over() {
    let mut subject = Subject::with(settings(), &[message(1)]);
    subject.exhaust();
    let before: Vec<_> = subject.queue.dead_letters().map(|(s, letter)| (s, letter.clone())).collect();
    subject.crash();
    let after: Vec<_> = subject.queue.dead_letters().map(|(s, letter)| (s, letter.clone())).collect();
    assert_eq!(before, after);
    subject.read(&[message(1), message(2)]);
    assert_eq!(subject.lease_one().sequence, 2);
}

#[test]
fn past_the_mark_a_message_is_certainly_new_even_after_a_crash() {
    let mut subject = Subject::with(settings(), &[message(1)]);
    let leased = subject.lease_one();
    subject.ack(&[claim(leased)]);
    let Some(Record::DeliveryMark { below }) = subject.records.first().cloned() else { panic!("a mark") };
    subject.crash();
    subject.read(&[message(below - 1), message(below)]);
    let first: Vec<_> = subject.lease(2).iter().map(|leased| leased.first_delivery).collect();
    assert_eq!(first, [false, true]);
}

#[test]
fn a_snapshot_comes_back_from_its_encoding() {
    let mut subject = Subject::with(ordered(), &[keyed(1, "a"), keyed(2, "a"), message(3)]);
    let leased = subject.lease(3);
    subject.nack(leased[0]).unwrap();
    subject.ack(&[claim(leased[1])]);
    subject.write(Record::Paused);
    let snapshot = subject.queue.snapshot();
    let bytes = postcard::to_stdvec(&snapshot).unwrap();
    let decoded: Snapshot = postcard::from_bytes(&bytes).unwrap();
    assert_eq!(decoded, snapshot);
    let restored = Queue::restore(UID, ordered(), decoded, 2);
    restored.assert_invariants();
    assert_eq!(restored.snapshot(), snapshot);
    assert!(restored.is_paused());
}

#[test]
fn a_record_about_a_settled_message_changes_nothing() {
    let mut subject = Subject::with(settings(), &[message(1)]);
    let leased = subject.lease_one();
    subject.ack(&[claim(leased)]);
    let before = subject.queue.snapshot();
    let failure = Failure { at: subject.now, cause: FailureCause::Nack };
    for record in [
        Record::Settled { sequences: vec![1] },
        Record::SettledRuns { runs: vec![(0, 2), (1, 1), (0, 0)] },
        Record::AttemptFailed { sequence: 1, failure, retry_at: subject.now },
        Record::DeadLettered { sequence: 1, failure },
        Record::Dropped { sequence: 1, failure },
        Record::Expired { sequences: vec![1], reason: ExpiryReason::MessageExpiry },
        Record::DeliveryMark { below: 0 },
        Record::Resumed,
    ] {
        subject.queue.apply(&record);
        assert_eq!(subject.queue.snapshot(), before, "{record:?}");
    }
}

mod any_records {
    use proptest::{collection::vec, prelude::*};
    use types::Timestamp;

    use super::*;

    fn record() -> impl Strategy<Value = Record> {
        let sequence = || prop_oneof![9 => 0_u64..12, 1 => Just(u64::MAX)];
        let failure = |at| Failure { at: Timestamp::from_micros(at), cause: FailureCause::LeaseExpired };
        let reason = ExpiryReason::Damaged;
        prop_oneof![
            vec(sequence(), 0..4).prop_map(|sequences| Record::Settled { sequences }),
            vec((sequence(), prop_oneof![9 => 0_u64..5, 1 => Just(u64::MAX)]), 0..4)
                .prop_map(|runs| Record::SettledRuns { runs }),
            (sequence(), any::<u64>()).prop_map(move |(sequence, at)| Record::AttemptFailed {
                sequence,
                failure: failure(at),
                retry_at: Timestamp::from_micros(at)
            }),
            sequence().prop_map(move |sequence| Record::DeadLettered { sequence, failure: failure(1) }),
            sequence().prop_map(move |sequence| Record::Dropped { sequence, failure: failure(1) }),
            vec(sequence(), 0..4).prop_map(move |sequences| Record::Expired { sequences, reason }),
            (sequence(), any::<u32>(), any::<u32>()).prop_map(move |(below, unread, in_window)| {
                Record::Trimmed { below, unread: unread.into(), reason, in_window: in_window.into() }
            }),
            sequence().prop_map(|to| Record::Sought { to }),
            sequence().prop_map(|below| Record::DeliveryMark { below }),
            Just(Record::Paused),
            Just(Record::Resumed),
        ]
    }

    proptest! {
        #[test]
        fn no_sequence_of_records_breaks_a_queue(ordered: bool, records in vec(record(), 0..40)) {
            let settings = types::SubscriptionSettings { ordered, ..settings() };
            let mut subject = Subject::with(settings, &[keyed(1, "a"), keyed(2, "a"), message(5), keyed(6, "a")]);
            subject.lease(2);
            for record in records {
                subject.write(record);
            }
            let snapshot = subject.queue.snapshot();
            Queue::restore(UID, ordered_settings(ordered), snapshot, 2).assert_invariants();
        }
    }

    fn ordered_settings(ordered: bool) -> types::SubscriptionSettings {
        types::SubscriptionSettings { ordered, ..settings() }
    }
}
