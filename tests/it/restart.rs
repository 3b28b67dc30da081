//! What is still there after the broker was stopped, or killed, and started again.

use serde_json::json;

use crate::support::{
    Fanfare, Start,
    client::{self, message, publish, publisher, pull, subscriber, texts},
};

/// A broker with settings, a settled message, one that failed, one that is leased and one that has not been looked at.
async fn with_everything() -> (Fanfare, crate::support::Directory) {
    let (fanfare, directory) = Fanfare::fresh().await;
    client::create_topic(&fanfare, &json!({"labels": {"team": "shop"}}));
    client::subscribe(&fanfare, "billing", &json!({"ackDeadline": "600s", "maxAttempts": 7}));
    let messages = ["settled", "failed", "leased", "new"].map(|text| message(text, "")).into();
    publish(&mut publisher(&fanfare).await, messages).await.unwrap();
    let held = pull(&mut subscriber(&fanfare).await, "billing", 3, 10).await;
    let with =
        |index: usize| json!({"subscription": "billing", "ackIds": [held[index].ack_id], "delay": "0s"});
    let ack = json!({"subscription": "billing", "ackIds": [held[0].ack_id]});
    fanfare.grpcurl().ok("SubscriberService/Acknowledge", &ack);
    fanfare.grpcurl().ok("SubscriberService/Nack", &with(1));
    (fanfare, directory)
}

async fn is_all_there(fanfare: &Fanfare) {
    let topic = fanfare.grpcurl().ok("TopicService/GetTopic", &json!({"name": "orders"}));
    assert_eq!(topic["topic"]["settings"]["labels"], json!({"team": "shop"}));
    let subscription =
        fanfare.grpcurl().ok("SubscriptionService/GetSubscription", &json!({"name": "billing"}));
    assert_eq!(subscription["subscription"]["settings"]["maxAttempts"], 7);
    let stats = fanfare.grpcurl().ok("AdminService/GetSubscriptionStats", &json!({"name": "billing"}));
    assert_eq!(
        (&stats["acked"], &stats["failedAttempts"], &stats["backlog"]),
        (&json!("1"), &json!("1"), &json!("3"))
    );

    let mut consumer = subscriber(fanfare).await;
    let mut delivered = Vec::new();
    while delivered.len() < 3 {
        delivered.extend(pull(&mut consumer, "billing", 10, 10).await);
    }
    delivered.sort_by_key(|message| message.sequence);
    assert_eq!(texts(&delivered), ["failed", "leased", "new"], "the leases ended with the process");
    let attempts = delivered.iter().map(|message| message.delivery_attempt).collect::<Vec<_>>();
    assert_eq!(attempts, [2, 1, 1], "a restart costs no attempt");
}

#[tokio::test]
async fn a_stop_keeps_everything() {
    let (fanfare, directory) = with_everything().await;
    fanfare.stop().await;
    is_all_there(&Start::on(&directory.path().join("data")).ready().await).await;
}

#[tokio::test]
async fn kill_minus_nine_keeps_everything_that_was_answered() {
    let (fanfare, directory) = with_everything().await;
    fanfare.kill();
    is_all_there(&Start::on(&directory.path().join("data")).ready().await).await;
}

#[tokio::test]
async fn a_broker_in_memory_says_at_start_that_it_keeps_nothing() {
    let fanfare = Start::in_memory().ready().await;
    let warning = fanfare.log.wait_for_message("no durability");
    assert_eq!(warning["level"], "WARN");
    let info = fanfare.grpcurl().ok("AdminService/GetServerInfo", &json!({}));
    assert_eq!((&info["engine"], &info["durability"]), (&json!("memory"), &json!("none")));
}
