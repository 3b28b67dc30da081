use std::{sync::Arc, time::Duration};

use broker::{BacklogAction, Broker, Config, LeaseError};
use journal::{MemoryJournal, memory};
use types::{ManualClock, SubscriptionSettings, Timestamp, TopicSettings};

use crate::fixture::{Fixture, no_backoff, seconds, sub, texts, topic};

#[tokio::test]
async fn a_crash_loses_no_accepted_message_and_undoes_no_confirmed_ack() {
    let mut fixture = Fixture::with_subscription(SubscriptionSettings::default()).await;
    fixture.publish(&["1", "2", "3", "4"]).await;
    let taken = fixture.take("a").await;
    fixture.ack("a", &taken[1..3]).await;
    fixture.crash().await;
    assert_eq!(fixture.backlog("a").await, 2);
    assert_eq!(fixture.drain("a").await, ["1", "4"]);
    assert_eq!(fixture.backlog("a").await, 0);
}

#[tokio::test]
async fn a_crash_ends_leases_without_costing_an_attempt() {
    let mut fixture =
        Fixture::with_subscription(SubscriptionSettings { max_attempts: 1, ..no_backoff() }).await;
    fixture.publish(&["1"]).await;
    for _ in 0..5 {
        let taken = fixture.take("a").await;
        assert_eq!(taken[0].attempt, 1);
        fixture.crash().await;
        let old =
            fixture.subscriber("a").acknowledge(&[taken[0].ack_id]).await.unwrap().durable().await.unwrap();
        assert_eq!(old, [Err(LeaseError::Expired)]);
    }
    assert_eq!(fixture.drain("a").await, ["1"]);
}

#[tokio::test]
async fn a_message_is_not_called_new_after_a_crash_if_it_may_have_been_delivered() {
    let mut fixture = Fixture::with_subscription(SubscriptionSettings::default()).await;
    fixture.publish(&["1"]).await;
    assert!(fixture.take("a").await[0].first_delivery);
    fixture.crash().await;
    assert!(!fixture.take("a").await[0].first_delivery);
}

#[tokio::test]
async fn failed_attempts_backoff_and_dead_letters_survive_a_crash() {
    let mut fixture =
        Fixture::with_subscription(SubscriptionSettings { max_attempts: 3, ..no_backoff() }).await;
    fixture.publish(&["1", "2"]).await;
    let taken = fixture.take("a").await;
    fixture.nack("a", &taken, Some(seconds(60))).await;
    fixture.crash().await;
    assert!(fixture.take("a").await.is_empty(), "the delay was forgotten");
    fixture.pass(seconds(60)).await;
    for attempt in [2, 3] {
        let taken = fixture.take("a").await;
        assert_eq!(taken.iter().map(|d| d.attempt).collect::<Vec<_>>(), [attempt, attempt]);
        fixture.nack("a", &taken, Some(Duration::ZERO)).await;
        fixture.crash().await;
    }
    let stats = fixture.broker.subscription_stats(&sub("a")).await.unwrap();
    assert_eq!((stats.counts.dead_letters, stats.counts.dead_lettered, stats.backlog), (2, 2, 0));
}

#[tokio::test]
async fn the_state_is_the_same_whether_it_comes_from_a_checkpoint_or_from_the_whole_log() {
    let mut states = Vec::new();
    for checkpoints in [false, true] {
        let mut fixture =
            Fixture::with_subscription(SubscriptionSettings { ordered: true, ..no_backoff() }).await;
        for round in 0..10 {
            fixture.publish(&["k=1", "k=2", "x", "y"]).await;
            let taken = fixture.take("a").await;
            fixture.ack("a", &taken[..taken.len() / 2]).await;
            fixture.nack("a", &taken[taken.len() / 2..], Some(seconds(round))).await;
            if checkpoints {
                fixture.broker.shutdown().await.unwrap();
                fixture.crash().await;
            }
        }
        fixture.crash().await;
        fixture.pass(seconds(3_600)).await;
        let mut delivered = Vec::new();
        loop {
            let taken = fixture.take("a").await;
            if taken.is_empty() {
                break;
            }
            delivered.extend(taken.iter().map(|d| (d.payload.clone(), d.attempt)));
            fixture.ack("a", &taken).await;
        }
        assert_eq!(fixture.backlog("a").await, 0);
        states.push(delivered);
    }
    assert_eq!(states[0], states[1]);
}

#[tokio::test]
async fn topics_subscriptions_and_settings_survive_a_crash() {
    let mut fixture = Fixture::new().await;
    fixture.topic(TopicSettings { keep_settled: true, ..TopicSettings::default() }).await;
    fixture.subscribe("a", SubscriptionSettings { max_attempts: 7, ..SubscriptionSettings::default() }).await;
    fixture
        .broker
        .update_subscription(&sub("a"), |settings| settings.max_in_flight = 3, BacklogAction::Keep)
        .await
        .unwrap();
    fixture
        .broker
        .update_topic(&topic(), |settings| settings.deduplication_window = seconds(9))
        .await
        .unwrap();
    fixture.broker.pause(&sub("a")).await.unwrap();
    let before = (fixture.broker.topic(&topic()).unwrap(), fixture.broker.subscription(&sub("a")).unwrap());
    for _ in 0..2 {
        fixture.crash().await;
        assert_eq!(
            (fixture.broker.topic(&topic()).unwrap(), fixture.broker.subscription(&sub("a")).unwrap()),
            before
        );
        fixture.broker.shutdown().await.unwrap();
    }
    assert!(before.1.paused);
}

#[tokio::test]
async fn a_subscription_far_behind_reads_from_the_log_what_memory_no_longer_holds() {
    let config = Config { tail_cache_bytes: 1 << 20, ..Config::default() };
    let journal =
        MemoryJournal::new(memory::Config { capacity_bytes: 64 << 20, ..memory::Config::default() });
    let fixture = Fixture::with(journal, config).await;
    fixture.topic(TopicSettings::default()).await;
    fixture.subscribe("a", SubscriptionSettings::default()).await;
    let filler = "x".repeat(40_000);
    for number in 0..100 {
        fixture.publish(&[&format!("{number}{filler}")]).await;
    }
    let delivered = fixture.drain("a").await;
    let expected: Vec<_> = (0..100).map(|number| format!("{number}{filler}")).collect();
    assert_eq!(delivered.len(), 100);
    assert!(delivered == expected, "out of order or damaged");
}

#[tokio::test]
async fn a_message_that_failed_long_ago_is_delivered_from_the_log() {
    let config = Config { tail_cache_bytes: 1 << 20, ..Config::default() };
    let fixture = Fixture::with(MemoryJournal::default(), config).await;
    fixture.topic(TopicSettings::default()).await;
    fixture.subscribe("a", no_backoff()).await;
    fixture.publish(&["early"]).await;
    let early = fixture.take("a").await;
    fixture.nack("a", &early, Some(seconds(100))).await;
    let filler = "x".repeat(100_000);
    for _ in 0..30 {
        fixture.publish(&[&filler]).await;
        fixture.drain("a").await;
    }
    fixture.pass(seconds(100)).await;
    assert_eq!(texts(&fixture.take("a").await), ["early"]);
}

#[tokio::test]
async fn time_does_not_run_back_when_the_clock_was_set_back_between_two_starts() {
    let fixture = Fixture::with_subscription(SubscriptionSettings::default()).await;
    fixture.publish(&["1"]).await;
    fixture.clock.advance(seconds(7_200));
    let before = fixture.broker.now();
    fixture.broker.shutdown().await.unwrap();
    let set_back = Arc::new(ManualClock::at(Timestamp::from_millis(1_000_000)));
    let journal = Arc::new(fixture.journal.restart());
    let broker =
        Broker::open(journal, set_back, Arc::new(broker::PlainBodies), Config::default()).await.unwrap();
    assert!(broker.now() >= before);
}
