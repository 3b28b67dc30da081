//! The content modes as an endpoint sees them.

use serde_json::{Value, json};

use super::{
    broker, endpoint_is,
    receiver::{Receiver, body, header},
    settings,
};
use crate::support::{Fanfare, client};

const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// A message with everything that a mode can carry.
fn publish(fanfare: &Fanfare) -> String {
    let message = json!({
        "data": "eyJvcmRlciI6IDQ3MTF9", "contentType": "application/json", "orderingKey": "customer-7",
        "correlationId": "checkout-4711", "attributes": {"type": "order.created"},
    });
    let request = json!({"topic": "orders", "messages": [message]});
    let grpcurl = fanfare.grpcurl().header(&format!("traceparent: {TRACE}"));
    let answer = grpcurl.ok("PublisherService/Publish", &request);
    answer["results"][0]["messageId"].as_str().unwrap().to_owned()
}

/// The one delivery in this mode, and the message's ID.
async fn delivered(content: &str) -> (Value, String, Receiver) {
    let (fanfare, _directory) = broker().await;
    let receiver = Receiver::python(&[]);
    let push =
        json!({"endpoint": receiver.url("/hook"), "content": content, "headers": {"x-team": "billing"}});
    client::subscribe(&fanfare, "billing", &settings(&push));
    endpoint_is(&fanfare, "billing", "ACTIVE").await;
    let id = publish(&fanfare);
    (receiver.deliveries(1).remove(0), id, receiver)
}

/// What every mode has.
fn has_common_headers(delivery: &Value, id: &str) {
    assert_eq!(header(delivery, "webhook-id"), id);
    assert_eq!(header(delivery, "x-correlation-id"), "checkout-4711");
    assert!(header(delivery, "traceparent").starts_with("00-4bf92f3577b34da6a3ce929d0e0e4736-"));
    assert_eq!(header(delivery, "x-team"), "billing");
    assert!(header(delivery, "webhook-timestamp").parse::<u64>().is_ok());
}

#[tokio::test]
async fn a_raw_request_has_the_data_as_its_body() {
    let (delivery, id, _receiver) = delivered("PUSH_CONTENT_RAW").await;
    has_common_headers(&delivery, &id);
    assert_eq!(header(&delivery, "content-type"), "application/json");
    assert_eq!(body(&delivery), r#"{"order": 4711}"#);
}

#[tokio::test]
async fn a_cloud_event_in_binary_mode_has_its_attributes_as_headers() {
    let (delivery, id, receiver) = delivered("PUSH_CONTENT_CLOUD_EVENTS_BINARY").await;
    has_common_headers(&delivery, &id);
    for (name, value) in [
        ("ce-specversion", "1.0"),
        ("ce-id", id.as_str()),
        ("ce-type", "order.created"),
        ("ce-correlationid", "checkout-4711"),
        ("ce-partitionkey", "customer-7"),
        ("content-type", "application/json"),
    ] {
        assert_eq!(header(&delivery, name), value, "{name}");
    }
    assert!(header(&delivery, "ce-source").ends_with("projects/default/topics/orders"));
    assert_eq!(body(&delivery), r#"{"order": 4711}"#);
    assert_eq!(receiver.so_far("options").len(), 1, "it was asked as CloudEvents' webhooks are");
}

#[tokio::test]
async fn a_cloud_event_in_structured_mode_is_one_json_object() {
    let (delivery, id, _receiver) = delivered("PUSH_CONTENT_CLOUD_EVENTS_STRUCTURED").await;
    has_common_headers(&delivery, &id);
    assert!(header(&delivery, "content-type").starts_with("application/cloudevents+json"));
    let event: Value = serde_json::from_str(&body(&delivery)).unwrap();
    assert_eq!((&event["specversion"], &event["id"]), (&json!("1.0"), &json!(id)));
    assert_eq!((&event["type"], &event["data"]), (&json!("order.created"), &json!({"order": 4711})));
    assert_eq!(event["correlationid"], "checkout-4711");
    assert!(event["traceparent"].as_str().unwrap().starts_with("00-4bf92f3577b34da6"));
}

#[tokio::test]
async fn an_sns_envelope_is_what_an_sns_subscriber_expects() {
    let (delivery, id, _receiver) = delivered("PUSH_CONTENT_SNS_ENVELOPE").await;
    has_common_headers(&delivery, &id);
    assert_eq!(header(&delivery, "x-amz-sns-message-type"), "Notification");
    assert_eq!(header(&delivery, "x-amz-sns-message-id"), id);
    let envelope: Value = serde_json::from_str(&body(&delivery)).unwrap();
    assert_eq!((&envelope["Type"], &envelope["MessageId"]), (&json!("Notification"), &json!(id)));
    assert_eq!(envelope["Message"], r#"{"order": 4711}"#);
    let attribute = json!({"Type": "String", "Value": "order.created"});
    assert_eq!(envelope["MessageAttributes"]["type"], attribute);
}
