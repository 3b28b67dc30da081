//! What push workers report of their attempts.

use broker::{AttemptsError, LeaseError, SettleError};
use types::{
    MessageId, SubscriptionSettings, TopicSettings, limits,
    push::{Attempt, AttemptClass, AttemptReport, AttemptVerdict},
};

use crate::fixture::{Fixture, attempt, no_backoff, ready, report, seconds, sub, texts};

const RETRY: AttemptVerdict = AttemptVerdict::Retry { at_least: None };

async fn attempts(fixture: &Fixture, message: MessageId) -> Vec<Attempt> {
    fixture.broker.attempts(&sub("a"), message).await.unwrap()
}

#[tokio::test]
async fn attempts_are_read_back_in_order_also_after_a_crash_and_from_behind_a_checkpoint() {
    let mut fixture = Fixture::with_subscription(no_backoff()).await;
    let published = fixture.publish(&["1", "other"]).await;
    let mut expected = Vec::new();
    for (verdict, class) in [
        (RETRY, AttemptClass::Retryable),
        (RETRY, AttemptClass::Timeout),
        (AttemptVerdict::Acknowledge, AttemptClass::Ok),
    ] {
        let taken = fixture.take("a").await;
        let delivery = taken.iter().find(|delivery| delivery.payload == "1").unwrap();
        fixture.report_one("a", delivery, verdict, class).await.unwrap();
        expected.push(attempt(delivery.attempt, class));
    }
    assert_eq!(expected.iter().map(|attempt| attempt.number).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(attempts(&fixture, published[0].id).await, expected);
    fixture.crash().await;
    assert_eq!(attempts(&fixture, published[0].id).await, expected);
    fixture.broker.shutdown().await.unwrap();
    fixture.crash().await;
    assert_eq!(attempts(&fixture, published[0].id).await, expected);
    assert_eq!(attempts(&fixture, published[1].id).await, []);
    assert_eq!(fixture.drain("a").await, ["other"]);
}

#[tokio::test]
async fn a_report_and_its_attempts_are_in_the_log_together_or_not_at_all() {
    let mut fixture = Fixture::with_subscription(no_backoff()).await;
    let published = fixture.publish(&["1", "2"]).await;
    let taken = fixture.take("a").await;
    fixture.journal.hold();
    let reports = [0, 1].map(|index| report(&taken[index], AttemptVerdict::Acknowledge, AttemptClass::Ok));
    let settling = fixture.subscriber("a").report(&reports).await.unwrap();
    assert!(ready(settling.durable()).await.is_none(), "it is answered before the disk has it");
    fixture.crash().await;
    assert_eq!(attempts(&fixture, published[0].id).await, []);
    let taken = fixture.take("a").await;
    assert_eq!(texts(&taken), ["1", "2"]);
    let frames = fixture.broker.topic_stats(&crate::fixture::topic()).unwrap().next_position;
    let reports = [0, 1].map(|index| report(&taken[index], AttemptVerdict::Acknowledge, AttemptClass::Ok));
    assert_eq!(fixture.report("a", &reports).await, [Ok(()), Ok(())]);
    let end = fixture.broker.topic_stats(&crate::fixture::topic()).unwrap().next_position;
    assert_eq!(end - frames, 3, "one record settles both, and each has its attempt");
    fixture.crash().await;
    assert_eq!(fixture.backlog("a").await, 0);
    assert_eq!(attempts(&fixture, published[1].id).await.len(), 1);
}

#[tokio::test]
async fn a_crash_in_the_middle_of_an_attempt_counts_those_that_were_reported() {
    let mut fixture = Fixture::with_subscription(no_backoff()).await;
    fixture.publish(&["1"]).await;
    for _ in 0..2 {
        let delivery = fixture.take_one("a").await;
        fixture.report_one("a", &delivery, RETRY, AttemptClass::Connect).await.unwrap();
    }
    assert_eq!(fixture.take_one("a").await.attempt, 3);
    fixture.crash().await;
    assert_eq!(fixture.take_one("a").await.attempt, 3, "the third is made again");
}

#[tokio::test]
async fn a_released_message_keeps_its_key_and_its_attempts_and_comes_back_in_time() {
    let mut fixture =
        Fixture::with_subscription(SubscriptionSettings { ordered: true, max_attempts: 1, ..no_backoff() })
            .await;
    let published = fixture.publish(&["k=1", "k=2"]).await;
    for wait in [60, 3_600] {
        let delivery = fixture.take_one("a").await;
        assert_eq!((delivery.payload.as_ref(), delivery.attempt), (&b"k=1"[..], 1));
        let release = AttemptVerdict::Release { after: seconds(wait) };
        let report = AttemptReport { ack_id: delivery.ack_id, verdict: release, attempt: None };
        assert_eq!(fixture.report("a", &[report]).await, [Ok(())]);
        fixture.pass(seconds(wait - 1)).await;
        assert!(fixture.take("a").await.is_empty(), "neither it nor the next of its key");
        fixture.pass(seconds(1)).await;
    }
    let delivery = fixture.take_one("a").await;
    let release = AttemptVerdict::Release { after: seconds(3_600) };
    fixture.report_one("a", &delivery, release, AttemptClass::Throttled).await.unwrap();
    fixture.crash().await;
    assert_eq!(texts(&fixture.take("a").await), ["k=1"], "a restart forgets the wait, not the order");
    assert_eq!(attempts(&fixture, published[0].id).await.len(), 1);
}

#[tokio::test]
async fn a_consumer_that_waits_gets_a_released_message_when_its_wait_is_over() {
    let fixture = Fixture::with_subscription(no_backoff()).await;
    fixture.publish(&["1"]).await;
    let delivery = fixture.take_one("a").await;
    let release = AttemptVerdict::Release { after: seconds(60) };
    fixture.report_one("a", &delivery, release, AttemptClass::Throttled).await.unwrap();
    let mut consumer = fixture.consumer("a");
    let next = consumer.next(crate::fixture::MANY);
    tokio::pin!(next);
    assert!(ready(&mut next).await.is_none());
    fixture.pass(seconds(60)).await;
    assert_eq!(ready(&mut next).await.unwrap().unwrap().len(), 1);
}

#[tokio::test]
async fn a_success_after_the_time_out_settles_the_message_and_frees_its_key_for_good() {
    let mut fixture =
        Fixture::with_subscription(SubscriptionSettings { ordered: true, ..no_backoff() }).await;
    let published = fixture.publish(&["k=1", "k=2"]).await;
    let delivery = fixture.take_one("a").await;
    let later = AttemptVerdict::Retry { at_least: Some(seconds(60)) };
    fixture.report_one("a", &delivery, later, AttemptClass::Timeout).await.unwrap();
    let late = AttemptVerdict::AcknowledgeLate { failed_attempts: 1 };
    assert_eq!(fixture.report_one("a", &delivery, late, AttemptClass::OkLate).await, Ok(()));
    assert_eq!(texts(&fixture.take("a").await), ["k=2"]);
    fixture.crash().await;
    assert_eq!(fixture.drain("a").await, ["k=2"]);
    let classes: Vec<_> = attempts(&fixture, published[0].id).await.iter().map(|a| a.class).collect();
    assert_eq!(classes, [AttemptClass::Timeout, AttemptClass::OkLate]);
}

#[tokio::test]
async fn a_success_after_the_time_out_is_superseded_by_another_attempt_a_seek_and_a_restart() {
    let mut fixture = Fixture::with_subscription(no_backoff()).await;
    fixture.publish(&["1"]).await;
    let late = AttemptVerdict::AcknowledgeLate { failed_attempts: 1 };
    let first = fixture.take_one("a").await;
    fixture.report_one("a", &first, RETRY, AttemptClass::Timeout).await.unwrap();
    let second = fixture.take_one("a").await;
    let outcome = fixture.report_one("a", &first, late, AttemptClass::OkLate).await;
    assert_eq!(outcome, Err(LeaseError::Superseded), "it is leased again");
    fixture.report_one("a", &second, RETRY, AttemptClass::Timeout).await.unwrap();
    let outcome = fixture.report_one("a", &first, late, AttemptClass::OkLate).await;
    assert_eq!(outcome, Err(LeaseError::Superseded), "it has failed again");
    fixture.broker.seek(&sub("a"), broker::SeekTo::Earliest).await.unwrap();
    let outcome = fixture.report_one("a", &first, late, AttemptClass::OkLate).await;
    assert_eq!(outcome, Err(LeaseError::FencedBySeek));
    let third = fixture.take_one("a").await;
    fixture.report_one("a", &third, RETRY, AttemptClass::Timeout).await.unwrap();
    fixture.crash().await;
    let outcome = fixture.report_one("a", &third, late, AttemptClass::OkLate).await;
    assert_eq!(outcome, Err(LeaseError::Expired));
    assert_eq!(fixture.backlog("a").await, 1);
}

#[tokio::test]
async fn a_rejected_message_is_a_dead_letter_at_once() {
    let mut fixture = Fixture::with_subscription(no_backoff()).await;
    fixture.publish(&["1"]).await;
    let delivery = fixture.take_one("a").await;
    fixture.report_one("a", &delivery, AttemptVerdict::Reject, AttemptClass::Rejected).await.unwrap();
    for _ in 0..2 {
        let counts = fixture.broker.subscription_stats(&sub("a")).await.unwrap().counts;
        assert_eq!((counts.dead_letters, counts.failed_attempts), (1, 1));
        fixture.crash().await;
    }
    let again = fixture.report_one("a", &delivery, RETRY, AttemptClass::Rejected).await;
    assert_eq!(again, Err(LeaseError::AlreadySettled));
}

#[tokio::test]
async fn the_next_attempt_waits_as_long_as_the_endpoint_asks_and_not_less_than_the_policy_says() {
    let ten_seconds = types::ExponentialBackoff {
        min_backoff: seconds(10),
        max_backoff: seconds(10),
        ..types::ExponentialBackoff::default()
    };
    let settings = SubscriptionSettings {
        retry: types::RetryPolicy::Exponential(ten_seconds),
        ..SubscriptionSettings::default()
    };
    let fixture = Fixture::with_subscription(settings).await;
    fixture.publish(&["1"]).await;
    for (asked, wait) in [(None, 10), (Some(3), 10), (Some(25), 25)] {
        let delivery = fixture.take_one("a").await;
        let verdict = AttemptVerdict::Retry { at_least: asked.map(seconds) };
        fixture.report_one("a", &delivery, verdict, AttemptClass::Throttled).await.unwrap();
        fixture.pass(seconds(wait - 1)).await;
        assert!(fixture.take("a").await.is_empty(), "{asked:?}");
        fixture.pass(seconds(1)).await;
    }
    assert_eq!(fixture.take_one("a").await.attempt, 4);
}

#[tokio::test]
async fn what_is_too_long_of_an_attempt_is_cut_and_text_stays_text() {
    let fixture = Fixture::with_subscription(no_backoff()).await;
    let published = fixture.publish(&["1"]).await;
    let mut report = report(&fixture.take_one("a").await, RETRY, AttemptClass::Retryable);
    let attempt = report.attempt.as_mut().unwrap();
    attempt.response = vec![b'x'; 70_000];
    attempt.error = format!("x{}", "ü".repeat(70_000));
    fixture.report("a", &[report]).await[0].unwrap();
    let kept = attempts(&fixture, published[0].id).await;
    assert_eq!(kept[0].response.len(), limits::ATTEMPT_RESPONSE_BYTES);
    assert_eq!(kept[0].error, format!("x{}", "ü".repeat((limits::ATTEMPT_ERROR_BYTES - 1) / 2)));
}

#[tokio::test]
async fn on_a_full_disk_attempts_are_kept_without_what_the_endpoint_answered() {
    let journal = journal::memory::Config { capacity_bytes: 1 << 20, ..journal::memory::Config::default() };
    let fixture = Fixture::with(journal::MemoryJournal::new(journal), broker::Config::default()).await;
    fixture.topic(TopicSettings::default()).await;
    fixture.subscribe("a", no_backoff()).await;
    let published = fixture.publish(&["1"]).await;
    let delivery = fixture.take_one("a").await;
    let filler = "x".repeat(100_000);
    while fixture
        .broker
        .publish(&crate::fixture::topic(), vec![crate::fixture::message(&filler)])
        .await
        .is_ok()
    {}
    fixture.report_one("a", &delivery, RETRY, AttemptClass::Retryable).await.unwrap();
    let expected = Attempt { response: Vec::new(), ..attempt(1, AttemptClass::Retryable) };
    assert_eq!(attempts(&fixture, published[0].id).await, [expected]);
}

#[tokio::test]
async fn a_report_that_came_twice_counts_once() {
    let fixture = Fixture::with_subscription(no_backoff()).await;
    let published = fixture.publish(&["1"]).await;
    let delivery = fixture.take_one("a").await;
    fixture.report_one("a", &delivery, RETRY, AttemptClass::Retryable).await.unwrap();
    let again = fixture.report_one("a", &delivery, RETRY, AttemptClass::Retryable).await;
    assert_eq!(again, Err(LeaseError::Expired));
    assert_eq!(attempts(&fixture, published[0].id).await.len(), 1);
    assert_eq!(fixture.take_one("a").await.attempt, 2);
}

#[tokio::test]
async fn of_many_attempts_the_latest_are_given() {
    let fixture = Fixture::with_subscription(no_backoff()).await;
    let published = fixture.publish(&["1"]).await;
    let delivery = fixture.take_one("a").await;
    let numbered = |number: usize| {
        let attempt = Some(attempt(u32::try_from(number).unwrap(), AttemptClass::Retryable));
        AttemptReport { ack_id: delivery.ack_id, verdict: RETRY, attempt }
    };
    for start in [1, 1 + limits::ATTEMPT_REPORTS] {
        let reports: Vec<_> = (start..start + limits::ATTEMPT_REPORTS).map(numbered).collect();
        fixture.report("a", &reports).await;
    }
    let kept = attempts(&fixture, published[0].id).await;
    assert_eq!((kept.len(), kept[0].number), (limits::ATTEMPTS_READ, 1_001));
}

#[tokio::test]
async fn a_request_of_reports_that_makes_no_sense_is_refused_as_a_whole() {
    let fixture = Fixture::with_subscription(no_backoff()).await;
    fixture.subscribe("b", no_backoff()).await;
    let published = fixture.publish(&["1"]).await;
    let (of_a, of_b) = (fixture.take_one("a").await, fixture.take_one("b").await);
    let of_a = report(&of_a, AttemptVerdict::Acknowledge, AttemptClass::Ok);
    let of_b = report(&of_b, AttemptVerdict::Acknowledge, AttemptClass::Ok);
    let subscriber = fixture.subscriber("a");
    for bad in [vec![], vec![of_a.clone(); limits::ATTEMPT_REPORTS + 1]] {
        let Err(SettleError::Invalid(invalid)) = subscriber.report(&bad).await else { panic!("taken") };
        assert_eq!(invalid.field, "reports");
    }
    let refused = subscriber.report(&[of_a, of_b]).await.unwrap_err();
    assert_eq!(refused, SettleError::OtherSubscription { index: 1 });
    assert_eq!(attempts(&fixture, published[0].id).await, []);
    assert_eq!(fixture.backlog("a").await, 1);
}

#[tokio::test]
async fn attempts_of_what_is_not_there_are_not_found() {
    let fixture = Fixture::with_subscription(no_backoff()).await;
    let published = fixture.publish(&["1"]).await[0].id;
    let missing = fixture.broker.attempts(&sub("b"), published).await;
    assert!(matches!(missing, Err(AttemptsError::NotFound(_))), "{missing:?}");
    for message in [
        MessageId { sequence: published.sequence + 100, ..published },
        MessageId { log: types::LogId(published.log.0 + 1), ..published },
    ] {
        let missing = fixture.broker.attempts(&sub("a"), message).await;
        assert_eq!(missing, Err(AttemptsError::MessageNotFound(message)));
    }
}

#[tokio::test]
async fn attempts_keep_no_segment_and_go_with_it() {
    let journal = journal::memory::Config { segment_bytes: 10_000, ..journal::memory::Config::default() };
    let config = broker::Config { checkpoint_bytes: 1 << 16, ..broker::Config::default() };
    let mut fixture = Fixture::with(journal::MemoryJournal::new(journal), config).await;
    fixture.topic(TopicSettings::default()).await;
    fixture.subscribe("a", no_backoff()).await;
    let first = fixture.publish(&["1"]).await[0].id;
    let filler = "x".repeat(5_000);
    for _ in 0..40 {
        for delivery in fixture.take("a").await {
            fixture.report_one("a", &delivery, AttemptVerdict::Acknowledge, AttemptClass::Ok).await.unwrap();
        }
        fixture.publish(&[&filler]).await;
        fixture.broker.run_upkeep().await;
    }
    let stats = fixture.broker.topic_stats(&crate::fixture::topic()).unwrap();
    assert!(stats.first_position > first.sequence, "nothing was dropped: {stats:?}");
    assert_eq!(attempts(&fixture, first).await, []);
    fixture.crash().await;
    assert_eq!(fixture.backlog("a").await, 1);
}

#[tokio::test]
async fn a_worker_cannot_have_a_message_wait_for_longer_than_the_limits() {
    let fixture = Fixture::with_subscription(no_backoff()).await;
    fixture.publish(&["1"]).await;
    let forever = std::time::Duration::MAX;
    let waits = [
        (AttemptVerdict::Retry { at_least: Some(forever) }, limits::RETRY_AFTER_MAX),
        (AttemptVerdict::Release { after: forever }, limits::NACK_DELAY_MAX),
    ];
    for (verdict, most) in waits {
        let delivery = fixture.take_one("a").await;
        fixture.report_one("a", &delivery, verdict, AttemptClass::Throttled).await.unwrap();
        fixture.pass(most - seconds(1)).await;
        assert!(fixture.take("a").await.is_empty(), "{verdict:?}");
        fixture.pass(seconds(1)).await;
    }
    fixture.take_one("a").await;
}
