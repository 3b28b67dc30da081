//! A caller that goes away half-way leaves memory and log saying the same.

use broker::{BacklogAction, StartPosition};
use types::{Labels, SubscriptionSettings, TopicSettings};

use crate::fixture::{Fixture, ready, sub, topic};

/// Begins something while nothing gets to the disk, and goes away.
async fn abandon(fixture: &Fixture, work: impl Future) {
    fixture.journal.hold();
    {
        tokio::pin!(work);
        assert!(ready(&mut work).await.is_none(), "it did not wait for the disk");
    }
    fixture.journal.release();
    // Whatever goes on without its caller gets its turns.
    assert!(ready(std::future::pending::<()>()).await.is_none());
}

#[tokio::test]
async fn a_topic_whose_deletion_was_abandoned_is_deleted_and_accepts_nothing() {
    let mut fixture = Fixture::with_subscription(SubscriptionSettings::default()).await;
    let orders = topic();
    abandon(&fixture, fixture.broker.delete_topic(&orders, false)).await;
    assert!(fixture.broker.publish(&topic(), vec![crate::fixture::message("1")]).await.is_err());
    fixture.crash().await;
    assert!(fixture.broker.topic(&topic()).is_err());
}

#[tokio::test]
async fn a_topic_whose_creation_was_abandoned_is_there_once() {
    let mut fixture = Fixture::new().await;
    abandon(&fixture, fixture.broker.create_topic(topic(), TopicSettings::default())).await;
    fixture.topic(TopicSettings::default()).await;
    fixture.broker.delete_topic(&topic(), false).await.unwrap();
    fixture.crash().await;
    assert!(fixture.broker.topic(&topic()).is_err(), "a deleted topic is back");
}

#[tokio::test]
async fn a_subscription_whose_creation_was_abandoned_is_there_once() {
    let mut fixture = Fixture::with_subscription(SubscriptionSettings::default()).await;
    let orders = topic();
    let settings = SubscriptionSettings::default();
    abandon(&fixture, fixture.broker.create_subscription(sub("b"), &orders, settings, StartPosition::Latest))
        .await;
    fixture.subscribe("b", SubscriptionSettings::default()).await;
    fixture.crash().await;
    fixture.broker.delete_subscription(&sub("b")).await.unwrap();
    assert_eq!(
        fixture.broker.topic_stats(&topic()).unwrap().subscriptions,
        1,
        "one is left that nobody can see"
    );
}

#[tokio::test]
async fn changes_at_once_with_different_fields_are_all_made() {
    let fixture = Fixture::with_subscription(SubscriptionSettings::default()).await;
    let mut tasks = tokio::task::JoinSet::new();
    for index in 0..20 {
        let broker = fixture.broker.clone();
        tasks.spawn(async move {
            let name = format!("l{index}");
            broker
                .update_topic(&topic(), |s| drop(s.labels.insert(name.clone(), String::new())))
                .await
                .unwrap();
            broker
                .update_subscription(
                    &sub("a"),
                    |s| drop(s.labels.insert(name.clone(), String::new())),
                    BacklogAction::Keep,
                )
                .await
                .unwrap();
        });
    }
    tasks.join_all().await;
    assert_eq!(fixture.broker.topic(&topic()).unwrap().settings.labels.len(), 20);
    assert_eq!(fixture.broker.subscription(&sub("a")).unwrap().settings.labels.len(), 20);
}

#[tokio::test]
async fn creating_what_exists_is_answered_only_once_its_settings_are_durable() {
    let mut fixture = Fixture::with_subscription(SubscriptionSettings::default()).await;
    let labelled = Labels::from([("l".to_owned(), String::new())]);
    let topic_settings = TopicSettings { labels: labelled.clone(), ..TopicSettings::default() };
    let settings = SubscriptionSettings { labels: labelled.clone(), ..SubscriptionSettings::default() };
    fixture.journal.hold();
    let broker = fixture.broker.clone();
    let orders = topic();
    let update = broker.update_topic(&orders, |s| s.labels.clone_from(&labelled));
    assert!(ready(update).await.is_none());
    let name = sub("a");
    let update = broker.update_subscription(&name, |s| s.labels.clone_from(&labelled), BacklogAction::Keep);
    assert!(ready(update).await.is_none());
    assert!(ready(broker.create_topic(topic(), topic_settings.clone())).await.is_none());
    let start = StartPosition::Latest;
    let again = broker.create_subscription(sub("a"), &orders, settings.clone(), start);
    assert!(ready(again).await.is_none());
    fixture.crash().await;
    assert_eq!(fixture.broker.topic(&topic()).unwrap().settings, TopicSettings::default());
    assert_eq!(fixture.broker.subscription(&sub("a")).unwrap().settings, SubscriptionSettings::default());
}

#[tokio::test]
async fn pausing_what_is_paused_is_answered_only_once_the_first_pause_is_durable() {
    let mut fixture = Fixture::with_subscription(SubscriptionSettings::default()).await;
    let name = sub("a");
    fixture.journal.hold();
    assert!(ready(fixture.broker.pause(&name)).await.is_none());
    let answered = ready(fixture.broker.pause(&name)).await;
    assert!(answered.is_none(), "{answered:?} before the disk has it");
    fixture.crash().await;
    assert!(!fixture.broker.subscription(&name).unwrap().paused, "nobody was told that it is paused");
    fixture.broker.pause(&name).await.unwrap();
    fixture.broker.pause(&name).await.unwrap();
    fixture.crash().await;
    assert!(fixture.broker.subscription(&name).unwrap().paused);
}
