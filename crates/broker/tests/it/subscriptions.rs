use broker::{
    BacklogAction, CreateSubscriptionError, LeaseError, Page, SeekTo, StartPosition, UpdateSubscriptionError,
};
use types::{ProjectId, SubscriptionSettings, TopicSettings};

use crate::fixture::{Fixture, ids, seconds, sub, texts, topic};

#[tokio::test]
async fn a_subscription_starts_where_it_says() {
    let fixture = Fixture::new().await;
    fixture.topic(TopicSettings::default()).await;
    // Somebody keeps the messages alive.
    fixture.subscribe("keeper", SubscriptionSettings::default()).await;
    let first = fixture.publish(&["1", "2"]).await;
    fixture.pass(seconds(10)).await;
    let then = fixture.broker.now();
    fixture.publish(&["3"]).await;
    let starts = [
        (StartPosition::Latest, vec!["4"]),
        (StartPosition::Earliest, vec!["1", "2", "3", "4"]),
        (StartPosition::Sequence(first[1].id.sequence), vec!["2", "3", "4"]),
        (StartPosition::Sequence(0), vec!["1", "2", "3", "4"]),
        (StartPosition::Sequence(u64::MAX), vec!["4"]),
        (StartPosition::Time(then), vec!["3", "4"]),
    ];
    for (index, (start, _)) in starts.iter().enumerate() {
        let name = sub(&format!("s{index}"));
        fixture
            .broker
            .create_subscription(name, &topic(), SubscriptionSettings::default(), *start)
            .await
            .unwrap();
    }
    fixture.publish(&["4"]).await;
    for (index, (start, expected)) in starts.into_iter().enumerate() {
        let name = format!("s{index}");
        assert_eq!(fixture.backlog(&name).await, expected.len() as u64, "{start:?}");
        assert_eq!(fixture.drain(&name).await, expected, "{start:?}");
        assert_eq!(fixture.backlog(&name).await, 0, "{start:?}");
    }
}

#[tokio::test]
async fn a_seek_moves_the_subscription_and_fences_the_leases_before_it() {
    let mut fixture = Fixture::with_subscription(SubscriptionSettings::default()).await;
    fixture.subscribe("keeper", SubscriptionSettings::default()).await;
    let published = fixture.publish(&["1", "2", "3"]).await;
    let taken = fixture.take("a").await;
    fixture.ack("a", &taken[..2]).await;
    let (info, from) =
        fixture.broker.seek(&sub("a"), SeekTo::Sequence(published[1].id.sequence)).await.unwrap();
    assert_eq!(from, published[1].id.sequence);
    assert!(info.position > published[2].id.sequence);
    let old = fixture.subscriber("a").acknowledge(&ids(&taken[2..])).await.unwrap().durable().await.unwrap();
    assert_eq!(old, [Err(LeaseError::FencedBySeek)]);
    assert_eq!(fixture.backlog("a").await, 2);
    fixture.crash().await;
    assert_eq!(fixture.backlog("a").await, 2);
    assert_eq!(fixture.drain("a").await, ["2", "3"]);
    fixture.broker.seek(&sub("a"), SeekTo::Earliest).await.unwrap();
    fixture.broker.seek(&sub("a"), SeekTo::Latest).await.unwrap();
    assert_eq!(fixture.backlog("a").await, 0);
    assert!(fixture.take("a").await.is_empty());
}

#[tokio::test]
async fn creating_a_subscription_twice_is_fine_if_it_is_the_same() {
    let fixture = Fixture::with_subscription(SubscriptionSettings::default()).await;
    let first = fixture.broker.subscription(&sub("a")).unwrap();
    fixture.subscribe("a", SubscriptionSettings::default()).await;
    assert_eq!(fixture.broker.subscription(&sub("a")).unwrap(), first);
    let other = SubscriptionSettings { ordered: true, ..SubscriptionSettings::default() };
    let refused = fixture.broker.create_subscription(sub("a"), &topic(), other, StartPosition::Latest).await;
    assert_eq!(refused, Err(CreateSubscriptionError::Exists(sub("a"))));
}

#[tokio::test]
async fn many_creations_of_one_name_at_once_make_one_subscription() {
    let fixture = Fixture::new().await;
    fixture.topic(TopicSettings::default()).await;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let broker = fixture.broker.clone();
        tasks.spawn(async move {
            let settings = SubscriptionSettings::default();
            broker.create_subscription(sub("a"), &topic(), settings, StartPosition::Latest).await.unwrap().uid
        });
    }
    let uids: std::collections::HashSet<_> = tasks.join_all().await.into_iter().collect();
    assert_eq!(uids.len(), 1);
    assert_eq!(fixture.broker.topic_stats(&topic()).unwrap().subscriptions, 1);
}

#[tokio::test]
async fn nothing_of_a_deleted_subscription_shows_in_one_of_the_same_name() {
    let mut fixture = Fixture::with_subscription(SubscriptionSettings::default()).await;
    fixture.publish(&["old"]).await;
    let taken = fixture.take("a").await;
    let old = fixture.subscriber("a");
    fixture.broker.delete_subscription(&sub("a")).await.unwrap();
    fixture.subscribe("a", SubscriptionSettings::default()).await;
    assert!(old.acknowledge(&ids(&taken)).await.is_err());
    assert!(fixture.subscriber("a").acknowledge(&ids(&taken)).await.is_err());
    assert_eq!(fixture.backlog("a").await, 0);
    fixture.crash().await;
    fixture.publish(&["new"]).await;
    assert_eq!(fixture.drain("a").await, ["new"]);
}

#[tokio::test]
async fn what_is_fixed_at_creation_cannot_be_changed() {
    let fixture = Fixture::with_subscription(SubscriptionSettings::default()).await;
    let refused = fixture
        .broker
        .update_subscription(&sub("a"), |settings| settings.ordered = true, BacklogAction::Keep)
        .await;
    let Err(UpdateSubscriptionError::Invalid(invalid)) = refused else { panic!("{refused:?}") };
    assert_eq!(invalid.field, "settings.ordered");
}

#[tokio::test]
async fn subscriptions_are_listed_by_project_and_topic_page_by_page() {
    let fixture = Fixture::new().await;
    fixture.topic(TopicSettings::default()).await;
    fixture.broker.create_topic("other".parse().unwrap(), TopicSettings::default()).await.unwrap();
    for name in ["c", "a", "b", "projects/p/subscriptions/x"] {
        fixture.subscribe(name, SubscriptionSettings::default()).await;
    }
    let settings = SubscriptionSettings::default();
    let other = "other".parse().unwrap();
    fixture.broker.create_subscription(sub("d"), &other, settings, StartPosition::Latest).await.unwrap();
    let mut page = Page { after: None, size: 2 };
    let mut names = Vec::new();
    loop {
        let found = fixture.broker.subscriptions(&ProjectId::default(), Some(&topic()), &page);
        names.extend(found.entries.iter().map(|info| info.name.id().to_owned()));
        page.after = found.next;
        if page.after.is_none() {
            break;
        }
    }
    assert_eq!(names, ["a", "b", "c"]);
    let all = fixture.broker.subscriptions(&ProjectId::default(), None, &Page { after: None, size: 10 });
    assert_eq!(all.entries.len(), 4);
}

#[tokio::test]
async fn messages_published_before_and_after_a_subscription_was_created_are_told_apart() {
    let fixture = Fixture::new().await;
    fixture.topic(TopicSettings::default()).await;
    assert_eq!(fixture.publish(&["before"]).await[0].matched, 0);
    fixture.subscribe("a", SubscriptionSettings::default()).await;
    assert_eq!(fixture.publish(&["after"]).await[0].matched, 1);
    assert_eq!(texts(&fixture.take("a").await), ["after"]);
}
