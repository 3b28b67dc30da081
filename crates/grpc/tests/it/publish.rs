use fanfare_proto::v1;
use tonic::{Code, Request};

use crate::fixture::{Server, data, message, reason};

const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

fn request(message: v1::NewMessage) -> Request<v1::PublishRequest> {
    Request::new(v1::PublishRequest { topic: "t".into(), messages: vec![message] })
}

#[tokio::test]
async fn every_message_of_a_request_gets_its_own_answer_in_order() {
    let server = Server::with_topic().await;
    server.create_subscription("other", v1::SubscriptionSettings::default()).await;
    let results = server.publish(&["a", "b", "c"]).await;
    assert!(results.is_sorted_by(|a, b| a.sequence < b.sequence && a.message_id < b.message_id));
    assert!(results.iter().all(|result| result.matched_subscriptions == 2 && !result.deduplicated));
    let received = server.pull(10).await;
    assert_eq!(received.iter().map(data).collect::<Vec<_>>(), ["a", "b", "c"]);
    let ids = |id: &v1::ReceivedMessage| (id.message_id.clone(), id.sequence);
    let published: Vec<_> = results.into_iter().map(|result| (result.message_id, result.sequence)).collect();
    assert_eq!(received.iter().map(ids).collect::<Vec<_>>(), published);
}

#[tokio::test]
async fn everything_a_publisher_sets_reaches_the_subscriber() {
    let server = Server::with_topic().await;
    let given = v1::NewMessage {
        attributes: [("kind".into(), "order".into())].into(),
        ordering_key: "customer-1".into(),
        deduplication_id: "d-1".into(),
        correlation_id: "c-1".into(),
        content_type: "text/plain".into(),
        group_id: "tenant-1".into(),
        expire_after: Some(crate::fixture::seconds(60)),
        ..message("hello")
    };
    let mut publish = request(given.clone());
    publish.metadata_mut().insert("traceparent", PARENT.parse().unwrap());
    publish.metadata_mut().insert("tracestate", "a=b".parse().unwrap());
    let result = server.publisher().publish(publish).await.unwrap().into_inner().results.remove(0);
    assert_eq!(result.correlation_id, "c-1");

    let received = server.pull(1).await.remove(0);
    assert!(received.first_delivery && received.delivery_attempt == 1);
    assert!(received.publish_time.is_some() && received.lease_deadline.is_some());
    let message = received.message.unwrap();
    assert_eq!((message.data, message.attributes), (given.data, given.attributes));
    assert_eq!(
        (message.ordering_key, message.deduplication_id),
        (given.ordering_key, given.deduplication_id)
    );
    assert_eq!((message.correlation_id, message.content_type), (given.correlation_id, given.content_type));
    assert_eq!(message.group_id, given.group_id);
    assert_eq!((message.traceparent.as_str(), message.tracestate.as_str()), (PARENT, "a=b"));
    assert!(message.expire_at.is_some() && message.deliver_at.is_none());
}

#[tokio::test]
async fn the_correlation_id_comes_from_the_message_else_the_header_else_is_made() {
    let server = Server::with_topic().await;
    let publish = |given, header: Option<&'static str>| {
        let mut publish = request(given);
        if let Some(header) = header {
            publish.metadata_mut().insert("x-correlation-id", header.parse().unwrap());
        }
        let mut publisher = server.publisher();
        async move { publisher.publish(publish).await.map(|answer| answer.into_inner().results.remove(0)) }
    };
    let own = v1::NewMessage { correlation_id: "own".into(), ..message("a") };
    assert_eq!(publish(own, Some("header")).await.unwrap().correlation_id, "own");
    assert_eq!(publish(message("a"), Some("header")).await.unwrap().correlation_id, "header");
    let made = publish(message("a"), None).await.unwrap().correlation_id;
    assert!(made.len() == 32 && made.bytes().all(|b| b.is_ascii_hexdigit()), "{made}");
    let received = server.pull(10).await;
    assert_eq!(received[2].message.as_ref().unwrap().correlation_id, made);

    let refused = publish(message("a"), Some("two words")).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert!(refused.message().starts_with("x-correlation-id: "), "{}", refused.message());
}

#[tokio::test]
async fn a_messages_own_trace_goes_before_the_requests_unless_it_is_malformed() {
    let server = Server::with_topic().await;
    let own = PARENT.replace("4bf9", "aaaa");
    let with = |traceparent: &str, tracestate: &str| v1::NewMessage {
        traceparent: traceparent.into(),
        tracestate: tracestate.into(),
        ..message("a")
    };
    let messages = vec![with(&own, "c=d"), with("", "c=d"), with("00-broken", "c=d")];
    let mut publish = Request::new(v1::PublishRequest { topic: "t".into(), messages });
    publish.metadata_mut().insert("traceparent", PARENT.parse().unwrap());
    server.publisher().publish(publish).await.unwrap();
    let received = server.pull(3).await;
    let traces: Vec<_> = received.iter().map(|one| one.message.as_ref().unwrap()).collect();
    let traces: Vec<_> = traces.iter().map(|m| (m.traceparent.as_str(), m.tracestate.as_str())).collect();
    assert_eq!(traces, [(own.as_str(), "c=d"), (PARENT, ""), (PARENT, "")]);
}

#[tokio::test]
async fn a_malformed_trace_is_left_out_and_the_message_goes_through() {
    let server = Server::with_topic().await;
    let mut publish = request(message("a"));
    publish.metadata_mut().insert("traceparent", "00-broken".parse().unwrap());
    server.publisher().publish(publish).await.unwrap();
    assert_eq!(server.pull(1).await[0].message.as_ref().unwrap().traceparent, "");
}

#[tokio::test]
async fn a_duplicate_is_answered_with_the_first_ones_identity() {
    let server = Server::with_topic().await;
    let publish = || async {
        let given = v1::NewMessage { deduplication_id: "d".into(), ..message("a") };
        server.publisher().publish(request(given)).await.unwrap().into_inner().results.remove(0)
    };
    let (first, second) = (publish().await, publish().await);
    assert!(!first.deduplicated && second.deduplicated);
    assert_eq!((first.message_id, first.sequence), (second.message_id, second.sequence));
    assert_eq!(server.pull(10).await.len(), 1);
}

#[tokio::test]
async fn a_request_with_one_bad_message_stores_none() {
    let server = Server::with_topic().await;
    let bad = v1::NewMessage { ordering_key: "x".repeat(1_025), ..message("b") };
    let request = v1::PublishRequest { topic: "t".into(), messages: vec![message("a"), bad] };
    let status = server.publisher().publish(request).await.unwrap_err();
    assert_eq!(reason(&status), "INVALID_FIELD");
    server.publish(&["only this"]).await;
    assert_eq!(server.pull(10).await.iter().map(data).collect::<Vec<_>>(), ["only this"]);
}
