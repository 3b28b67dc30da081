use queue::{Offer, Record};
use types::{ExhaustedAction, SubscriptionSettings, Timestamp};

use crate::support::*;

fn two_of_a_and_one_of_b() -> [Offer; 3] {
    [keyed(1, "a"), keyed(2, "a"), keyed(3, "b")]
}

#[test]
fn of_a_key_only_the_oldest_is_delivered() {
    let mut subject = Subject::with(ordered(), &two_of_a_and_one_of_b());
    let leased = subject.lease(10);
    assert_eq!(leased.iter().map(|l| l.sequence).collect::<Vec<_>>(), [1, 3]);
    assert_eq!(subject.counts().waiting_for_key, 1);
    subject.ack(&[claim(leased[0])]);
    assert_eq!(subject.lease_sequences(10), [2]);
}

#[test]
fn messages_without_a_key_do_not_wait() {
    let mut subject = Subject::with(ordered(), &[message(1), message(2), message(3)]);
    assert_eq!(subject.lease_sequences(10), [1, 2, 3]);
}

#[test]
fn without_ordering_keys_mean_nothing() {
    let mut subject = Subject::with(settings(), &two_of_a_and_one_of_b());
    assert_eq!(subject.lease_sequences(10), [1, 2, 3]);
}

#[test]
fn a_failing_message_holds_its_own_key_through_its_backoff() {
    let mut subject = Subject::with(ordered(), &two_of_a_and_one_of_b());
    let leased = subject.lease(10);
    subject.nack(leased[0]).unwrap();
    assert_eq!(subject.lease(10), []);
    subject.advance(seconds(1));
    assert_eq!(subject.lease_sequences(10), [1]);
    subject.advance(seconds(30));
    subject.due();
    assert_eq!(subject.lease_sequences(10), [], "after an expired lease as well");
}

#[test]
fn an_exhausted_message_lets_the_next_of_its_key_go() {
    for when_exhausted in [ExhaustedAction::DeadLetter, ExhaustedAction::Drop] {
        let settings = SubscriptionSettings { when_exhausted, ..ordered() };
        let mut subject = Subject::with(settings, &[keyed(1, "a"), keyed(2, "a")]);
        subject.exhaust();
        assert_eq!(subject.lease_sequences(10), [2]);
    }
}

#[test]
fn a_delayed_message_holds_the_later_ones_of_its_key() {
    let later = Timestamp::from_millis(1_000_000).plus(seconds(60));
    let delayed = Offer { deliver_at: later, ..keyed(1, "a") };
    let mut subject = Subject::with(ordered(), &[delayed, keyed(2, "a"), keyed(3, "b")]);
    assert_eq!(subject.lease_sequences(10), [3]);
    subject.advance(seconds(60));
    assert_eq!(subject.lease_sequences(10), [1]);
}

#[test]
fn a_message_that_expires_leaves_its_line_from_any_place() {
    let soon = Timestamp::from_millis(1_000_000).plus(seconds(5));
    let short = |sequence| Offer { expire_at: soon, ..keyed(sequence, "a") };
    let mut subject = Subject::with(ordered(), &[short(1), keyed(2, "a"), short(3), keyed(4, "a")]);
    subject.advance(seconds(5));
    assert_eq!(subject.lease(10), [], "the expiry is not recorded yet");
    subject.due();
    let leased = subject.lease_one();
    assert_eq!(leased.sequence, 2);
    subject.ack(&[claim(leased)]);
    assert_eq!(subject.lease_sequences(10), [4]);
}

#[test]
fn order_holds_after_a_seek_back() {
    let offers = two_of_a_and_one_of_b();
    let mut subject = Subject::with(ordered(), &offers);
    let leased = subject.lease(10);
    subject.ack(&claims(&leased));
    subject.write(Record::Sought { to: 1 });
    subject.read(&offers);
    assert_eq!(subject.lease_sequences(10), [1, 3]);
}

#[test]
fn order_holds_after_a_crash() {
    let offers = two_of_a_and_one_of_b();
    let mut subject = Subject::with(ordered(), &offers);
    let leased = subject.lease(10);
    subject.nack(leased[0]).unwrap();
    subject.crash();
    subject.read(&offers);
    assert_eq!(subject.lease_sequences(10), [3]);
    assert_eq!(subject.counts().waiting_for_key, 1);
}
