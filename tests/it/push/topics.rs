//! Topics as endpoints.

use serde_json::{Value, json};

use super::{broker, endpoint_is};
use crate::support::{
    Fanfare,
    client::{pull, subscriber},
};

fn topic(fanfare: &Fanfare, name: &str) {
    fanfare.grpcurl().ok("TopicService/CreateTopic", &json!({"name": name}));
}

fn forward(from: &str, to: &str) -> Value {
    json!({
        "name": format!("{from}-to-{to}"), "topic": from, "settings": {"push": {"endpoint": format!("topic:{to}")}},
    })
}

#[tokio::test]
async fn a_message_is_forwarded_through_two_topics_with_its_correlation_and_trace() {
    let (fanfare, _directory) = broker().await;
    let grpcurl = fanfare.grpcurl();
    topic(&fanfare, "audit");
    topic(&fanfare, "archive");
    for (from, to) in [("orders", "audit"), ("audit", "archive")] {
        grpcurl.ok("SubscriptionService/CreateSubscription", &forward(from, to));
        endpoint_is(&fanfare, &format!("{from}-to-{to}"), "ACTIVE").await;
    }
    grpcurl.ok("SubscriptionService/CreateSubscription", &json!({"name": "reader", "topic": "archive"}));
    let message = json!({
        "data": "MQ==", "correlationId": "checkout-4711", "orderingKey": "customer-7",
        "attributes": {"type": "order.created"},
    });
    let request = json!({"topic": "orders", "messages": [message]});
    let traced = grpcurl.header("traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    let published = traced.ok("PublisherService/Publish", &request);
    let pulled = pull(&mut subscriber(&fanfare).await, "reader", 1, 20).await;
    let message = pulled[0].message.as_ref().unwrap();
    assert_eq!(
        (message.correlation_id.as_str(), message.ordering_key.as_str()),
        ("checkout-4711", "customer-7")
    );
    assert_eq!((&message.data[..], message.attributes["type"].as_str()), (&b"1"[..], "order.created"));
    assert!(message.traceparent.starts_with("00-4bf92f3577b34da6a3ce929d0e0e4736-"), "{message:?}");
    assert_eq!(message.forwarded_from.len(), 2, "one a hop");
    assert_eq!(published["results"][0]["messageId"], message.forwarded_from[0].as_str());
}

#[tokio::test]
async fn a_circle_of_topics_is_refused_where_it_would_be_closed() {
    let (fanfare, _directory) = broker().await;
    let create = "SubscriptionService/CreateSubscription";
    topic(&fanfare, "audit");
    topic(&fanfare, "archive");
    fanfare.grpcurl().ok(create, &forward("orders", "audit"));
    fanfare.grpcurl().ok(create, &forward("audit", "archive"));
    for (from, to) in
        [("archive", "orders"), ("audit", "orders"), ("orders", "orders"), ("orders", "nowhere")]
    {
        let refused = fanfare.grpcurl().call(create, &forward(from, to)).unwrap_err();
        assert_eq!(refused.code, "InvalidArgument", "{from} to {to}: {}", refused.text);
        assert!(refused.text.contains("\"field\":\"settings.push.endpoint\""), "{}", refused.text);
    }
}
