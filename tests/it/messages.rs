//! What becomes of a message's own fields: who it belongs together with, when it comes, and what it carries along.

use serde_json::{Value, json};

use crate::support::{Fanfare, client};

fn publish(fanfare: &Fanfare, message: &Value) -> Value {
    let request = json!({"topic": "orders", "messages": [message]});
    fanfare.grpcurl().ok("PublisherService/Publish", &request)["results"][0].clone()
}

fn pull(fanfare: &Fanfare, wait: &str) -> Vec<Value> {
    let request = json!({"subscription": "billing", "wait": wait});
    let answer = fanfare.grpcurl().ok("SubscriberService/Pull", &request);
    answer["messages"].as_array().cloned().unwrap_or_default()
}

#[tokio::test]
async fn every_field_arrives_as_it_was_published() {
    let (fanfare, _directory) = Fanfare::fresh().await;
    client::topic_and_subscription(&fanfare, &json!({}));
    let message = json!({
        "data": "eyJvcmRlciI6NDcxMX0=", "attributes": {"type": "order.paid", "größe": "XL"}, "orderingKey": "ada",
        "deduplicationId": "4711-paid", "correlationId": "order-4711", "contentType": "application/json",
        "groupId": "tenant-1",
    });
    publish(&fanfare, &message);
    assert_eq!(pull(&fanfare, "10s")[0]["message"], message);
}

#[tokio::test]
async fn a_deduplication_id_is_known_again_also_after_a_restart() {
    let (fanfare, directory) = Fanfare::fresh().await;
    client::topic_and_subscription(&fanfare, &json!({}));
    let message = json!({"data": "MQ==", "deduplicationId": "4711-paid"});
    let first = publish(&fanfare, &message);
    let again = publish(&fanfare, &message);
    assert_eq!((&again["deduplicated"], &again["messageId"]), (&json!(true), &first["messageId"]));
    fanfare.kill();
    let fanfare = crate::support::Start::on(&directory.path().join("data")).ready().await;
    let again = publish(&fanfare, &message);
    assert_eq!((&again["deduplicated"], &again["messageId"]), (&json!(true), &first["messageId"]));
    assert_eq!(pull(&fanfare, "10s").len(), 1);
}

#[tokio::test]
async fn a_delayed_message_comes_when_its_time_has_come_and_not_before_others() {
    let (fanfare, _directory) = Fanfare::fresh().await;
    client::topic_and_subscription(&fanfare, &json!({}));
    publish(&fanfare, &json!({"data": "MQ==", "deliverAfter": "2s"}));
    publish(&fanfare, &json!({"data": "Mg=="}));
    assert_eq!(pull(&fanfare, "0s")[0]["message"]["data"], "Mg==");
    assert!(pull(&fanfare, "0s").is_empty());
    let late = pull(&fanfare, "20s")[0].clone();
    assert_eq!(late["message"]["data"], "MQ==");
    assert!(late["leaseDeadline"].as_str() > late["message"]["deliverAt"].as_str());
}

#[tokio::test]
async fn a_correlation_id_is_the_fields_else_the_headers_else_a_new_one() {
    let (fanfare, _directory) = Fanfare::fresh().await;
    client::topic_and_subscription(&fanfare, &json!({}));
    let request = json!({"topic": "orders", "messages": [{"data": "MQ==", "correlationId": "field"}, {"data": "Mg=="}]});
    let with_header = fanfare.grpcurl().header("x-correlation-id: header");
    let both = with_header.ok("PublisherService/Publish", &request);
    assert_eq!(both["results"][0]["correlationId"], "field");
    assert_eq!(both["results"][1]["correlationId"], "header");
    let generated = publish(&fanfare, &json!({"data": "Mw=="}))["correlationId"].clone();
    assert_eq!(generated.as_str().unwrap().len(), 32);
    let delivered =
        pull(&fanfare, "10s").iter().map(|one| one["message"]["correlationId"].clone()).collect::<Vec<_>>();
    assert_eq!(delivered, [json!("field"), json!("header"), generated]);
}

#[tokio::test]
async fn the_trace_context_of_the_request_goes_with_the_message_outside_its_attributes() {
    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let (fanfare, _directory) = Fanfare::fresh().await;
    client::topic_and_subscription(&fanfare, &json!({}));
    let traced = fanfare.grpcurl().header(&format!("traceparent: {PARENT}")).header("tracestate: a=1,b=2");
    traced.ok("PublisherService/Publish", &json!({"topic": "orders", "messages": [{"data": "MQ=="}]}));
    let message = pull(&fanfare, "10s")[0]["message"].clone();
    assert_eq!((&message["traceparent"], &message["tracestate"]), (&json!(PARENT), &json!("a=1,b=2")));
    assert_eq!(message["attributes"], Value::Null);
}
