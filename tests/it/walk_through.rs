//! What a new user does by hand: grpcurl against a broker, without a .proto file.

use std::io::{BufRead, BufReader, Write};

use serde_json::{Value, json};

use crate::support::{Fanfare, client, grpcurl};

fn subscription_stats(fanfare: &Fanfare, name: &str) -> Value {
    fanfare.grpcurl().ok("AdminService/GetSubscriptionStats", &json!({"name": name}))
}

#[tokio::test]
async fn everything_is_found_by_reflection_without_a_proto_file() {
    let (fanfare, _directory) = Fanfare::fresh().await;
    let services = fanfare.grpcurl().say(&["list"]);
    for service in ["Admin", "Publisher", "Push", "Subscriber", "Subscription", "Topic"] {
        assert!(services.contains(&format!("fanfare.v1.{service}Service\n")), "{services}");
    }
    assert!(services.contains("grpc.health.v1.Health\n"), "{services}");
    let described = fanfare.grpcurl().say(&["describe", "fanfare.v1.NewMessage"]);
    assert!(described.contains("string ordering_key = 3"), "{described}");
    assert!(described.contains("// Media type of `data`"), "comments are there, too: {described}");
}

#[tokio::test]
async fn a_new_user_publishes_once_and_two_subscriptions_receive_settle_and_retry() {
    let (fanfare, _directory) = Fanfare::fresh().await;
    client::topic_and_subscription(&fanfare, &json!({}));
    client::subscribe(&fanfare, "shipping", &json!({"ordered": true}));
    let grpcurl = fanfare.grpcurl();

    let message = json!({"data": "NDcxMQ==", "orderingKey": "ada", "attributes": {"type": "order.created"}});
    let published =
        grpcurl.ok("PublisherService/Publish", &json!({"topic": "orders", "messages": [message]}));
    let result = &published["results"][0];
    assert_eq!(result["matchedSubscriptions"], 2);

    let pull = json!({"subscription": "billing", "wait": "10s"});
    let first = grpcurl.ok("SubscriberService/Pull", &pull)["messages"][0].clone();
    assert_eq!(first["messageId"], result["messageId"]);
    assert_eq!(first["message"]["attributes"]["type"], "order.created");
    assert_eq!((&first["deliveryAttempt"], &first["firstDelivery"]), (&json!(1), &json!(true)));

    let back = json!({"subscription": "billing", "ackIds": [first["ackId"]], "delay": "0s"});
    assert_eq!(grpcurl.ok("SubscriberService/Nack", &back)["results"][0]["outcome"], "LEASE_OUTCOME_OK");
    let again = grpcurl.ok("SubscriberService/Pull", &pull)["messages"][0].clone();
    assert_eq!((&again["messageId"], &again["deliveryAttempt"]), (&first["messageId"], &json!(2)));

    let acks = json!({"subscription": "billing", "ackIds": [again["ackId"], first["ackId"]]});
    let settled = grpcurl.ok("SubscriberService/Acknowledge", &acks);
    assert_eq!(settled["results"][0]["outcome"], "LEASE_OUTCOME_OK");
    assert_ne!(settled["results"][1]["outcome"], "LEASE_OUTCOME_OK", "the lease was given back");

    let billing = subscription_stats(&fanfare, "billing");
    assert_eq!((&billing["acked"], &billing["failedAttempts"]), (&json!("1"), &json!("1")), "{billing}");
    assert_eq!(billing["backlog"], Value::Null, "none");
    assert_eq!(subscription_stats(&fanfare, "shipping")["backlog"], "1", "each has its own queue");
    let topic = grpcurl.ok("AdminService/GetTopicStats", &json!({"name": "orders"}));
    assert_eq!((&topic["published"], &topic["subscriptions"]), (&json!("1"), &json!("2")));
}

#[tokio::test]
async fn lists_come_in_pages() {
    let (fanfare, _directory) = Fanfare::fresh().await;
    client::create_topic(&fanfare, &json!({}));
    for number in 0..5 {
        client::subscribe(&fanfare, &format!("queue-{number}"), &json!({}));
    }
    let (mut names, mut token) = (Vec::new(), json!(""));
    loop {
        let request = json!({"topic": "orders", "pageSize": 2, "pageToken": token});
        let page = fanfare.grpcurl().ok("SubscriptionService/ListSubscriptions", &request);
        names.extend(page["subscriptions"].as_array().unwrap().iter().map(|one| one["name"].to_string()));
        token = page["nextPageToken"].clone();
        if token.is_null() {
            break;
        }
    }
    let expected = |number| format!("\"projects/default/subscriptions/queue-{number}\"");
    assert_eq!(names, (0..5).map(expected).collect::<Vec<_>>());
    let topics = fanfare.grpcurl().ok("TopicService/ListTopics", &json!({"pageSize": 1}));
    assert_eq!(topics["topics"][0]["name"], "projects/default/topics/orders");
}

#[tokio::test]
async fn health_is_checked_and_watched_to_the_end() {
    let (fanfare, _directory) = Fanfare::fresh().await;
    let grpcurl = fanfare.grpcurl();
    for service in ["", "fanfare.v1.PublisherService", "fanfare.v1.SubscriberService"] {
        let health = grpcurl.ok("grpc.health.v1.Health/Check", &json!({"service": service}));
        assert_eq!(health["status"], "SERVING", "{service}");
    }
    let refused = grpcurl.call("grpc.health.v1.Health/Check", &json!({"service": "x"})).unwrap_err();
    assert_eq!(refused.code, "NotFound");

    let mut watch = grpcurl.start("grpc.health.v1.Health/Watch");
    watch.stdin.take().unwrap().write_all(b"{}").unwrap();
    let mut said = BufReader::new(watch.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(said.any(|line| line.contains("\"SERVING\"")));
    fanfare.stop().await;
    assert!(said.any(|line| line.contains("NOT_SERVING")));
    watch.wait().unwrap();
}

#[tokio::test]
async fn publishes_stream_through_standard_input_and_a_bad_one_costs_only_itself() {
    let (fanfare, _directory) = Fanfare::fresh().await;
    client::topic_and_subscription(&fanfare, &json!({}));
    let requests = r#"{"topic": "orders", "messages": [{"data": "MQ=="}, {"data": "Mg=="}]}
        {"messages": []}
        {"messages": [{"data": "Mw=="}]}"#;
    let answers = fanfare.grpcurl().answers("PublisherService/PublishStream", requests).unwrap();
    assert_eq!(answers.len(), 3);
    assert_eq!(answers[0]["published"]["results"].as_array().unwrap().len(), 2);
    assert_eq!(answers[1]["error"]["field"], "messages");
    assert_eq!(answers[2]["published"]["results"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn deliveries_stream_to_standard_output_and_acks_from_standard_input() {
    let (fanfare, _directory) = Fanfare::fresh().await;
    client::topic_and_subscription(&fanfare, &json!({}));
    let request = json!({"topic": "orders", "messages": [{"data": "MQ=="}]});
    fanfare.grpcurl().ok("PublisherService/Publish", &request);

    let mut stream = fanfare.grpcurl().start("SubscriberService/StreamingPull");
    let mut requests = stream.stdin.take().unwrap();
    writeln!(requests, r#"{{"subscription": "billing", "confirm": true}}"#).unwrap();
    let mut said = BufReader::new(stream.stdout.take().unwrap()).lines().map(Result::unwrap);
    let line = said.find(|line| line.contains("ackId")).unwrap();
    let ack_id = line.split('"').nth(3).unwrap();
    writeln!(requests, r#"{{"acks": ["{ack_id}"]}}"#).unwrap();
    assert!(said.any(|line| line.contains("LEASE_OUTCOME_OK")));
    drop(requests);
    assert!(stream.wait().unwrap().success(), "it ends with OK when the client closes its side");
    assert!(grpcurl::read(&stream.wait_with_output().unwrap()).is_ok());
    assert_eq!(subscription_stats(&fanfare, "billing")["acked"], "1");
}
