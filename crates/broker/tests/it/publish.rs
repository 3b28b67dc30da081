use journal::{MemoryJournal, memory};
use types::{SubscriptionSettings, TopicSettings};

use crate::fixture::{Fixture, message, ready, seconds, texts, topic};

#[tokio::test]
async fn every_subscription_gets_its_own_queue_of_every_message() {
    let fixture = Fixture::new().await;
    fixture.topic(TopicSettings::default()).await;
    fixture.subscribe("a", SubscriptionSettings::default()).await;
    fixture.subscribe("b", SubscriptionSettings::default()).await;
    let published = fixture.publish(&["1", "2", "3"]).await;
    assert!(published.iter().all(|p| p.matched == 2 && !p.deduplicated));
    assert_eq!(fixture.drain("a").await, ["1", "2", "3"]);
    assert_eq!(fixture.drain("b").await, ["1", "2", "3"]);
}

#[tokio::test]
async fn sequences_increase_and_the_message_id_says_where_the_message_is() {
    let fixture = Fixture::with_subscription(SubscriptionSettings::default()).await;
    let published = fixture.publish(&["1", "2"]).await;
    assert!(published[0].id < published[1].id);
    let taken = fixture.take("a").await;
    assert_eq!(taken.iter().map(|d| d.message_id).collect::<Vec<_>>(), [published[0].id, published[1].id]);
}

#[tokio::test]
async fn a_publish_is_answered_and_visible_only_once_it_is_durable() {
    let fixture = Fixture::with_subscription(SubscriptionSettings::default()).await;
    fixture.journal.hold();
    let orders = topic();
    let publish = fixture.broker.publish(&orders, vec![message("1")]);
    tokio::pin!(publish);
    assert!(ready(&mut publish).await.is_none(), "answered before it was durable");
    assert!(fixture.take("a").await.is_empty(), "delivered before it was durable");
    fixture.journal.release();
    assert_eq!(publish.await.unwrap().len(), 1);
    assert_eq!(texts(&fixture.take("a").await), ["1"]);
}

#[tokio::test]
async fn a_delayed_message_is_delivered_when_its_time_has_come() {
    let fixture = Fixture::with_subscription(SubscriptionSettings::default()).await;
    let mut later = message("later");
    later.meta.deliver_at = fixture.broker.now().plus(seconds(60));
    fixture.broker.publish(&topic(), vec![later, message("now")]).await.unwrap();
    assert_eq!(fixture.drain("a").await, ["now"]);
    fixture.pass(seconds(59)).await;
    assert!(fixture.take("a").await.is_empty());
    fixture.pass(seconds(1)).await;
    assert_eq!(fixture.drain("a").await, ["later"]);
}

#[tokio::test]
async fn an_expired_message_is_not_delivered_and_is_counted() {
    let fixture = Fixture::with_subscription(SubscriptionSettings::default()).await;
    let mut short = message("short");
    short.meta.expire_at = Some(fixture.broker.now().plus(seconds(10)));
    fixture.broker.publish(&topic(), vec![short]).await.unwrap();
    fixture.pass(seconds(10)).await;
    assert!(fixture.take("a").await.is_empty());
    fixture.pass(seconds(1)).await;
    let stats = fixture.broker.subscription_stats(&crate::fixture::sub("a")).await.unwrap();
    assert_eq!((stats.backlog, stats.counts.expired_message), (0, 1));
}

#[tokio::test]
async fn a_publish_without_room_is_refused_and_stores_nothing() {
    let config = memory::Config { capacity_bytes: 4_000, ..memory::Config::default() };
    let fixture = Fixture::with(MemoryJournal::new(config), broker::Config::default()).await;
    fixture.topic(TopicSettings::default()).await;
    fixture.subscribe("a", SubscriptionSettings::default()).await;
    let large = "x".repeat(1_000);
    let mut accepted = 0;
    let refusal = loop {
        match fixture.broker.publish(&topic(), vec![message(&large)]).await {
            Ok(_) => accepted += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(refusal, broker::PublishError::Unavailable(broker::Unavailable::OutOfSpace));
    assert_eq!(fixture.drain("a").await.len(), accepted, "what was accepted is delivered and can be settled");
}

#[tokio::test]
async fn a_delay_past_the_retention_age_is_refused_with_the_field_and_the_limit() {
    let fixture = Fixture::with_subscription(SubscriptionSettings::default()).await;
    let mut late = message("late");
    late.meta.deliver_at = fixture.broker.now().plus(seconds(7 * 86_400));
    let refused = fixture.broker.publish(&topic(), vec![message("x"), late]).await;
    let Err(broker::PublishError::Invalid(invalid)) = refused else { panic!("{refused:?}") };
    assert_eq!(invalid.field, "messages[1].deliver_after");
    assert!(invalid.reason.contains("604800"), "{}", invalid.reason);
}
