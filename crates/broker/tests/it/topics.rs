use broker::{CreateTopicError, DeleteTopicError, Page, PublishError};
use types::{ProjectId, SubscriptionSettings, TopicSettings};

use crate::fixture::{Fixture, message, seconds, sub, topic};

#[tokio::test]
async fn creating_a_topic_twice_is_fine_if_it_is_the_same() {
    let fixture = Fixture::new().await;
    let first = fixture.broker.create_topic(topic(), TopicSettings::default()).await.unwrap();
    assert_eq!(fixture.broker.create_topic(topic(), TopicSettings::default()).await, Ok(first));
    let other = TopicSettings { keep_settled: true, ..TopicSettings::default() };
    assert_eq!(fixture.broker.create_topic(topic(), other).await, Err(CreateTopicError::Exists(topic())));
}

#[tokio::test]
async fn a_topic_with_backlog_is_deleted_only_by_force() {
    let fixture = Fixture::with_subscription(SubscriptionSettings::default()).await;
    fixture.publish(&["1"]).await;
    let refused = fixture.broker.delete_topic(&topic(), false).await;
    assert_eq!(
        refused,
        Err(DeleteTopicError::Backlog { subscription: sub("a"), backlog: 1, dead_letters: 0 })
    );
    fixture.broker.delete_topic(&topic(), true).await.unwrap();
    assert!(fixture.broker.topic(&topic()).is_err() && fixture.broker.subscription(&sub("a")).is_err());
    let gone = fixture.broker.publish(&topic(), vec![message("2")]).await;
    assert!(matches!(gone, Err(PublishError::NotFound(_))));
}

#[tokio::test]
async fn nothing_of_an_old_incarnation_shows_in_a_topic_created_again() {
    let mut fixture = Fixture::with_subscription(SubscriptionSettings::default()).await;
    let old = fixture.publish(&["old"]).await;
    fixture.broker.delete_topic(&topic(), true).await.unwrap();
    fixture.topic(TopicSettings::default()).await;
    fixture.subscribe("a", SubscriptionSettings::default()).await;
    let new = fixture.publish(&["new"]).await;
    assert_ne!(old[0].id.log, new[0].id.log);
    for _ in 0..2 {
        assert_eq!(fixture.backlog("a").await, 1);
        fixture.crash().await;
    }
    assert_eq!(fixture.drain("a").await, ["new"]);
}

#[tokio::test]
async fn a_setting_out_of_its_limits_is_refused_with_its_path() {
    let fixture = Fixture::new().await;
    let bad = TopicSettings { deduplication_window: seconds(86_401), ..TopicSettings::default() };
    let Err(CreateTopicError::Invalid(invalid)) = fixture.broker.create_topic(topic(), bad).await else {
        panic!()
    };
    assert_eq!(invalid.field, "settings.deduplication_window");
    assert!(invalid.reason.contains("86400"), "{}", invalid.reason);
}

#[tokio::test]
async fn topics_are_listed_by_project_in_the_order_of_their_names() {
    let fixture = Fixture::new().await;
    for name in ["b", "a", "projects/p/topics/c"] {
        fixture.broker.create_topic(name.parse().unwrap(), TopicSettings::default()).await.unwrap();
    }
    let found = fixture.broker.topics(&ProjectId::default(), &Page { after: None, size: 10 });
    assert_eq!(found.entries.iter().map(|info| info.name.id()).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(found.next, None);
}
