use broker::NewMessage;
use types::{SubscriptionSettings, TopicSettings};

use crate::fixture::{Fixture, message, ready, seconds, topic};

fn with_id(text: &str, id: &str) -> NewMessage {
    let mut message = message(text);
    message.meta.deduplication_id = Some(id.into());
    message
}

#[tokio::test]
async fn a_second_publish_with_the_same_id_stores_nothing_and_returns_the_first_ones_id() {
    let fixture = Fixture::with_subscription(SubscriptionSettings::default()).await;
    let first = fixture.broker.publish(&topic(), vec![with_id("1", "x")]).await.unwrap();
    let again = fixture.broker.publish(&topic(), vec![with_id("2", "x"), with_id("3", "y")]).await.unwrap();
    assert_eq!((again[0].id, again[0].deduplicated, again[0].matched), (first[0].id, true, 0));
    assert!(!again[1].deduplicated);
    assert_eq!(fixture.drain("a").await, ["1", "3"]);
}

#[tokio::test]
async fn two_messages_of_one_publish_with_the_same_id_are_one() {
    let fixture = Fixture::with_subscription(SubscriptionSettings::default()).await;
    let published =
        fixture.broker.publish(&topic(), vec![with_id("1", "x"), with_id("2", "x")]).await.unwrap();
    assert_eq!((published[1].id, published[1].deduplicated), (published[0].id, true));
    assert_eq!(fixture.drain("a").await, ["1"]);
}

#[tokio::test]
async fn an_id_is_known_across_a_crash_with_and_without_a_checkpoint() {
    let mut fixture = Fixture::with_subscription(SubscriptionSettings::default()).await;
    let first = fixture.broker.publish(&topic(), vec![with_id("1", "x")]).await.unwrap();
    fixture.crash().await;
    let again = fixture.broker.publish(&topic(), vec![with_id("2", "x")]).await.unwrap();
    assert_eq!((again[0].id, again[0].deduplicated), (first[0].id, true));
    fixture.broker.shutdown().await.unwrap();
    fixture.crash().await;
    let again = fixture.broker.publish(&topic(), vec![with_id("3", "x")]).await.unwrap();
    assert_eq!((again[0].id, again[0].deduplicated), (first[0].id, true));
}

#[tokio::test]
async fn ids_of_a_client_that_counts_are_known_across_a_crash_with_and_without_a_checkpoint() {
    let mut fixture = Fixture::with_subscription(SubscriptionSettings::default()).await;
    let batch = |texts: [&str; 3]| texts.map(|id| with_id(id, id)).to_vec();
    let first = fixture.broker.publish(&topic(), batch(["c-1", "c-2", "c-3"])).await.unwrap();
    fixture.crash().await;
    let again = fixture.broker.publish(&topic(), batch(["c-3", "c-4", "c-2"])).await.unwrap();
    assert_eq!((again[0].id, again[2].id, again[1].deduplicated), (first[2].id, first[1].id, false));
    fixture.broker.shutdown().await.unwrap();
    fixture.crash().await;
    let once_more = fixture.broker.publish(&topic(), batch(["c-4", "c-1", "c-5"])).await.unwrap();
    assert_eq!(
        (once_more[0].id, once_more[1].id, once_more[2].deduplicated),
        (again[1].id, first[0].id, false)
    );
}

#[tokio::test]
async fn after_the_window_the_same_id_is_a_new_message() {
    let fixture = Fixture::with_subscription(SubscriptionSettings::default()).await;
    let first = fixture.broker.publish(&topic(), vec![with_id("1", "x")]).await.unwrap();
    fixture.pass(seconds(299)).await;
    assert!(fixture.broker.publish(&topic(), vec![with_id("2", "x")]).await.unwrap()[0].deduplicated);
    fixture.pass(seconds(1)).await;
    let later = fixture.broker.publish(&topic(), vec![with_id("3", "x")]).await.unwrap();
    assert!(!later[0].deduplicated && later[0].id > first[0].id);
}

#[tokio::test]
async fn a_window_of_zero_turns_deduplication_off() {
    let fixture = Fixture::new().await;
    fixture.topic(TopicSettings { deduplication_window: seconds(0), ..TopicSettings::default() }).await;
    fixture.subscribe("a", SubscriptionSettings::default()).await;
    fixture.broker.publish(&topic(), vec![with_id("1", "x"), with_id("2", "x")]).await.unwrap();
    assert_eq!(fixture.drain("a").await, ["1", "2"]);
}

#[tokio::test]
async fn a_duplicate_is_not_answered_before_the_message_it_duplicates_is_durable() {
    let fixture = Fixture::with_subscription(SubscriptionSettings::default()).await;
    fixture.journal.hold();
    let orders = topic();
    let first = fixture.broker.publish(&orders, vec![with_id("1", "x")]);
    tokio::pin!(first);
    assert!(ready(&mut first).await.is_none());
    let second = fixture.broker.publish(&orders, vec![with_id("1", "x")]);
    tokio::pin!(second);
    assert!(
        ready(&mut second).await.is_none(),
        "the duplicate was answered while the original could still be lost"
    );
    fixture.journal.release();
    assert_eq!(first.await.unwrap()[0].id, second.await.unwrap()[0].id);
}

async fn set_window(fixture: &Fixture, window: u64) {
    let change = |settings: &mut TopicSettings| settings.deduplication_window = seconds(window);
    fixture.broker.update_topic(&topic(), change).await.unwrap();
}

#[tokio::test]
async fn an_id_that_came_while_the_window_was_zero_is_not_known_after_a_crash_either() {
    let mut fixture = Fixture::with_subscription(SubscriptionSettings::default()).await;
    set_window(&fixture, 0).await;
    fixture.broker.publish(&topic(), vec![with_id("1", "a-1")]).await.unwrap();
    set_window(&fixture, 300).await;
    fixture.crash().await;
    let second = fixture.broker.publish(&topic(), vec![with_id("2", "a-1")]).await.unwrap();
    assert!(!second[0].deduplicated);
    fixture.crash().await;
    let third = fixture.broker.publish(&topic(), vec![with_id("3", "a-1")]).await.unwrap();
    assert_eq!((third[0].id, third[0].deduplicated), (second[0].id, true));
}

#[tokio::test]
async fn an_id_that_was_forgotten_before_the_window_was_widened_is_not_known_after_a_crash_either() {
    let mut fixture = Fixture::with_subscription(SubscriptionSettings::default()).await;
    set_window(&fixture, 10).await;
    let ids = || vec![with_id("1", "a-1"), with_id("2", "other")];
    fixture.broker.publish(&topic(), ids()).await.unwrap();
    fixture.pass(seconds(11)).await;
    fixture.publish(&["forgets"]).await;
    set_window(&fixture, 300).await;
    let again = fixture.broker.publish(&topic(), vec![with_id("3", "a-1")]).await.unwrap();
    assert!(!again[0].deduplicated);
    fixture.crash().await;
    let after = fixture.broker.publish(&topic(), ids()).await.unwrap();
    assert_eq!((after[0].id, after[0].deduplicated, after[1].deduplicated), (again[0].id, true, false));
}
