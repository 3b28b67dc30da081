use fanfare_proto::v1;

use crate::fixture::Server;

#[tokio::test]
async fn the_server_tells_what_it_is_and_what_it_takes() {
    let server = Server::with_topic().await;
    server.publish(&["a", "b"]).await;
    let info = server.admin().get_server_info(v1::GetServerInfoRequest {}).await.unwrap().into_inner();
    assert_eq!((info.version.as_str(), info.engine.as_str()), ("0.0.0-test", "memory"));
    assert_eq!((info.durability.as_str(), info.health()), ("none", v1::HealthState::Serving));
    assert_eq!(info.start_time, Some(prost_types::Timestamp { seconds: 1, nanos: 500_000_000 }));
    let (limits, totals) = (info.limits.unwrap(), info.totals.unwrap());
    assert_eq!((limits.max_message_bytes, limits.max_request_bytes), (1 << 20, 10 << 20));
    assert_eq!((totals.topics, totals.subscriptions, totals.published), (1, 1, 2));
}

#[tokio::test]
async fn while_draining_the_server_says_so() {
    let server = Server::start().await;
    server.broker.start_drain();
    let info = server.admin().get_server_info(v1::GetServerInfoRequest {}).await.unwrap().into_inner();
    assert_eq!(info.health(), v1::HealthState::Draining);
    assert!(!info.health_detail.is_empty());
}

#[tokio::test]
async fn figures_follow_what_happens() {
    let server = Server::with_topic().await;
    server.publish(&["a", "b", "c"]).await;
    let received = server.pull(2).await;
    server.acknowledge(vec![received[0].ack_id.clone()]).await;
    let request = v1::GetTopicStatsRequest { name: "t".into() };
    let topic = server.admin().get_topic_stats(request).await.unwrap().into_inner();
    assert_eq!((topic.name.as_str(), topic.published), ("projects/default/topics/t", 3));
    assert_eq!((topic.subscriptions, topic.first_position), (1, 1));
    let request = v1::GetSubscriptionStatsRequest { name: "s".into() };
    let stats = server.admin().get_subscription_stats(request).await.unwrap().into_inner();
    assert_eq!((stats.backlog, stats.leased, stats.acked, stats.deliveries), (2, 1, 1, 2));
    assert!(stats.oldest_unsettled_time.is_some());
}
