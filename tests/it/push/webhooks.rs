//! Webhooks in Python and in Node, with the verifiers that the organisation behind Standard Webhooks publishes.

use data_encoding::{BASE64, HEXLOWER};
use serde_json::{Value, json};

use super::{
    broker, endpoint_is, publish,
    receiver::{Receiver, body, header},
    settings, stats_when, subscription, update,
};
use crate::support::client;

/// The first test of RFC 8032, section 7.1: seed and public key.
const SEED: &str = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
const PUBLIC_KEY: &str = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";

fn secret(byte: u8) -> String {
    format!("whsec_{}", BASE64.encode(&[byte; 32]))
}

fn base64_of(hexadecimal: &str) -> String {
    BASE64.encode(&HEXLOWER.decode(hexadecimal.as_bytes()).unwrap())
}

#[tokio::test]
async fn a_webhook_in_python_confirms_verifies_and_takes_a_message() {
    let (fanfare, _directory) = broker().await;
    let secret = secret(1);
    let receiver = Receiver::python(&["--secret", &secret]);
    let push = json!({"endpoint": receiver.url("/hook"), "signingSecrets": [secret]});
    client::subscribe(&fanfare, "billing", &settings(&push));
    endpoint_is(&fanfare, "billing", "ACTIVE").await;
    let ids = publish(&fanfare, &[r#"{"order": 4711}"#]).await;
    let delivery = receiver.deliveries(1).remove(0);
    assert_eq!((&delivery["status"], &delivery["verified"]), (&json!(200), &json!([true])));
    assert_eq!(
        (header(&delivery, "webhook-id"), body(&delivery)),
        (ids[0].as_str(), r#"{"order": 4711}"#.into())
    );
    assert_eq!(header(&delivery, "fanfare-delivery-attempt"), "1");
    let stats = stats_when(&fanfare, "billing", "settled", |found| found["acked"] == "1").await;
    assert_eq!((&stats["failedAttempts"], &stats["backlog"]), (&Value::Null, &Value::Null));
}

#[tokio::test]
async fn each_request_is_signed_by_both_secrets_during_a_rotation() {
    let (fanfare, _directory) = broker().await;
    let [old, new] = [secret(1), secret(2)];
    let receiver = Receiver::python(&["--secret", &old, "--secret", &new]);
    let push = json!({"endpoint": receiver.url("/hook"), "signingSecrets": [old]});
    client::subscribe(&fanfare, "billing", &settings(&push));
    publish(&fanfare, &["1"]).await;
    receiver.deliveries(1);
    for (count, secrets) in [(2, json!([new, old])), (3, json!([new]))] {
        update(&fanfare, "billing", "signing_secrets", &json!({"signingSecrets": secrets}));
        publish(&fanfare, &["next"]).await;
        receiver.deliveries(count);
    }
    let verified: Vec<Value> = receiver.deliveries(3).iter().map(|found| found["verified"].clone()).collect();
    assert_eq!(verified, [json!([true, false]), json!([true, true]), json!([false, true])]);
    assert_eq!(receiver.so_far("confirmation").len(), 1, "another secret is no other endpoint");
}

#[tokio::test]
async fn a_webhook_in_node_verifies_both_kinds_of_signatures() {
    let (fanfare, _directory) = broker().await;
    let (symmetric, public) = (secret(3), format!("whpk_{}", base64_of(PUBLIC_KEY)));
    let receiver = Receiver::node(&["--secret", &symmetric, "--public-key", &public]);
    let private = format!("whsk_{}", base64_of(SEED));
    let push = json!({"endpoint": receiver.url("/hook"), "signingSecrets": [symmetric, private]});
    client::subscribe(&fanfare, "billing", &settings(&push));
    publish(&fanfare, &["hello"]).await;
    let delivery = receiver.deliveries(1).remove(0);
    assert_eq!((&delivery["status"], &delivery["verified"]), (&json!(200), &json!([true, true])));
    let keys = &subscription(&fanfare, "billing")["settings"]["push"]["signingKeys"];
    assert_eq!((&keys[0]["version"], &keys[1]["version"]), (&json!("v1"), &json!("v1a")));
    assert_eq!(keys[1]["publicKey"], public);
}

#[tokio::test]
async fn a_failing_webhook_is_tried_again_and_its_message_dead_lettered_after_the_attempts() {
    let (fanfare, _directory) = broker().await;
    let receiver = Receiver::python(&["--fail", "100"]);
    client::subscribe(&fanfare, "billing", &settings(&json!({"endpoint": receiver.url("/hook")})));
    let ids = publish(&fanfare, &["1"]).await;
    let deliveries = receiver.deliveries(3);
    let attempts: Vec<&str> =
        deliveries.iter().map(|found| header(found, "fanfare-delivery-attempt")).collect();
    assert_eq!(attempts, ["1", "2", "3"]);
    assert!(deliveries.iter().all(|found| header(found, "webhook-id") == ids[0]), "the same in each");
    let stats = stats_when(&fanfare, "billing", "dead letter", |found| found["deadLetters"] == "1").await;
    assert_eq!((&stats["failedAttempts"], &stats["deadLettered"]), (&json!("3"), &json!("1")));
    let told = |found: &Value| found["push"]["lastError"].as_str().is_some_and(|text| text.contains("503"));
    stats_when(&fanfare, "billing", "the last error", told).await;
    assert_eq!(receiver.so_far("delivery").len(), 3, "and no more");
}

#[tokio::test]
async fn a_webhook_in_node_that_fails_twice_gets_the_message_a_third_time() {
    let (fanfare, _directory) = broker().await;
    let receiver = Receiver::node(&["--fail", "2", "--status", "500"]);
    client::subscribe(&fanfare, "billing", &settings(&json!({"endpoint": receiver.url("/hook")})));
    publish(&fanfare, &["1"]).await;
    let statuses: Vec<Value> = receiver.deliveries(3).iter().map(|found| found["status"].clone()).collect();
    assert_eq!(statuses, [500, 500, 200]);
    let stats = stats_when(&fanfare, "billing", "settled", |found| found["acked"] == "1").await;
    assert_eq!(stats["failedAttempts"], "2");
}

#[tokio::test]
async fn a_webhook_that_does_not_confirm_gets_nothing_until_its_token_comes_by_grpc() {
    let (fanfare, _directory) = broker().await;
    let receiver = Receiver::python(&["--hold-consent"]);
    client::subscribe(&fanfare, "billing", &settings(&json!({"endpoint": receiver.url("/hook")})));
    publish(&fanfare, &["1"]).await;
    let asked: Value = serde_json::from_str(&body(&receiver.wait_for("confirmation", 1)[0])).unwrap();
    let wrong = json!({"name": "billing", "token": "A".repeat(43)});
    let refused = fanfare.grpcurl().call("SubscriptionService/ConfirmSubscription", &wrong).unwrap_err();
    assert_eq!(refused.code, "InvalidArgument", "{}", refused.text);
    endpoint_is(&fanfare, "billing", "PENDING").await;
    assert!(receiver.so_far("delivery").is_empty());
    let token = json!({"name": "billing", "token": asked["Token"]});
    fanfare.grpcurl().ok("SubscriptionService/ConfirmSubscription", &token);
    assert_eq!(body(&receiver.deliveries(1)[0]), "1");
    let again = fanfare.grpcurl().call("SubscriptionService/ConfirmSubscription", &token).unwrap_err();
    assert_ne!(again.code, "", "a token is good once: {}", again.text);
}
