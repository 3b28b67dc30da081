//! What an owner does to a subscription or a topic that is in use.

use serde_json::{Value, json};

use crate::support::{
    Fanfare,
    client::{self, message, publish, publisher, pull, subscriber, texts},
};

async fn with_messages(texts: &[&str]) -> (Fanfare, crate::support::Directory) {
    let (fanfare, directory) = Fanfare::fresh().await;
    client::create_topic(&fanfare, &json!({"keepSettled": true}));
    client::subscribe(&fanfare, "billing", &json!({}));
    let messages = texts.iter().map(|text| message(*text, "")).collect();
    publish(&mut publisher(&fanfare).await, messages).await.unwrap();
    (fanfare, directory)
}

#[tokio::test]
async fn a_seek_back_delivers_again_and_fences_the_leases_before_it() {
    let (fanfare, _directory) = with_messages(&["1", "2", "3"]).await;
    let mut consumer = subscriber(&fanfare).await;
    let first = pull(&mut consumer, "billing", 10, 10).await;
    let ack = |index: usize| {
        let request = json!({"subscription": "billing", "ackIds": [first[index].ack_id]});
        fanfare.grpcurl().ok("SubscriberService/Acknowledge", &request)["results"][0]["outcome"].clone()
    };
    assert_eq!(ack(0), "LEASE_OUTCOME_OK");
    let seek = json!({"name": "billing", "target": {"edge": "LOG_EDGE_EARLIEST"}});
    let moved = fanfare.grpcurl().ok("SubscriptionService/SeekSubscription", &seek);
    assert!(moved["subscription"]["position"].is_string(), "it says where it took effect: {moved}");
    assert_eq!(ack(1), "LEASE_OUTCOME_FENCED_BY_SEEK");
    assert_eq!(texts(&pull(&mut consumer, "billing", 10, 10).await), ["1", "2", "3"]);

    let ahead = json!({"name": "billing", "target": {"sequence": first[2].sequence}});
    fanfare.grpcurl().ok("SubscriptionService/SeekSubscription", &ahead);
    assert_eq!(texts(&pull(&mut consumer, "billing", 10, 10).await), ["3"]);
}

#[tokio::test]
async fn a_paused_subscription_delivers_nothing_until_it_is_resumed() {
    let (fanfare, _directory) = with_messages(&["1"]).await;
    let name = json!({"name": "billing"});
    let paused = fanfare.grpcurl().ok("SubscriptionService/PauseSubscription", &name);
    assert_eq!(paused["subscription"]["paused"], true);
    let mut consumer = subscriber(&fanfare).await;
    assert!(pull(&mut consumer, "billing", 10, 1).await.is_empty());
    let waiting = tokio::spawn(async move { pull(&mut consumer, "billing", 10, 60).await });
    fanfare.grpcurl().ok("SubscriptionService/ResumeSubscription", &name);
    assert_eq!(texts(&waiting.await.unwrap()), ["1"]);
}

#[tokio::test]
async fn an_update_changes_what_its_mask_names_and_nothing_else() {
    let (fanfare, _directory) = with_messages(&["1"]).await;
    let settings = json!({"ackDeadline": "60s", "maxAttempts": 3, "labels": {"team": "money"}});
    let update =
        json!({"name": "billing", "settings": settings, "updateMask": {"paths": ["ack_deadline", "labels"]}});
    let changed = fanfare.grpcurl().ok("SubscriptionService/UpdateSubscription", &update);
    let settings = &changed["subscription"]["settings"];
    assert_eq!((&settings["ackDeadline"], &settings["maxAttempts"]), (&json!("60s"), &json!(10)));
    assert_eq!(settings["labels"], json!({"team": "money"}));

    let update = json!({"name": "orders", "settings": {}, "updateMask": {"paths": ["keep_settled"]}});
    let changed = fanfare.grpcurl().ok("TopicService/UpdateTopic", &update);
    assert_eq!(changed["topic"]["settings"]["keepSettled"], Value::Null, "back to its default: {changed}");
}

#[tokio::test]
async fn a_topic_that_is_created_again_shows_nothing_of_the_old_one() {
    let (fanfare, _directory) = with_messages(&["old"]).await;
    let grpcurl = fanfare.grpcurl();
    let refused = grpcurl.call("TopicService/DeleteTopic", &json!({"name": "orders"})).unwrap_err();
    assert_eq!(refused.code, "FailedPrecondition", "there is a backlog");
    assert!(refused.text.contains("projects/default/subscriptions/billing"), "{}", refused.text);
    let before = grpcurl.ok("TopicService/GetTopic", &json!({"name": "orders"}));
    grpcurl.ok("TopicService/DeleteTopic", &json!({"name": "orders", "force": true}));
    let gone = grpcurl.call("SubscriberService/Pull", &json!({"subscription": "billing"})).unwrap_err();
    assert_eq!(gone.code, "NotFound");

    client::topic_and_subscription(&fanfare, &json!({}));
    let after = grpcurl.ok("TopicService/GetTopic", &json!({"name": "orders"}));
    assert_ne!(before["topic"]["incarnation"], after["topic"]["incarnation"]);
    publish(&mut publisher(&fanfare).await, vec![message("new", "")]).await.unwrap();
    let seek = json!({"name": "billing", "target": {"edge": "LOG_EDGE_EARLIEST"}});
    grpcurl.ok("SubscriptionService/SeekSubscription", &seek);
    assert_eq!(texts(&pull(&mut subscriber(&fanfare).await, "billing", 10, 10).await), ["new"]);
}
