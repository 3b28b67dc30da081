//! Bad input as a user of grpcurl sees it. (Every field of every request is in the tests of `crates/grpc`.)

use serde_json::{Value, json};

use crate::support::{
    Fanfare, Refused,
    client::{self, message, publish, publisher, pull, subscriber, texts},
};

/// What is asked, and the code and the field that a user has to see.
fn cases() -> Vec<(&'static str, Value, &'static str, &'static str)> {
    let long = "x".repeat(256);
    let long_key =
        json!({"topic": "orders", "messages": [{"data": "MQ==", "orderingKey": "k".repeat(1_025)}]});
    vec![
        ("TopicService/CreateTopic", json!({}), "InvalidArgument", "name"),
        ("TopicService/CreateTopic", json!({"name": "or ders"}), "InvalidArgument", "name"),
        ("TopicService/CreateTopic", json!({"name": long}), "InvalidArgument", "name"),
        (
            "TopicService/CreateTopic",
            json!({"name": "new", "settings": {"retention": {"maxAge": "-1s"}}}),
            "InvalidArgument",
            "settings.retention.max_age",
        ),
        ("TopicService/GetTopic", json!({"name": "nothing"}), "NotFound", ""),
        ("TopicService/GetTopic", json!({"name": "projects/other/topics/orders"}), "NotFound", ""),
        (
            "TopicService/UpdateTopic",
            json!({"name": "orders", "updateMask": {"paths": ["nothing"]}}),
            "InvalidArgument",
            "update_mask",
        ),
        ("PublisherService/Publish", json!({"topic": "orders"}), "InvalidArgument", "messages"),
        (
            "PublisherService/Publish",
            json!({"topic": "orders", "messages": [{}]}),
            "InvalidArgument",
            "messages[0].data",
        ),
        ("PublisherService/Publish", long_key, "InvalidArgument", "messages[0].ordering_key"),
        (
            "SubscriptionService/CreateSubscription",
            json!({"name": "new", "topic": "orders", "settings": {"ackDeadline": "0.5s"}}),
            "InvalidArgument",
            "settings.ack_deadline",
        ),
        (
            "SubscriptionService/UpdateSubscription",
            json!({"name": "billing", "settings": {"ordered": true}, "updateMask": {"paths": ["ordered"]}}),
            "InvalidArgument",
            "update_mask",
        ),
        ("SubscriptionService/SeekSubscription", json!({"name": "billing"}), "InvalidArgument", "target"),
        (
            "SubscriberService/Pull",
            json!({"subscription": "billing", "wait": "61s"}),
            "InvalidArgument",
            "wait",
        ),
        (
            "SubscriberService/Pull",
            json!({"subscription": "billing", "maxMessages": 1_001}),
            "InvalidArgument",
            "max_messages",
        ),
        (
            "SubscriberService/Acknowledge",
            json!({"subscription": "billing", "ackIds": ["nonsense"]}),
            "InvalidArgument",
            "ack_ids[0]",
        ),
        ("SubscriberService/StreamingPull", json!({"acks": []}), "InvalidArgument", "subscription"),
    ]
}

fn shows(refused: &Refused, field: &str) -> bool {
    let described =
        refused.text.contains("fieldViolations") && refused.text.contains(&format!("\"field\":\"{field}\""));
    field.is_empty() || (described && refused.text.contains(&format!("{field}: ")))
}

#[tokio::test]
async fn each_refusal_has_its_code_and_shows_the_field_to_a_user_of_grpcurl() {
    let (fanfare, _directory) = Fanfare::fresh().await;
    client::topic_and_subscription(&fanfare, &json!({}));
    publish(&mut publisher(&fanfare).await, vec![message("1", "")]).await.unwrap();
    for (method, request, code, field) in cases() {
        let refused = fanfare.grpcurl().call(method, &request).expect_err(method);
        assert_eq!(refused.code, code, "{method} {request}: {}", refused.text);
        assert!(shows(&refused, field), "{method} {request}: {}", refused.text);
    }
    assert_eq!(texts(&pull(&mut subscriber(&fanfare).await, "billing", 10, 10).await), ["1"]);
}

#[tokio::test]
async fn a_message_of_20_mib_is_refused_with_the_limit_and_costs_nothing_else() {
    let (fanfare, _directory) = Fanfare::fresh().await;
    client::topic_and_subscription(&fanfare, &json!({}));
    let mut sender = publisher(&fanfare).await;
    let refused = publish(&mut sender, vec![message("x".repeat(20 << 20), "")]).await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::InvalidArgument, "{refused}");
    assert!(refused.message().contains("10485760"), "{refused}");
    let refused = publish(&mut sender, vec![message("x".repeat(2 << 20), "")]).await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::InvalidArgument, "{refused}");
    assert!(refused.message().contains("1048576"), "{refused}");
    publish(&mut sender, vec![message("1", "")]).await.unwrap();
    assert_eq!(texts(&pull(&mut subscriber(&fanfare).await, "billing", 10, 10).await), ["1"]);
}

#[tokio::test]
async fn an_ack_id_of_another_subscription_refuses_the_request_and_settles_nothing() {
    let (fanfare, _directory) = Fanfare::fresh().await;
    client::topic_and_subscription(&fanfare, &json!({}));
    client::subscribe(&fanfare, "shipping", &json!({}));
    publish(&mut publisher(&fanfare).await, vec![message("1", "")]).await.unwrap();
    let mut consumer = subscriber(&fanfare).await;
    let [mine, other] =
        [pull(&mut consumer, "billing", 1, 10).await, pull(&mut consumer, "shipping", 1, 10).await];
    let both = json!({"subscription": "billing", "ackIds": [mine[0].ack_id, other[0].ack_id]});
    let refused = fanfare.grpcurl().call("SubscriberService/Acknowledge", &both).unwrap_err();
    assert_eq!(
        (refused.code.as_str(), shows(&refused, "ack_ids[1]")),
        ("InvalidArgument", true),
        "{}",
        refused.text
    );
    let stats = fanfare.grpcurl().ok("AdminService/GetSubscriptionStats", &json!({"name": "billing"}));
    assert_eq!((&stats["acked"], &stats["leased"]), (&Value::Null, &json!("1")));
}
