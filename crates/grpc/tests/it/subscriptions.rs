use fanfare_proto::v1::{self, log_place::Place};

use crate::fixture::{Server, ack_ids, data, mask, seconds};

async fn seek(server: &Server, place: Place) -> v1::SeekSubscriptionResponse {
    let target = Some(v1::LogPlace { place: Some(place) });
    let request = v1::SeekSubscriptionRequest { name: "s".into(), target };
    server.subscriptions().seek_subscription(request).await.unwrap().into_inner()
}

async fn get(server: &Server) -> v1::Subscription {
    let request = v1::GetSubscriptionRequest { name: "s".into() };
    server.subscriptions().get_subscription(request).await.unwrap().into_inner().subscription.unwrap()
}

#[tokio::test]
async fn a_subscription_is_shown_with_its_defaults() {
    let server = Server::with_topic().await;
    let found = get(&server).await;
    assert_eq!(found.name, "projects/default/subscriptions/s");
    assert_eq!(found.topic, "projects/default/topics/t");
    let settings = found.settings.unwrap();
    assert_eq!(settings.ack_deadline, Some(seconds(30)));
    assert_eq!((settings.max_attempts, settings.max_in_flight), (Some(10), Some(10_000)));
    assert!(!found.paused && found.position > 0 && found.create_time.is_some());
}

#[tokio::test]
async fn an_update_changes_what_the_mask_names_and_answers_its_position() {
    let server = Server::with_topic().await;
    let before = get(&server).await;
    let settings = v1::SubscriptionSettings {
        ack_deadline: Some(seconds(5)),
        max_attempts: Some(3),
        ..Default::default()
    };
    let update_mask = mask(&["max_attempts"]);
    let request = v1::UpdateSubscriptionRequest {
        name: "s".into(),
        settings: Some(settings),
        update_mask,
        ..Default::default()
    };
    let changed = server.subscriptions().update_subscription(request).await.unwrap().into_inner();
    let changed = changed.subscription.unwrap();
    assert!(changed.position > before.position);
    let settings = changed.settings.unwrap();
    assert_eq!((settings.max_attempts, settings.ack_deadline), (Some(3), Some(seconds(30))));
}

#[tokio::test]
async fn subscriptions_are_listed_by_project_and_by_topic() {
    let server = Server::with_topic().await;
    server.create_subscription("a", v1::SubscriptionSettings::default()).await;
    let other = v1::CreateTopicRequest { name: "projects/p/topics/t".into(), settings: None };
    server.topics().create_topic(other).await.unwrap();
    let across = v1::CreateSubscriptionRequest {
        name: "across".into(),
        topic: "projects/p/topics/t".into(),
        ..Default::default()
    };
    server.subscriptions().create_subscription(across).await.unwrap();
    let list = |project: &str, topic: &str| {
        let request = v1::ListSubscriptionsRequest {
            project: project.into(),
            topic: topic.into(),
            ..Default::default()
        };
        let mut subscriptions = server.subscriptions();
        async move {
            let page = subscriptions.list_subscriptions(request).await.unwrap().into_inner();
            let id = |name: &str| name.rsplit('/').next().unwrap().to_owned();
            page.subscriptions.iter().map(|found| id(&found.name)).collect::<Vec<_>>()
        }
    };
    assert_eq!(list("", "").await, ["a", "across", "s"]);
    assert_eq!(list("", "t").await, ["a", "s"]);
    assert_eq!(list("default", "projects/p/topics/t").await, ["across"]);
    assert_eq!(list("", "projects/p/topics/t").await, Vec::<String>::new(), "the topic's own project");
}

#[tokio::test]
async fn a_page_token_belongs_to_its_list() {
    let server = Server::with_topic().await;
    server.create_subscription("a", v1::SubscriptionSettings::default()).await;
    let list = |topic: &str, page_token: String| {
        let request = v1::ListSubscriptionsRequest {
            topic: topic.into(),
            page_size: 1,
            page_token,
            ..Default::default()
        };
        let mut subscriptions = server.subscriptions();
        async move { subscriptions.list_subscriptions(request).await.map(tonic::Response::into_inner) }
    };
    let token = list("t", String::new()).await.unwrap().next_page_token;
    assert!(list("", token.clone()).await.unwrap_err().message().contains("another list"));
    let last = list("t", token).await.unwrap();
    assert_eq!((last.subscriptions.len(), last.next_page_token.as_str()), (1, ""));
}

#[tokio::test]
async fn a_paused_subscription_delivers_nothing_until_it_is_resumed() {
    let server = Server::with_topic().await;
    let mut subscriptions = server.subscriptions();
    let paused = subscriptions.pause_subscription(v1::PauseSubscriptionRequest { name: "s".into() }).await;
    assert!(paused.unwrap().into_inner().subscription.unwrap().paused);
    server.publish(&["a"]).await;
    let pull = v1::PullRequest { subscription: "s".into(), ..Default::default() };
    assert!(server.subscriber().pull(pull).await.unwrap().into_inner().messages.is_empty());
    let resumed = subscriptions.resume_subscription(v1::ResumeSubscriptionRequest { name: "s".into() }).await;
    assert!(!resumed.unwrap().into_inner().subscription.unwrap().paused);
    assert_eq!(server.pull(1).await.len(), 1);
}

#[tokio::test]
async fn a_subscription_starts_where_it_is_told_to() {
    let server = Server::with_topic().await;
    let published = server.publish(&["a", "b", "c"]).await;
    let request = v1::CreateSubscriptionRequest {
        name: "later".into(),
        topic: "t".into(),
        settings: None,
        start: Some(v1::LogPlace { place: Some(Place::Sequence(published[1].sequence)) }),
    };
    server.subscriptions().create_subscription(request).await.unwrap();
    let pull =
        v1::PullRequest { subscription: "later".into(), wait: Some(seconds(20)), ..Default::default() };
    let received = server.subscriber().pull(pull).await.unwrap().into_inner().messages;
    assert_eq!(received.iter().map(data).collect::<Vec<_>>(), ["b", "c"]);
}

#[tokio::test]
async fn a_seek_delivers_again_and_fences_the_leases_before_it() {
    let server = Server::with_topic().await;
    let published = server.publish(&["a", "b"]).await;
    let received = server.pull(10).await;
    let sought = seek(&server, Place::Edge(v1::LogEdge::Earliest.into())).await;
    assert!(sought.subscription.unwrap().position > published[1].sequence);
    assert!(sought.next_sequence <= published[0].sequence);
    let outcomes = server.acknowledge(ack_ids(&received)).await;
    assert_eq!(outcomes, [v1::LeaseOutcome::FencedBySeek; 2]);
    let again = server.pull(10).await;
    assert_eq!(again.iter().map(data).collect::<Vec<_>>(), ["a", "b"]);
    assert!(again.iter().all(|message| !message.first_delivery));
    seek(&server, Place::Edge(v1::LogEdge::Latest.into())).await;
    server.publish(&["c"]).await;
    assert_eq!(server.pull(10).await.iter().map(data).collect::<Vec<_>>(), ["c"]);
}

#[tokio::test]
async fn a_deleted_subscription_is_gone_for_its_consumers_too() {
    let server = Server::with_topic().await;
    let pull = v1::PullRequest { subscription: "s".into(), wait: Some(seconds(60)), ..Default::default() };
    let mut subscriber = server.subscriber();
    let waiting = tokio::spawn(async move { subscriber.pull(pull).await });
    server.until(|stats| stats.consumers != 0).await;
    let request = v1::DeleteSubscriptionRequest { name: "s".into() };
    let deleted = server.subscriptions().delete_subscription(request).await.unwrap().into_inner();
    assert!(deleted.position > 0);
    let status = crate::fixture::soon(waiting).await.unwrap().unwrap_err();
    assert_eq!(crate::fixture::reason(&status), "SUBSCRIPTION_NOT_FOUND");
}
