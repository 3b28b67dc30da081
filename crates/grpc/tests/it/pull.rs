use std::{sync::Arc, time::Duration};

use fanfare_proto::v1;
use grpc::Config;
use types::{ManualClock, Timestamp};

use crate::fixture::{Server, ack_ids, data, message, seconds, soon};

fn request(change: impl FnOnce(&mut v1::PullRequest)) -> v1::PullRequest {
    let mut request = v1::PullRequest { subscription: "s".into(), ..Default::default() };
    change(&mut request);
    request
}

async fn pull(server: &Server, request: v1::PullRequest) -> Vec<v1::ReceivedMessage> {
    server.subscriber().pull(request).await.unwrap().into_inner().messages
}

#[tokio::test]
async fn a_pull_without_a_wait_answers_at_once_even_with_nothing() {
    let server = Server::with_topic().await;
    assert!(soon(pull(&server, request(|_| ()))).await.is_empty());
    server.publish(&["a"]).await;
    assert_eq!(pull(&server, request(|r| r.wait = Some(seconds(20)))).await.len(), 1);
}

#[tokio::test]
async fn a_pull_waits_for_the_first_message() {
    let server = Server::with_topic().await;
    let mut subscriber = server.subscriber();
    let waiting = tokio::spawn(async move { subscriber.pull(request(|r| r.wait = Some(seconds(60)))).await });
    server.until(|stats| stats.consumers != 0).await;
    server.publish(&["a"]).await;
    assert_eq!(soon(waiting).await.unwrap().unwrap().into_inner().messages.len(), 1);
}

#[tokio::test]
async fn a_burst_reaches_every_pull_that_waits() {
    let server = Server::with_topic().await;
    let pull = || {
        let mut subscriber = server.subscriber();
        let one = request(|r| (r.max_messages, r.wait) = (1, Some(seconds(60))));
        tokio::spawn(async move { subscriber.pull(one).await.unwrap().into_inner().messages.len() })
    };
    let pulls: Vec<_> = (0..20).map(|_| pull()).collect();
    server.until(|stats| stats.consumers >= 20).await;
    server.publish(&["a"; 20]).await;
    for pull in pulls {
        assert_eq!(soon(pull).await.unwrap(), 1);
    }
}

#[tokio::test]
async fn a_pull_takes_no_more_than_it_asked_for() {
    let server = Server::with_topic().await;
    server.publish(&["a"; 300]).await;
    assert_eq!(server.pull(0).await.len(), 100, "the default");
    assert_eq!(server.pull(7).await.len(), 7);
    let three = |r: &mut v1::PullRequest| (r.max_messages, r.max_bytes, r.wait) = (10, 1, Some(seconds(20)));
    assert_eq!(pull(&server, request(three)).await.len(), 1, "one message goes past the bytes asked for");
}

#[tokio::test]
async fn an_acknowledged_message_does_not_come_again_and_a_given_back_one_does() {
    let server = Server::with_topic().await;
    server.publish(&["a", "b"]).await;
    let received = server.pull(10).await;
    assert_eq!(server.acknowledge(vec![received[0].ack_id.clone()]).await, [v1::LeaseOutcome::Ok]);
    let request = v1::NackRequest {
        subscription: "s".into(),
        ack_ids: vec![received[1].ack_id.clone()],
        delay: Some(seconds(0)),
    };
    let results = server.subscriber().nack(request).await.unwrap().into_inner().results;
    assert_eq!(results[0].outcome(), v1::LeaseOutcome::Ok);
    let again = server.pull(10).await;
    assert_eq!((again.len(), data(&again[0]).as_str()), (1, "b"));
    assert_eq!((again[0].delivery_attempt, again[0].first_delivery), (2, false));
    assert_eq!(again[0].message_id, received[1].message_id);
}

#[tokio::test]
async fn each_ack_id_gets_its_own_outcome() {
    let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1_000_000)));
    let server = Server::with(Config::default(), clock.clone()).await;
    server.set_up().await;
    server.publish(&["a", "b"]).await;
    let first = server.pull(2).await;
    let [a, b] = [first[0].ack_id.clone(), first[1].ack_id.clone()];
    // The second of a double is too late.
    let outcomes = server.acknowledge(vec![a.clone(), a.clone()]).await;
    assert_eq!(outcomes, [v1::LeaseOutcome::Ok, v1::LeaseOutcome::AlreadySettled]);
    assert_eq!(server.acknowledge(vec![a]).await, [v1::LeaseOutcome::AlreadySettled]);

    clock.advance(Duration::from_secs(31));
    server.broker.run_due().await.unwrap();
    assert_eq!(server.acknowledge(vec![b.clone()]).await, [v1::LeaseOutcome::Expired]);
    clock.advance(Duration::from_secs(60));
    server.broker.run_due().await.unwrap();
    let again = server.pull(1).await;
    assert_eq!(again[0].delivery_attempt, 2);
    assert_eq!(server.acknowledge(vec![b]).await, [v1::LeaseOutcome::Superseded]);
    server.seek_to_start().await;
    assert_eq!(server.acknowledge(ack_ids(&again)).await, [v1::LeaseOutcome::FencedBySeek]);
}

#[tokio::test]
async fn a_refused_ack_says_why_in_words() {
    let server = Server::with_topic().await;
    server.publish(&["a"]).await;
    let ack_ids = ack_ids(&server.pull(1).await);
    server.acknowledge(ack_ids.clone()).await;
    let request = v1::AcknowledgeRequest { subscription: "s".into(), ack_ids };
    let results = server.subscriber().acknowledge(request).await.unwrap().into_inner().results;
    assert_eq!(results[0].detail, "the message is settled already");
}

#[tokio::test]
async fn an_ack_id_of_another_subscription_refuses_the_whole_request() {
    let server = Server::with_topic().await;
    server.create_subscription("other", v1::SubscriptionSettings::default()).await;
    server.publish(&["a"]).await;
    let ours = server.pull(1).await;
    let wait = Some(seconds(20));
    let theirs = pull(&server, request(|r| (r.subscription, r.wait) = ("other".into(), wait))).await;
    let ack_ids = vec![ours[0].ack_id.clone(), theirs[0].ack_id.clone()];
    let request = v1::AcknowledgeRequest { subscription: "s".into(), ack_ids };
    let status = server.subscriber().acknowledge(request).await.unwrap_err();
    assert!(status.message().starts_with("ack_ids[1]: belongs to another"), "{}", status.message());
    assert_eq!(server.stats().await.leased, 1, "nothing was settled");
}

#[tokio::test]
async fn a_lease_ends_when_the_extension_says() {
    let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1_000_000)));
    let server = Server::with(Config::default(), clock.clone()).await;
    server.set_up().await;
    server.publish(&["a"]).await;
    let received = server.pull(1).await;
    clock.advance(Duration::from_secs(10));
    let extend = |ack_deadline| v1::ExtendLeaseRequest {
        subscription: "s".into(),
        ack_ids: ack_ids(&received),
        ack_deadline,
    };
    let mut subscriber = server.subscriber();
    let longer = subscriber.extend_lease(extend(Some(seconds(100)))).await.unwrap().into_inner().results;
    assert_eq!(longer[0].lease_deadline, Some(prost_types::Timestamp { seconds: 1_110, nanos: 0 }));
    let default = subscriber.extend_lease(extend(None)).await.unwrap().into_inner().results;
    assert_eq!(default[0].lease_deadline, Some(prost_types::Timestamp { seconds: 1_040, nanos: 0 }));
    server.acknowledge(ack_ids(&received)).await;
    let late = subscriber.extend_lease(extend(None)).await.unwrap().into_inner().results;
    assert_eq!((late[0].outcome(), late[0].lease_deadline), (v1::LeaseOutcome::AlreadySettled, None));
}

#[tokio::test]
async fn ordered_messages_of_one_key_come_one_after_the_other() {
    let server = Server::with_topic().await;
    server
        .create_subscription("line", v1::SubscriptionSettings { ordered: true, ..Default::default() })
        .await;
    let keyed = |data| v1::NewMessage { ordering_key: "k".into(), ..message(data) };
    let request = v1::PublishRequest { topic: "t".into(), messages: vec![keyed("1"), keyed("2")] };
    server.publisher().publish(request).await.unwrap();
    let wait = Some(seconds(20));
    let line = || self::request(|r| (r.subscription, r.wait) = ("line".into(), wait));
    let first = pull(&server, line()).await;
    assert_eq!(first.iter().map(data).collect::<Vec<_>>(), ["1"]);
    let request = v1::AcknowledgeRequest { subscription: "line".into(), ack_ids: ack_ids(&first) };
    server.subscriber().acknowledge(request).await.unwrap();
    assert_eq!(pull(&server, line()).await.iter().map(data).collect::<Vec<_>>(), ["2"]);
}
