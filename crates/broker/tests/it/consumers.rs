use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Wake, Waker},
};

use broker::{Ask, ConsumeError, Unavailable};
use tokio::task::JoinHandle;
use types::{SubscriptionSettings, limits};

use crate::fixture::{Fixture, MANY, ids, ready, seconds, sub, texts};

#[tokio::test]
async fn a_waiting_consumer_gets_the_next_message() {
    let fixture = Fixture::with_subscription(SubscriptionSettings::default()).await;
    let mut consumer = fixture.consumer("a");
    let next = consumer.next(MANY);
    tokio::pin!(next);
    assert!(ready(&mut next).await.is_none());
    fixture.publish(&["1"]).await;
    assert_eq!(texts(&ready(next).await.unwrap().unwrap()), ["1"]);
}

/// A consumer in a task of its own that takes once and goes.
fn taker(fixture: &Fixture) -> JoinHandle<usize> {
    let mut consumer = fixture.consumer("a");
    tokio::spawn(async move { consumer.next(MANY).await.unwrap().len() })
}

#[tokio::test]
async fn a_consumer_that_waits_is_served_though_others_took_and_went() {
    let fixture = Fixture::with_subscription(SubscriptionSettings::default()).await;
    let mut takers: Vec<_> = (0..4).map(|_| taker(&fixture)).collect();
    assert!(ready(&mut takers[0]).await.is_none(), "all of them wait by now");
    for _ in 0..4 {
        fixture.publish(&["one"]).await;
    }
    for taker in takers {
        assert_eq!(taker.await.unwrap(), 1);
    }
}

#[tokio::test]
async fn consumers_that_wait_share_what_comes() {
    let fixture = Fixture::with_subscription(SubscriptionSettings::default()).await;
    let mut takers: Vec<_> = (0..4).map(|_| taker(&fixture)).collect();
    assert!(ready(&mut takers[0]).await.is_none(), "all of them wait by now");
    fixture.publish(&["m"; 100]).await;
    let mut shares = Vec::new();
    for taker in takers {
        shares.push(taker.await.unwrap());
    }
    assert_eq!(shares.iter().sum::<usize>(), 100, "{shares:?}");
    assert!(shares.iter().all(|share| *share >= 10), "{shares:?}");
}

#[tokio::test]
async fn no_message_is_under_two_leases_at_a_time() {
    let fixture = Fixture::with_subscription(SubscriptionSettings::default()).await;
    fixture.publish(&["m"; 50]).await;
    let mut seen = HashSet::new();
    for _ in 0..10 {
        let mut consumer = fixture.consumer("a");
        let ask = Ask { max_messages: 7, max_bytes: u64::MAX };
        let Some(deliveries) = ready(consumer.next(ask)).await else { break };
        for delivery in deliveries.unwrap() {
            assert!(seen.insert(delivery.message_id));
        }
    }
    assert_eq!(seen.len(), 50);
}

#[tokio::test]
async fn the_in_flight_limit_holds_and_an_ack_makes_room() {
    let settings = SubscriptionSettings { max_in_flight: 2, ..SubscriptionSettings::default() };
    let fixture = Fixture::with_subscription(settings).await;
    fixture.publish(&["1", "2", "3"]).await;
    let taken = fixture.take("a").await;
    assert_eq!(texts(&taken), ["1", "2"]);
    let mut consumer = fixture.consumer("a");
    let next = consumer.next(MANY);
    tokio::pin!(next);
    assert!(ready(&mut next).await.is_none());
    fixture.ack("a", &taken[..1]).await;
    assert_eq!(texts(&ready(next).await.unwrap().unwrap()), ["3"]);
}

#[tokio::test]
async fn a_call_that_is_dropped_leases_nothing() {
    let fixture = Fixture::with_subscription(SubscriptionSettings::default()).await;
    {
        let mut consumer = fixture.consumer("a");
        let next = consumer.next(MANY);
        tokio::pin!(next);
        assert!(ready(&mut next).await.is_none());
    }
    fixture.publish(&["1"]).await;
    let taken = fixture.take("a").await;
    assert!(taken[0].first_delivery);
}

#[tokio::test]
async fn what_could_not_be_sent_comes_again_at_once_and_costs_no_attempt() {
    let fixture = Fixture::with_subscription(SubscriptionSettings {
        max_attempts: 1,
        ..SubscriptionSettings::default()
    })
    .await;
    fixture.publish(&["1"]).await;
    let taken = fixture.take("a").await;
    fixture.consumer("a").release(&ids(&taken));
    assert_eq!(fixture.take("a").await[0].attempt, 1);
}

#[tokio::test]
async fn one_consumer_more_than_the_limit_is_refused() {
    let fixture = Fixture::with_subscription(SubscriptionSettings::default()).await;
    let mut consumers: Vec<_> =
        (0..limits::CONSUMERS_PER_SUBSCRIPTION).map(|_| fixture.consumer("a")).collect();
    let limit = limits::CONSUMERS_PER_SUBSCRIPTION;
    assert_eq!(fixture.subscriber("a").consumer().unwrap_err(), ConsumeError::TooManyConsumers { limit });
    consumers.pop();
    assert!(fixture.subscriber("a").consumer().is_ok());
}

#[tokio::test]
async fn a_waiting_consumer_learns_that_its_subscription_is_gone_or_the_broker_stops() {
    let fixture = Fixture::with_subscription(SubscriptionSettings::default()).await;
    fixture.subscribe("b", SubscriptionSettings::default()).await;
    let (mut of_a, mut of_b) = (fixture.consumer("a"), fixture.consumer("b"));
    let (on_a, on_b) = (of_a.next(MANY), of_b.next(MANY));
    tokio::pin!(on_a, on_b);
    assert!(ready(&mut on_a).await.is_none() && ready(&mut on_b).await.is_none());
    fixture.broker.delete_subscription(&sub("a")).await.unwrap();
    assert!(matches!(ready(on_a).await, Some(Err(ConsumeError::NotFound(_)))));
    fixture.broker.start_drain();
    assert_eq!(ready(on_b).await, Some(Err(ConsumeError::Unavailable(Unavailable::Draining))));
}

#[tokio::test]
async fn a_paused_subscription_delivers_nothing_until_it_is_resumed() {
    let fixture = Fixture::with_subscription(SubscriptionSettings::default()).await;
    fixture.publish(&["1", "2"]).await;
    let mut consumer = fixture.consumer("a");
    let first = consumer.next(Ask { max_messages: 1, max_bytes: u64::MAX }).await.unwrap();
    fixture.broker.pause(&sub("a")).await.unwrap();
    let next = consumer.next(MANY);
    tokio::pin!(next);
    assert!(ready(&mut next).await.is_none());
    fixture.ack("a", &first).await;
    fixture.broker.resume(&sub("a")).await.unwrap();
    assert_eq!(texts(&ready(next).await.unwrap().unwrap()), ["2"]);
    fixture.pass(seconds(1)).await;
}

#[tokio::test]
async fn an_ack_of_one_subscription_does_not_wake_the_consumers_of_another() {
    let fixture = Fixture::with_subscription(SubscriptionSettings::default()).await;
    fixture.subscribe("b", SubscriptionSettings::default()).await;
    fixture.publish(&["1"]).await;
    fixture.drain("b").await;
    let taken = fixture.take("a").await;
    let mut consumer = fixture.consumer("b");
    let next = consumer.next(MANY);
    tokio::pin!(next);
    assert!(ready(&mut next).await.is_none());
    let wakes = Arc::new(Wakes::default());
    let waker = Waker::from(wakes.clone());
    assert!(next.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    fixture.ack("a", &taken).await;
    assert!(ready(std::future::pending::<()>()).await.is_none());
    assert_eq!(wakes.0.load(Ordering::SeqCst), 0);
    fixture.publish(&["2"]).await;
    assert_eq!(texts(&ready(next).await.unwrap().unwrap()), ["2"]);
}

#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[tokio::test]
async fn what_makes_messages_available_without_a_new_one_wakes_who_waits() {
    let fixture = Fixture::with_subscription(SubscriptionSettings::default()).await;
    fixture.subscribe("keeper", SubscriptionSettings::default()).await;
    fixture.broker.pause(&sub("a")).await.unwrap();
    let mut consumer = fixture.consumer("a");
    {
        let next = consumer.next(MANY);
        tokio::pin!(next);
        assert!(ready(&mut next).await.is_none());
        fixture.publish(&["1"]).await;
        assert!(ready(&mut next).await.is_none());
        fixture.broker.resume(&sub("a")).await.unwrap();
        assert_eq!(ready(next).await.unwrap().unwrap().len(), 1, "resuming did not wake");
    }
    let next = consumer.next(MANY);
    tokio::pin!(next);
    assert!(ready(&mut next).await.is_none());
    fixture.broker.seek(&sub("a"), broker::SeekTo::Earliest).await.unwrap();
    assert_eq!(ready(next).await.unwrap().unwrap().len(), 1, "the seek did not wake");
}

#[tokio::test]
async fn at_the_in_flight_limit_nobody_reads_the_whole_backlog_into_the_window() {
    let settings = SubscriptionSettings { max_in_flight: 1, ..SubscriptionSettings::default() };
    let fixture = Fixture::with_subscription(settings).await;
    for _ in 0..20 {
        fixture.publish(&["m"; 1_000]).await;
    }
    let one = Ask { max_messages: 1, max_bytes: u64::MAX };
    let (mut holder, mut other) = (fixture.consumer("a"), fixture.consumer("a"));
    holder.next(one).await.unwrap();
    assert!(other.try_next(one).await.unwrap().is_empty());
    let counts = fixture.broker.subscription_stats(&sub("a")).await.unwrap().counts;
    assert!(counts.ready < 1_000, "{counts:?}");
}

#[tokio::test]
async fn whoever_waits_only_for_a_delivery_mark_is_not_forgotten() {
    let fixture = Fixture::with_subscription(SubscriptionSettings::default()).await;
    fixture.publish(&["1"]).await;
    fixture.journal.hold();
    let (mut first, mut second, mut third) =
        (fixture.consumer("a"), fixture.consumer("a"), fixture.consumer("a"));
    let patient = first.next(MANY);
    let (hasty, hastier) = (second.try_next(MANY), third.try_next(MANY));
    tokio::pin!(patient, hasty, hastier);
    assert!(ready(&mut patient).await.is_none());
    assert!(ready(&mut hasty).await.is_none() && ready(&mut hastier).await.is_none());
    fixture.journal.release();
    assert_eq!(ready(patient).await.unwrap().unwrap().len(), 1);
    assert_eq!(ready(hasty).await, Some(Ok(Vec::new())));
    assert_eq!(ready(hastier).await, Some(Ok(Vec::new())));
}

#[tokio::test]
async fn a_consumer_that_waits_and_does_not_look_does_not_keep_a_message_from_another() {
    let fixture = Fixture::with_subscription(SubscriptionSettings::default()).await;
    let (mut stalled, mut lively) = (fixture.consumer("a"), fixture.consumer("a"));
    let (never_again, next) = (stalled.next(MANY), lively.next(MANY));
    tokio::pin!(never_again, next);
    assert!(ready(&mut never_again).await.is_none());
    assert!(ready(&mut next).await.is_none());
    fixture.publish(&["1"]).await;
    assert_eq!(texts(&ready(next).await.unwrap().unwrap()), ["1"]);
}
