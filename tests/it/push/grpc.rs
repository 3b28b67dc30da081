//! A gRPC endpoint in Python, its stubs generated from proto/.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{broker, endpoint_is, publish, receiver::Receiver, settings, stats_when};
use crate::support::client;

fn texts(deliveries: &[Value]) -> BTreeSet<&str> {
    deliveries.iter().map(|found| found["text"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn an_endpoint_in_python_confirms_and_takes_batches() {
    let (fanfare, _directory) = broker().await;
    let receiver = Receiver::grpc(&[]);
    let push = json!({"endpoint": receiver.grpc_url(), "maxBatch": 10, "headers": {"x-team": "billing"}});
    client::subscribe(&fanfare, "billing", &settings(&push));
    endpoint_is(&fanfare, "billing", "ACTIVE").await;
    let confirmation = &receiver.wait_for("confirmation", 1)[0];
    assert_eq!(confirmation["subscription"], "projects/default/subscriptions/billing");
    let sent: Vec<String> = (0..30).map(|number| number.to_string()).collect();
    publish(&fanfare, &sent.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let deliveries = receiver.deliveries(30);
    assert_eq!(texts(&deliveries), sent.iter().map(String::as_str).collect());
    assert!(deliveries.iter().any(|found| found["batch"].as_u64() > Some(1)), "{deliveries:#?}");
    assert_eq!(deliveries[0]["metadata"]["x-team"], "billing");
    stats_when(&fanfare, "billing", "all settled", |found| found["acked"] == "30").await;
}

#[tokio::test]
async fn each_message_of_a_batch_has_its_own_fate() {
    let (fanfare, _directory) = broker().await;
    let receiver = Receiver::grpc(&["--fail", "1", "--reject", "poison"]);
    let push = json!({"endpoint": receiver.grpc_url(), "maxBatch": 10});
    client::subscribe(&fanfare, "billing", &settings(&push));
    publish(&fanfare, &["a", "poison", "b"]).await;
    let stats = stats_when(&fanfare, "billing", "all settled", |found| {
        found["acked"] == "2" && found["deadLettered"] == "1"
    });
    assert_eq!(stats.await["failedAttempts"], "3", "a and b once each, the poison once");
    let deliveries = receiver.deliveries(5);
    let attempts = |text: &str| -> Vec<u64> {
        let of = deliveries.iter().filter(|found| found["text"] == text);
        of.map(|found| found["attempt"].as_u64().unwrap()).collect()
    };
    assert_eq!((attempts("a"), attempts("b"), attempts("poison")), (vec![1, 2], vec![1, 2], vec![1]));
}
