use std::time::Duration;

use broker::Config;
use journal::{MemoryJournal, memory};
use types::{ByteLimitAction, RetentionPolicy, SubscriptionSettings, TopicSettings};

use crate::fixture::{Fixture, MANY, no_backoff, ready, seconds, sub, texts, topic};

/// Small segments and frequent checkpoints, so that there is something to drop.
async fn small_segments() -> Fixture {
    let journal = memory::Config { segment_bytes: 10_000, ..memory::Config::default() };
    let config = Config { checkpoint_bytes: 1 << 16, ..Config::default() };
    Fixture::with(MemoryJournal::new(journal), config).await
}

async fn fill(fixture: &Fixture, messages: usize) {
    let filler = "x".repeat(1_000);
    for _ in 0..messages {
        fixture.publish(&[&filler]).await;
    }
}

async fn upkeep(fixture: &Fixture) {
    for _ in 0..4 {
        fixture.broker.run_upkeep().await;
    }
}

#[tokio::test]
async fn segments_that_everybody_has_settled_are_dropped() {
    let fixture = small_segments().await;
    fixture.topic(TopicSettings::default()).await;
    fixture.subscribe("a", SubscriptionSettings::default()).await;
    fill(&fixture, 100).await;
    upkeep(&fixture).await;
    let before = fixture.broker.topic_stats(&topic()).unwrap();
    assert_eq!(before.first_position, 1, "unsettled messages were dropped");
    fixture.drain("a").await;
    upkeep(&fixture).await;
    let after = fixture.broker.topic_stats(&topic()).unwrap();
    assert!(after.first_position > 80 && after.log_bytes < before.log_bytes / 3, "{after:?}");
}

#[tokio::test]
async fn a_log_that_grows_fast_is_looked_after_before_the_next_round() {
    let journal = memory::Config { segment_bytes: 10_000, ..memory::Config::default() };
    let hour = Duration::from_secs(3_600);
    let config = Config { checkpoint_bytes: 1 << 16, upkeep_interval: hour, ..Config::default() };
    let fixture = Fixture::with(MemoryJournal::new(journal), config).await;
    fixture.topic(TopicSettings::default()).await;
    fixture.subscribe("a", SubscriptionSettings::default()).await;
    let first = || fixture.broker.topic_stats(&topic()).unwrap().first_position;
    // A segment is dropped once two checkpoints no longer need it.
    let several_rounds = async {
        while first() == 1 {
            fill(&fixture, 100).await;
            fixture.drain("a").await;
        }
    };
    tokio::time::timeout(seconds(60), several_rounds).await.expect("no round came early");
}

#[tokio::test]
async fn a_log_that_grows_fast_makes_no_work_for_other_topics() {
    let journal = memory::Config { segment_bytes: 10_000, ..memory::Config::default() };
    let hour = Duration::from_secs(3_600);
    let config = Config { checkpoint_bytes: 1 << 16, upkeep_interval: hour, ..Config::default() };
    let fixture = Fixture::with(MemoryJournal::new(journal), config).await;
    let (orders, other) = (topic(), "other".parse().unwrap());
    fixture.broker.create_topic("other".parse().unwrap(), TopicSettings::default()).await.unwrap();
    fixture.topic(TopicSettings::default()).await;
    fixture.subscribe("a", SubscriptionSettings::default()).await;
    let first = |name| fixture.broker.topic_stats(name).unwrap().first_position;
    let several_rounds = async {
        // Each time there is enough of the other one for two checkpoints of its own, and nobody wants it.
        while first(&orders) < 3_000 {
            let filler = crate::fixture::message(&"x".repeat(10_000));
            fixture.broker.publish(&other, vec![filler]).await.unwrap();
            fill(&fixture, 100).await;
            fixture.drain("a").await;
        }
    };
    tokio::time::timeout(seconds(60), several_rounds).await.expect("no round came early");
    assert_eq!(first(&other), 1);
    upkeep(&fixture).await;
    assert!(first(&other) > 1, "its round comes");
}

#[tokio::test]
async fn a_dead_letter_a_delayed_message_and_a_slow_key_are_carried_forward_and_pin_nothing() {
    let mut fixture = small_segments().await;
    fixture.topic(TopicSettings::default()).await;
    fixture.subscribe("a", SubscriptionSettings { max_attempts: 1, ..no_backoff() }).await;
    let mut later = crate::fixture::message("later");
    later.meta.deliver_at = fixture.broker.now().plus(seconds(86_400));
    fixture.broker.publish(&topic(), vec![later, crate::fixture::message("bad")]).await.unwrap();
    let bad = fixture.take("a").await;
    fixture.nack("a", &bad, None).await;
    for _ in 0..5 {
        fill(&fixture, 40).await;
        fixture.drain("a").await;
        upkeep(&fixture).await;
    }
    assert!(fixture.broker.topic_stats(&topic()).unwrap().first_position > 100);
    fixture.crash().await;
    assert_eq!(fixture.broker.subscription_stats(&sub("a")).await.unwrap().counts.dead_letters, 1);
    fixture.pass(seconds(86_400)).await;
    assert_eq!(fixture.drain("a").await, ["later"]);
    assert_eq!(fixture.backlog("a").await, 0);
}

#[tokio::test]
async fn an_unsettled_message_expires_at_the_retention_age_and_is_counted() {
    let fixture = small_segments().await;
    let retention = RetentionPolicy { max_age: seconds(3_600), ..RetentionPolicy::default() };
    fixture.topic(TopicSettings { retention, ..TopicSettings::default() }).await;
    fixture.subscribe("a", SubscriptionSettings::default()).await;
    fill(&fixture, 20).await;
    fixture.pass(seconds(3_000)).await;
    fixture.publish(&["young"]).await;
    fixture.pass(seconds(601)).await;
    upkeep(&fixture).await;
    let stats = fixture.broker.subscription_stats(&sub("a")).await.unwrap();
    assert_eq!((stats.backlog, stats.counts.expired_age), (1, 20));
    assert_eq!(texts(&fixture.take("a").await), ["young"]);
}

#[tokio::test]
async fn at_the_byte_limit_the_oldest_are_dropped_if_the_topic_says_so_and_counted() {
    let fixture = small_segments().await;
    let retention = RetentionPolicy {
        max_bytes: Some(1 << 20),
        at_max_bytes: ByteLimitAction::DropOldest,
        ..RetentionPolicy::default()
    };
    fixture.topic(TopicSettings { retention, ..TopicSettings::default() }).await;
    fixture.subscribe("a", SubscriptionSettings::default()).await;
    fill(&fixture, 2_000).await;
    upkeep(&fixture).await;
    let stats = fixture.broker.subscription_stats(&sub("a")).await.unwrap();
    assert!(stats.counts.expired_bytes > 800, "{stats:?}");
    assert_eq!(stats.backlog + stats.counts.expired_bytes, 2_000);
    assert!(fixture.broker.topic_stats(&topic()).unwrap().log_bytes <= 1 << 20);
    assert_eq!(fixture.drain("a").await.len() as u64, stats.backlog);
}

#[tokio::test]
async fn settled_messages_are_kept_for_replay_if_the_topic_says_so_until_they_are_too_old() {
    let fixture = small_segments().await;
    let retention = RetentionPolicy { max_age: seconds(3_600), ..RetentionPolicy::default() };
    fixture.topic(TopicSettings { retention, keep_settled: true, ..TopicSettings::default() }).await;
    fixture.subscribe("a", SubscriptionSettings::default()).await;
    fill(&fixture, 100).await;
    fixture.drain("a").await;
    upkeep(&fixture).await;
    fixture.broker.seek(&sub("a"), broker::SeekTo::Earliest).await.unwrap();
    assert_eq!(fixture.drain("a").await.len(), 100);
    fixture.pass(seconds(3_601)).await;
    fill(&fixture, 20).await;
    upkeep(&fixture).await;
    assert!(fixture.broker.topic_stats(&topic()).unwrap().first_position > 80);
}

#[tokio::test]
async fn a_subscription_that_nobody_uses_is_deleted_after_the_time_it_allows() {
    let settings =
        SubscriptionSettings { expire_unused_after: Some(seconds(3_600)), ..SubscriptionSettings::default() };
    let fixture = Fixture::with_subscription(settings).await;
    fixture.pass(seconds(3_599)).await;
    fixture.broker.run_upkeep().await;
    fixture.take("a").await;
    fixture.pass(seconds(3_599)).await;
    fixture.broker.run_upkeep().await;
    assert!(fixture.broker.subscription(&sub("a")).is_ok(), "it was used");
    fixture.pass(Duration::from_secs(1)).await;
    fixture.broker.run_upkeep().await;
    assert!(fixture.broker.subscription(&sub("a")).is_err());
}

#[tokio::test]
async fn a_consumer_that_waits_uses_the_subscription_until_it_goes() {
    let settings =
        SubscriptionSettings { expire_unused_after: Some(seconds(3_600)), ..SubscriptionSettings::default() };
    let fixture = Fixture::with_subscription(settings).await;
    let mut consumer = fixture.consumer("a");
    assert!(ready(consumer.next(MANY)).await.is_none(), "it waits");
    fixture.pass(seconds(36_000)).await;
    drop(consumer);
    fixture.broker.run_upkeep().await;
    assert!(fixture.broker.subscription(&sub("a")).is_ok(), "it has time to come back");
    fixture.pass(seconds(3_600)).await;
    fixture.broker.run_upkeep().await;
    assert!(fixture.broker.subscription(&sub("a")).is_err());
}

#[tokio::test]
async fn retention_writes_nothing_for_a_subscription_that_has_nothing_to_lose() {
    let fixture = small_segments().await;
    let retention = RetentionPolicy { max_age: seconds(3_600), ..RetentionPolicy::default() };
    fixture.topic(TopicSettings { retention, ..TopicSettings::default() }).await;
    fixture.subscribe("a", SubscriptionSettings::default()).await;
    fill(&fixture, 5).await;
    fixture.drain("a").await;
    fixture.pass(seconds(3_601)).await;
    upkeep(&fixture).await;
    let before = fixture.broker.topic_stats(&topic()).unwrap().next_position;
    fixture.pass(seconds(36_000)).await;
    upkeep(&fixture).await;
    assert_eq!(fixture.broker.topic_stats(&topic()).unwrap().next_position, before);
}

#[tokio::test]
async fn a_message_that_was_carried_forward_becomes_no_older_by_that() {
    let fixture = small_segments().await;
    let retention = RetentionPolicy { max_age: seconds(3_600), ..RetentionPolicy::default() };
    fixture.topic(TopicSettings { retention, ..TopicSettings::default() }).await;
    fixture.subscribe("a", SubscriptionSettings::default()).await;
    let mut later = crate::fixture::message("later");
    later.meta.deliver_at = fixture.broker.now().plus(seconds(1_800));
    fixture.broker.publish(&topic(), vec![later]).await.unwrap();
    for _ in 0..3 {
        fill(&fixture, 80).await;
        fixture.drain("a").await;
        upkeep(&fixture).await;
    }
    assert!(fixture.broker.topic_stats(&topic()).unwrap().first_position > 100, "it was not carried");
    fixture.pass(seconds(1_800)).await;
    upkeep(&fixture).await;
    assert_eq!(fixture.drain("a").await, ["later"]);
}

#[tokio::test]
async fn a_message_can_be_leased_while_it_is_being_carried_forward() {
    let mut fixture = small_segments().await;
    fixture.topic(TopicSettings::default()).await;
    fixture.subscribe("a", no_backoff()).await;
    let mut later = crate::fixture::message("later");
    later.meta.deliver_at = fixture.broker.now().plus(seconds(1_800));
    fixture.broker.publish(&topic(), vec![later]).await.unwrap();
    fill(&fixture, 80).await;
    // A restart empties the shared cache: the message has to be read from where it is.
    fixture.crash().await;
    fixture.drain("a").await;
    fixture.journal.hold();
    let broker = fixture.broker.clone();
    let mut upkeep = tokio::spawn(async move { broker.run_upkeep().await });
    assert!(ready(&mut upkeep).await.is_none(), "it waits for the new place to be durable");
    fixture.clock.advance(seconds(1_800));
    assert_eq!(texts(&fixture.take("a").await), ["later"]);
    fixture.journal.release();
    upkeep.await.unwrap();
    fixture.pass(seconds(40)).await;
    assert_eq!(fixture.drain("a").await, ["later"], "from its new place");
}

#[tokio::test]
async fn a_message_that_was_carried_forward_after_a_seek_back_survives_a_crash() {
    let mut fixture = small_segments().await;
    fixture.topic(TopicSettings { keep_settled: true, ..TopicSettings::default() }).await;
    fixture.subscribe("a", SubscriptionSettings::default()).await;
    // Two checkpoints, both past what comes now.
    for _ in 0..2 {
        fill(&fixture, 100).await;
        fixture.drain("a").await;
        upkeep(&fixture).await;
    }
    fixture.broker.update_topic(&topic(), |settings| settings.keep_settled = false).await.unwrap();
    fixture.broker.seek(&sub("a"), broker::SeekTo::Earliest).await.unwrap();
    let taken = fixture.take("a").await;
    // The first one is carried forward, and the segments of the others go; no checkpoint is due.
    fixture.ack("a", &taken[1..90]).await;
    fixture.broker.run_upkeep().await;
    fixture.crash().await;
    assert_eq!(fixture.drain("a").await.len(), 111);
}

#[tokio::test]
async fn what_an_ack_that_is_not_durable_sets_free_is_kept_until_it_is() {
    let mut fixture = small_segments().await;
    fixture.topic(TopicSettings::default()).await;
    fixture.subscribe("a", SubscriptionSettings::default()).await;
    let mut taken = Vec::new();
    for _ in 0..2 {
        fill(&fixture, 100).await;
        taken.extend(fixture.take("a").await);
        upkeep(&fixture).await;
    }
    fixture.journal.hold();
    let subscriber = fixture.subscriber("a");
    let ids = crate::fixture::ids(&taken);
    let settling = subscriber.acknowledge(&ids).await.unwrap();
    assert!(ready(fixture.broker.run_upkeep()).await.is_none());
    drop(settling);
    fixture.crash().await;
    assert_eq!(fixture.drain("a").await.len(), 200);
}

#[tokio::test]
async fn settled_messages_kept_for_replay_go_one_segment_at_a_time_when_there_are_too_many_bytes() {
    let fixture = small_segments().await;
    let retention = RetentionPolicy {
        max_bytes: Some(1 << 20),
        at_max_bytes: ByteLimitAction::DropOldest,
        ..RetentionPolicy::default()
    };
    fixture.topic(TopicSettings { retention, keep_settled: true, ..TopicSettings::default() }).await;
    fixture.subscribe("a", SubscriptionSettings::default()).await;
    fill(&fixture, 990).await;
    fixture.drain("a").await;
    upkeep(&fixture).await;
    fill(&fixture, 20).await;
    fixture.drain("a").await;
    upkeep(&fixture).await;
    let bytes = fixture.broker.topic_stats(&topic()).unwrap().log_bytes;
    assert!((900_000..=1 << 20).contains(&bytes), "{bytes} bytes of 1 MiB are kept");
}

#[tokio::test]
async fn a_seek_to_the_earliest_message_finds_one_that_was_carried_forward_and_the_backlog_is_exact() {
    let mut fixture = small_segments().await;
    fixture.topic(TopicSettings::default()).await;
    fixture.subscribe("a", SubscriptionSettings::default()).await;
    let mut later = crate::fixture::message("later");
    later.meta.deliver_at = fixture.broker.now().plus(seconds(1_800));
    fixture.broker.publish(&topic(), vec![later]).await.unwrap();
    for _ in 0..3 {
        fill(&fixture, 80).await;
        fixture.drain("a").await;
        upkeep(&fixture).await;
    }
    assert!(fixture.broker.topic_stats(&topic()).unwrap().first_position > 100, "it was not carried");
    fixture.broker.seek(&sub("a"), broker::SeekTo::Earliest).await.unwrap();
    for crashes in 0..2 {
        let backlog = fixture.backlog("a").await;
        let ready = fixture.take("a").await.len() as u64;
        assert_eq!(backlog, ready + 1, "after {crashes} crashes: all that is kept is due but one");
        fixture.crash().await;
    }
    fixture.pass(seconds(1_800)).await;
    assert!(fixture.drain("a").await.contains(&"later".to_owned()));
    assert_eq!(fixture.backlog("a").await, 0);
}
