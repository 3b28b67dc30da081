//! Pulling: waiting, leases and what ends them, order.

use serde_json::json;

use crate::support::{
    Fanfare,
    client::{self, message, publish, publisher, pull, subscriber, texts},
};

#[tokio::test]
async fn a_pull_waits_for_the_first_message_and_is_answered_as_soon_as_it_is_there() {
    let (fanfare, _directory) = Fanfare::fresh().await;
    client::topic_and_subscription(&fanfare, &json!({}));
    let mut consumer = subscriber(&fanfare).await;
    assert!(pull(&mut consumer, "billing", 10, 0).await.is_empty(), "nothing to wait for");
    let waiting = tokio::spawn(async move { pull(&mut consumer, "billing", 10, 60).await });
    let stats = || fanfare.grpcurl().ok("AdminService/GetSubscriptionStats", &json!({"name": "billing"}));
    crate::support::eventually("a consumer waits", async || match &stats()["consumers"] {
        one if one == "1" => Ok(()),
        other => Err(other.clone()),
    })
    .await;
    publish(&mut publisher(&fanfare).await, vec![message("1", "")]).await.unwrap();
    let delivered = tokio::time::timeout(std::time::Duration::from_secs(5), waiting).await.unwrap().unwrap();
    assert_eq!(texts(&delivered), ["1"]);
}

#[tokio::test]
async fn the_next_message_of_a_key_comes_only_when_the_one_before_is_settled() {
    let (fanfare, _directory) = Fanfare::fresh().await;
    client::topic_and_subscription(&fanfare, &json!({"ordered": true}));
    let messages = ["a1 a", "a2 a", "b1 b", "a3 a"];
    let messages = messages.map(|text| message(&text[..2], &text[3..])).into();
    publish(&mut publisher(&fanfare).await, messages).await.unwrap();
    let mut consumer = subscriber(&fanfare).await;
    let first = pull(&mut consumer, "billing", 10, 10).await;
    assert_eq!(texts(&first), ["a1", "b1"]);
    assert!(pull(&mut consumer, "billing", 10, 0).await.is_empty());
    let settle = |method: &str, ack_id: &str| {
        let request = json!({"subscription": "billing", "ackIds": [ack_id]});
        fanfare.grpcurl().ok(method, &request);
    };
    settle("SubscriberService/Acknowledge", &first[0].ack_id);
    let second = pull(&mut consumer, "billing", 10, 10).await;
    assert_eq!(texts(&second), ["a2"]);
    settle("SubscriberService/Nack", &second[0].ack_id);
    let again = pull(&mut consumer, "billing", 10, 10).await;
    assert_eq!((texts(&again), again[0].delivery_attempt), (vec!["a2".to_owned()], 2), "a3 has to wait");
}

#[tokio::test]
async fn a_nack_says_how_long_the_message_waits() {
    let (fanfare, _directory) = Fanfare::fresh().await;
    client::topic_and_subscription(&fanfare, &json!({}));
    publish(&mut publisher(&fanfare).await, vec![message("1", "")]).await.unwrap();
    let mut consumer = subscriber(&fanfare).await;
    let first = pull(&mut consumer, "billing", 1, 10).await;
    let request = json!({"subscription": "billing", "ackIds": [first[0].ack_id], "delay": "2s"});
    fanfare.grpcurl().ok("SubscriberService/Nack", &request);
    assert!(pull(&mut consumer, "billing", 1, 1).await.is_empty(), "not after one second");
    assert_eq!(pull(&mut consumer, "billing", 1, 20).await[0].delivery_attempt, 2);
}

#[tokio::test]
async fn a_lease_that_runs_out_brings_the_message_back_and_its_ack_id_is_refused() {
    let (fanfare, _directory) = Fanfare::fresh().await;
    let at_once = json!({"exponential": {"minBackoff": "0s", "maxBackoff": "0s"}});
    client::topic_and_subscription(&fanfare, &json!({"ackDeadline": "1s", "retry": at_once}));
    publish(&mut publisher(&fanfare).await, vec![message("1", "")]).await.unwrap();
    let mut consumer = subscriber(&fanfare).await;
    let first = pull(&mut consumer, "billing", 1, 10).await;
    let second = pull(&mut consumer, "billing", 1, 20).await;
    assert_eq!((second[0].delivery_attempt, second[0].first_delivery), (2, false));
    let late = json!({"subscription": "billing", "ackIds": [first[0].ack_id]});
    let outcome = fanfare.grpcurl().ok("SubscriberService/Acknowledge", &late)["results"][0].clone();
    assert_eq!(outcome["outcome"], "LEASE_OUTCOME_SUPERSEDED", "{outcome}");
}

#[tokio::test]
async fn an_extended_lease_outlives_the_subscriptions_deadline() {
    let (fanfare, _directory) = Fanfare::fresh().await;
    client::topic_and_subscription(&fanfare, &json!({"ackDeadline": "1s"}));
    publish(&mut publisher(&fanfare).await, vec![message("1", "")]).await.unwrap();
    let mut consumer = subscriber(&fanfare).await;
    let ack_id = pull(&mut consumer, "billing", 1, 10).await.remove(0).ack_id;
    let longer = json!({"subscription": "billing", "ackIds": [ack_id], "ackDeadline": "60s"});
    let extended = fanfare.grpcurl().ok("SubscriberService/ExtendLease", &longer)["results"][0].clone();
    assert_eq!(extended["outcome"], "LEASE_OUTCOME_OK");
    assert!(pull(&mut consumer, "billing", 1, 2).await.is_empty(), "the first deadline is over");
    let ack = json!({"subscription": "billing", "ackIds": [ack_id]});
    let settled = fanfare.grpcurl().ok("SubscriberService/Acknowledge", &ack);
    assert_eq!(settled["results"][0]["outcome"], "LEASE_OUTCOME_OK");
}

#[tokio::test]
async fn a_pull_with_the_defaults_fits_into_what_an_ordinary_client_accepts() {
    let (fanfare, _directory) = Fanfare::fresh().await;
    client::topic_and_subscription(&fanfare, &json!({}));
    let mut sender = publisher(&fanfare).await;
    for _ in 0..8 {
        publish(&mut sender, vec![message("x".repeat(900_000), "")]).await.unwrap();
    }
    let pulled = fanfare.grpcurl().call("SubscriberService/Pull", &json!({"subscription": "billing"}));
    assert!(!pulled.expect("4 MiB is gRPC's usual limit")["messages"].as_array().unwrap().is_empty());
}

#[tokio::test]
async fn a_pull_that_does_not_wait_finds_what_was_published_and_what_was_unblocked_before_it() {
    const KEYS: usize = 20;
    let (fanfare, _directory) = Fanfare::fresh().await;
    client::topic_and_subscription(&fanfare, &json!({"ordered": true}));
    let messages = (0..KEYS * 20).map(|number| message(number.to_string(), &(number % KEYS).to_string()));
    publish(&mut publisher(&fanfare).await, messages.collect()).await.unwrap();
    for round in 0..20 {
        // A connection of its own each time, as grpcurl has.
        let pulled = pull(&mut subscriber(&fanfare).await, "billing", 1_000, 0).await;
        assert_eq!(pulled.len(), KEYS, "round {round}");
        let ack_ids: Vec<_> = pulled.into_iter().map(|message| message.ack_id).collect();
        fanfare
            .grpcurl()
            .ok("SubscriberService/Acknowledge", &json!({"subscription": "billing", "ackIds": ack_ids}));
    }
}
