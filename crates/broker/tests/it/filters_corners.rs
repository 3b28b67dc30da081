//! Filter policies where it is easy to get wrong: what is bounded, what is left behind, what waits for whom.

use std::sync::Arc;

use broker::{BacklogAction, Broker, Config, SeekTo, StartPosition, UpdateSubscriptionError};
use journal::MemoryJournal;
use types::{FilterPolicy, FilterScope, ManualClock, SubscriptionSettings, Timestamp, TopicSettings, limits};

use crate::{
    filters::only,
    fixture::{Fixture, MANY, no_backoff, ready, sub, topic},
};

const A: &str = r#"{"t":"a"}"#;
const B: &str = r#"{"t":"b"}"#;
const AB: &str = r#"{"t":["a","b"]}"#;

async fn change(fixture: &Fixture, name: &str, to: &SubscriptionSettings, backlog: BacklogAction) {
    fixture.broker.update_subscription(&sub(name), |s| *s = to.clone(), backlog).await.unwrap();
}

#[tokio::test]
async fn a_filtered_subscription_that_was_waited_on_leaves_nothing_behind() {
    for filtered in [false, true] {
        let journal = Arc::new(MemoryJournal::default());
        let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1_000_000)));
        let broker = Broker::open(journal.clone(), clock, Arc::new(broker::PlainBodies), Config::default())
            .await
            .unwrap();
        broker.create_topic(topic(), TopicSettings::default()).await.unwrap();
        let settings = if filtered { only("a") } else { no_backoff() };
        broker.create_subscription(sub("s"), &topic(), settings, StartPosition::Latest).await.unwrap();
        {
            let mut consumer = broker.subscriber(&sub("s")).unwrap().consumer().unwrap();
            assert!(ready(consumer.next(MANY)).await.is_none());
        }
        broker.delete_subscription(&sub("s")).await.unwrap();
        broker.delete_topic(&topic(), true).await.unwrap();
        broker.shutdown().await.unwrap();
        let weak = Arc::downgrade(&journal);
        drop((broker, journal));
        for _ in 0..200 {
            tokio::task::yield_now().await;
        }
        assert_eq!(weak.strong_count(), 0, "filtered {filtered}: something holds the journal");
    }
}

#[tokio::test]
async fn a_policy_that_was_taken_away_while_it_was_judged_takes_no_messages_with_it() {
    let fixture = Fixture::new().await;
    fixture.topic(TopicSettings::default()).await;
    fixture.subscribe("a", only("a")).await;
    fixture.publish(&[A, AB]).await;
    change(&fixture, "a", &only("b"), BacklogAction::Keep).await;
    let taken = fixture.take("a").await;
    fixture.consumer("a").release(&crate::fixture::ids(&taken));
    assert_eq!(fixture.backlog("a").await, 2);
    // Touches a label, and asks for the backlog to be looked at again by the policy as it is.
    let name = sub("a");
    let label = |s: &mut SubscriptionSettings| drop(s.labels.insert("l".into(), String::new()));
    let update = fixture.broker.update_subscription(&name, label, BacklogAction::Reevaluate);
    tokio::pin!(update);
    let turn = std::future::poll_fn(|c| std::task::Poll::Ready(update.as_mut().poll(c).is_pending())).await;
    assert!(turn, "it yields after judging");
    // Meanwhile somebody takes the policy away: everything matches from now on, the backlog stays.
    fixture.broker.update_subscription(&sub("a"), |s| s.filter = None, BacklogAction::Keep).await.unwrap();
    let updated = update.await.unwrap();
    assert_eq!((updated.left, fixture.backlog("a").await), (0, 2), "no policy is in force");
}

#[tokio::test]
async fn policies_that_decide_over_an_era_are_bounded() {
    let fixture = Fixture::new().await;
    fixture.topic(TopicSettings::default()).await;
    fixture.subscribe("a", only("a")).await;
    fixture.publish(&[A]).await;
    for round in 0..20 * limits::FILTER_ERAS {
        let json = format!(r#"{{"t":["a","{round}"]}}"#).into();
        let filter = Some(FilterPolicy { json, scope: FilterScope::Body });
        let settings = SubscriptionSettings { filter, ..no_backoff() };
        let updated = fixture
            .broker
            .update_subscription(&sub("a"), |s| *s = settings.clone(), BacklogAction::Reevaluate)
            .await;
        if matches!(updated, Err(UpdateSubscriptionError::TooManyPolicies { .. })) {
            return;
        }
    }
    panic!("{} policies decide over one message", 20 * limits::FILTER_ERAS);
}

#[tokio::test]
async fn a_seek_and_a_restart_do_not_move_the_position_from_which_a_policy_decides() {
    let mut fixture = Fixture::new().await;
    fixture.topic(TopicSettings::default()).await;
    fixture.subscribe("a", only("a")).await;
    fixture.publish(&[A, B]).await;
    change(&fixture, "a", &only("b"), BacklogAction::Keep).await;
    let since = fixture.broker.policy_of(&sub("a")).unwrap().position;
    fixture.broker.seek(&sub("a"), SeekTo::Earliest).await.unwrap();
    let sought = fixture.broker.policy_of(&sub("a")).unwrap().position;
    change(&fixture, "a", &no_backoff(), BacklogAction::Keep).await;
    let cleared = fixture.broker.policy_of(&sub("a")).unwrap().position;
    fixture.drain("a").await;
    fixture.broker.shutdown().await.unwrap();
    fixture.crash().await;
    let restarted = fixture.broker.policy_of(&sub("a")).unwrap().position;
    assert_eq!((sought, restarted), (since, cleared));
}

#[tokio::test]
async fn a_crash_does_not_use_up_the_eras_of_a_subscription_without_a_backlog() {
    let mut fixture = Fixture::new().await;
    fixture.topic(TopicSettings::default()).await;
    fixture.subscribe("a", only("a")).await;
    for round in 0..=limits::FILTER_ERAS {
        fixture.publish(&[A, B]).await;
        fixture.drain("a").await;
        change(&fixture, "a", &only(if round % 2 == 0 { "b" } else { "a" }), BacklogAction::Keep).await;
    }
    fixture.publish(&[A, B]).await;
    fixture.drain("a").await;
    fixture.crash().await;
    assert_eq!(fixture.backlog("a").await, 0);
    change(&fixture, "a", &only("x"), BacklogAction::Keep).await;
}

#[tokio::test]
async fn upkeep_does_not_read_a_large_filtered_backlog_into_memory() {
    for filtered in [false, true] {
        let journal =
            journal::memory::Config { segment_bytes: 1 << 20, ..journal::memory::Config::default() };
        let fixture = Fixture::with(MemoryJournal::new(journal), Config::default()).await;
        fixture.topic(TopicSettings::default()).await;
        for name in ["x", "y", "z"] {
            fixture.subscribe(name, if filtered { only("a") } else { no_backoff() }).await;
        }
        for _ in 0..60 {
            fixture.publish(&[A; 1_000]).await;
        }
        for _ in 0..40 {
            fixture.broker.run_upkeep().await;
        }
        for name in ["x", "y", "z"] {
            let stats = fixture.broker.subscription_stats(&sub(name)).await.unwrap();
            assert!(stats.counts.ready <= 5_000, "filtered {filtered}: {} in hand", stats.counts.ready);
        }
    }
}

#[tokio::test]
async fn counting_a_backlog_does_not_hold_up_a_seek() {
    let fixture =
        Fixture::with(MemoryJournal::default(), Config { tail_cache_bytes: 1 << 20, ..Config::default() })
            .await;
    fixture.topic(TopicSettings { keep_settled: true, ..TopicSettings::default() }).await;
    fixture.subscribe("a", only("a")).await;
    fixture.subscribe("other", no_backoff()).await;
    let large = format!(r#"{{"t":"b","f":"{}"}}"#, "x".repeat(10_000));
    for _ in 0..3_000 {
        fixture.publish(&[&large]).await;
    }
    fixture.broker.seek(&sub("a"), SeekTo::Earliest).await.unwrap();
    let upkeep = fixture.broker.run_upkeep();
    tokio::pin!(upkeep);
    // One turn: upkeep has begun to count.
    let _ = std::future::poll_fn(|c| std::task::Poll::Ready(upkeep.as_mut().poll(c).is_pending())).await;
    let name = sub("other");
    let seek = fixture.broker.seek(&name, SeekTo::Latest);
    tokio::pin!(seek);
    let mut turns = 0;
    loop {
        let done = std::future::poll_fn(|c| std::task::Poll::Ready(seek.as_mut().poll(c).is_ready())).await;
        if done {
            break;
        }
        turns += 1;
        let _ = std::future::poll_fn(|c| std::task::Poll::Ready(upkeep.as_mut().poll(c).is_pending())).await;
    }
    assert!(turns < 10, "the seek of another subscription waited for {turns} blocks");
}
