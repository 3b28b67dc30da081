//! Refusals that are no matter of one field: what does not exist, exists already, or is too much.

use std::{sync::Arc, time::Duration};

use fanfare_proto::v1;
use grpc::Config;
use tonic::{Code, Request, Status, codec::CompressionEncoding};
use tonic_types::StatusExt as _;
use types::SystemClock;

use crate::fixture::{Server, mask, message, reason, seconds, soon};

fn assert_refused<T: std::fmt::Debug>(result: Result<T, Status>, code: Code, word: &str) -> Status {
    let status = result.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (code, word), "{status:?}");
    status
}

#[tokio::test]
async fn what_does_not_exist_is_not_found_and_named() {
    let server = Server::with_topic().await;
    let other = "projects/other/topics/t".to_owned();
    let got = server.topics().get_topic(v1::GetTopicRequest { name: other.clone() }).await;
    let status = assert_refused(got, Code::NotFound, "TOPIC_NOT_FOUND");
    assert_eq!(status.get_error_details().resource_info().unwrap().resource_name, other);

    let request = v1::PublishRequest { topic: "missing".into(), messages: vec![message("a")] };
    assert_refused(server.publisher().publish(request).await, Code::NotFound, "TOPIC_NOT_FOUND");
    let request =
        v1::UpdateTopicRequest { name: "missing".into(), settings: None, update_mask: mask(&["labels"]) };
    assert_refused(server.topics().update_topic(request).await, Code::NotFound, "TOPIC_NOT_FOUND");
    let request = v1::DeleteTopicRequest { name: "missing".into(), force: true };
    assert_refused(server.topics().delete_topic(request).await, Code::NotFound, "TOPIC_NOT_FOUND");
    let request =
        v1::CreateSubscriptionRequest { name: "n".into(), topic: "missing".into(), ..Default::default() };
    let created = server.subscriptions().create_subscription(request).await;
    assert_refused(created, Code::NotFound, "TOPIC_NOT_FOUND");
    let request = v1::GetTopicStatsRequest { name: "missing".into() };
    assert_refused(server.admin().get_topic_stats(request).await, Code::NotFound, "TOPIC_NOT_FOUND");
}

#[tokio::test]
async fn a_subscription_of_another_project_is_not_found() {
    let server = Server::with_topic().await;
    let name = || "projects/other/subscriptions/s".to_owned();
    let missing = "SUBSCRIPTION_NOT_FOUND";
    let mut subscriptions = server.subscriptions();
    let got = subscriptions.get_subscription(v1::GetSubscriptionRequest { name: name() }).await;
    assert_refused(got, Code::NotFound, missing);
    let paused = subscriptions.pause_subscription(v1::PauseSubscriptionRequest { name: name() }).await;
    assert_refused(paused, Code::NotFound, missing);
    let resumed = subscriptions.resume_subscription(v1::ResumeSubscriptionRequest { name: name() }).await;
    assert_refused(resumed, Code::NotFound, missing);
    let deleted = subscriptions.delete_subscription(v1::DeleteSubscriptionRequest { name: name() }).await;
    assert_refused(deleted, Code::NotFound, missing);
    let pull = v1::PullRequest { subscription: name(), ..Default::default() };
    assert_refused(server.subscriber().pull(pull).await, Code::NotFound, missing);
    let stats = v1::GetSubscriptionStatsRequest { name: name() };
    assert_refused(server.admin().get_subscription_stats(stats).await, Code::NotFound, missing);
}

#[tokio::test]
async fn creating_again_with_other_settings_is_already_exists() {
    let server = Server::with_topic().await;
    let settings = Some(v1::TopicSettings { keep_settled: true, ..Default::default() });
    let created = server.topics().create_topic(v1::CreateTopicRequest { name: "t".into(), settings }).await;
    assert_refused(created, Code::AlreadyExists, "TOPIC_EXISTS");
    let settings = Some(v1::SubscriptionSettings { ordered: true, ..Default::default() });
    let request =
        v1::CreateSubscriptionRequest { name: "s".into(), topic: "t".into(), settings, start: None };
    let created = server.subscriptions().create_subscription(request).await;
    assert_refused(created, Code::AlreadyExists, "SUBSCRIPTION_EXISTS");
}

#[tokio::test]
async fn a_topic_with_a_backlog_is_deleted_by_force_only() {
    let server = Server::with_topic().await;
    server.publish(&["a"]).await;
    let delete = |force| v1::DeleteTopicRequest { name: "t".into(), force };
    let status = assert_refused(
        server.topics().delete_topic(delete(false)).await,
        Code::FailedPrecondition,
        "TOPIC_HAS_BACKLOG",
    );
    assert!(status.message().contains("has 1 unsettled messages"), "{}", status.message());
    server.topics().delete_topic(delete(true)).await.unwrap();
}

#[tokio::test]
async fn a_request_of_20_mib_is_refused_and_the_connection_lives_on() {
    let server = Server::with_topic().await;
    let large = v1::NewMessage { data: vec![0; 20 << 20].into(), ..Default::default() };
    let request = v1::PublishRequest { topic: "t".into(), messages: vec![large] };
    let published = server.publisher().publish(request.clone()).await;
    let status = assert_refused(published, Code::InvalidArgument, "REQUEST_TOO_LARGE");
    assert!(status.message().contains("the limit is: 10485760 bytes"), "{}", status.message());
    let details = status.get_error_details();
    assert_eq!(details.bad_request().unwrap().field_violations[0].field, "messages");

    assert_eq!(server.publish(&["still here"]).await.len(), 1);
}

#[tokio::test]
async fn a_compressed_request_is_not_taken_whatever_is_in_it() {
    let server = Server::with_topic().await;
    let request = v1::PublishRequest { topic: "t".into(), messages: vec![message("a")] };
    let mut compressed = server.publisher().send_compressed(CompressionEncoding::Gzip);
    let status = compressed.publish(request).await.unwrap_err();
    assert_eq!(status.code(), Code::Unimplemented, "{status:?}");
    assert_eq!(server.publish(&["still here"]).await.len(), 1);
}

#[tokio::test]
async fn bytes_that_are_no_protobuf_are_refused() {
    let server = Server::with_topic().await;
    // A field of type string where the method's type has a message: another type's bytes.
    let mut grpc = tonic::client::Grpc::new(server.channel.clone());
    grpc.ready().await.unwrap();
    let codec = tonic_prost::ProstCodec::<v1::GetTopicRequest, v1::PublishResponse>::default();
    let path = "/fanfare.v1.TopicService/ListTopics".parse().unwrap();
    let codec_request = Request::new(v1::GetTopicRequest { name: "a".into() });
    // Field 1 is a string in both, so this one is understood; the next is not.
    assert!(grpc.unary(codec_request, path, codec).await.is_ok());
    grpc.ready().await.unwrap();
    let codec = tonic_prost::ProstCodec::<v1::ServerTotals, v1::PublishResponse>::default();
    let path = "/fanfare.v1.TopicService/ListTopics".parse().unwrap();
    let answered =
        grpc.unary(Request::new(v1::ServerTotals { topics: 5, ..Default::default() }), path, codec).await;
    assert_refused(answered, Code::InvalidArgument, "UNREADABLE_REQUEST");
}

#[tokio::test]
async fn of_10_000_concurrent_pulls_those_past_the_limit_are_refused_and_the_others_wait() {
    let server = Server::with(
        Config { max_concurrent_streams: 10_000, ..Config::default() },
        Arc::new(SystemClock::start()),
    )
    .await;
    server.set_up().await;
    let pull = || {
        let wait = Some(seconds(60));
        let request =
            v1::PullRequest { subscription: "s".into(), max_messages: 1, wait, ..Default::default() };
        let mut subscriber = server.subscriber();
        tokio::spawn(async move { subscriber.pull(request).await })
    };
    let mut pulls: Vec<_> = (0..10_000).map(|_| pull()).collect();
    let mut refused = 0;
    while refused < 9_000 {
        let (ended, index, rest) = soon(futures_util::future::select_all(pulls)).await;
        assert!(index < 10_000);
        assert_refused(ended.unwrap(), Code::ResourceExhausted, "TOO_MANY_CONSUMERS");
        (refused, pulls) = (refused + 1, rest);
    }
    server.publish(&["a"]).await;
    let (ended, ..) = soon(futures_util::future::select_all(pulls)).await;
    assert_eq!(ended.unwrap().unwrap().into_inner().messages.len(), 1);
}

#[tokio::test]
async fn a_full_topic_says_when_to_come_again() {
    let server = Server::start().await;
    let retention = v1::RetentionPolicy { max_bytes: Some(1 << 20), ..Default::default() };
    let settings = Some(v1::TopicSettings { retention: Some(retention), ..Default::default() });
    server.topics().create_topic(v1::CreateTopicRequest { name: "t".into(), settings }).await.unwrap();
    server.create_subscription("s", v1::SubscriptionSettings::default()).await;
    let large = || v1::NewMessage { data: vec![0; 900 << 10].into(), ..Default::default() };
    let publish = || v1::PublishRequest { topic: "t".into(), messages: vec![large()] };
    server.publisher().publish(publish()).await.unwrap();
    let status = loop {
        if let Err(status) = server.publisher().publish(publish()).await {
            break status;
        }
    };
    assert_eq!((status.code(), reason(&status).as_str()), (Code::ResourceExhausted, "TOPIC_FULL"));
    assert!(status.message().contains("retention.max_bytes is 1048576"), "{}", status.message());
    let delay = status.get_error_details().retry_info().unwrap().retry_delay;
    assert_eq!(delay, Some(Duration::from_secs(5)));
}

#[tokio::test]
async fn after_the_journal_failed_nothing_is_acknowledged() {
    let server = Server::with_topic().await;
    server.journal.poison("write error");
    let request = v1::PublishRequest { topic: "t".into(), messages: vec![message("a")] };
    assert_refused(server.publisher().publish(request).await, Code::Unavailable, "JOURNAL_POISONED");
}

#[tokio::test]
async fn while_draining_new_work_is_refused_and_settlements_are_taken() {
    let server = Server::with_topic().await;
    server.publish(&["a"]).await;
    let received = server.pull(1).await;
    server.broker.start_drain();
    let request = v1::PublishRequest { topic: "t".into(), messages: vec![message("b")] };
    assert_refused(server.publisher().publish(request).await, Code::Unavailable, "BROKER_DRAINING");
    let request = v1::PullRequest { subscription: "s".into(), ..Default::default() };
    assert_refused(server.subscriber().pull(request).await, Code::Unavailable, "BROKER_DRAINING");
    let settled = server.acknowledge(vec![received[0].ack_id.clone()]).await;
    assert_eq!(settled, [v1::LeaseOutcome::Ok]);
}
