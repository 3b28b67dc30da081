//! `kill -9` of the broker while it delivers.

use std::collections::BTreeSet;

use fanfare_testkit::endpoints::{Behaviour, Endpoint, Reply, Request};
use serde_json::{Value, json};

use super::{broker, endpoint_is, publish, pushing, settings, stats_when};
use crate::support::{Directory, Fanfare, client};

/// A broker with one endpoint that has confirmed.
async fn active(endpoint: &Endpoint) -> (Fanfare, Directory) {
    let (fanfare, directory) = broker().await;
    let mut settings = settings(&json!({"endpoint": endpoint.url("/hook"), "requestTimeout": "60s"}));
    settings["maxAttempts"] = json!(10);
    client::subscribe(&fanfare, "billing", &settings);
    endpoint_is(&fanfare, "billing", "ACTIVE").await;
    (fanfare, directory)
}

/// The broker after a crash.
async fn again(directory: &Directory) -> Fanfare {
    pushing(&directory.path().join("data")).ready().await.within(directory)
}

/// What a topic's log has is on the disk in its order, so when this is, all before it is.
fn let_be_durable(fanfare: &Fanfare, subscription: &str) {
    client::subscribe(fanfare, subscription, &json!({}));
}

fn attempts(requests: &[Request]) -> Vec<&str> {
    requests.iter().map(|request| request.header("fanfare-delivery-attempt").unwrap()).collect()
}

fn ids(requests: &[Request]) -> BTreeSet<String> {
    requests.iter().map(|request| request.header("webhook-id").unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_that_a_crash_cut_off_is_made_again_and_is_no_failure() {
    let endpoint = Endpoint::start(Behaviour::hold());
    let (fanfare, directory) = active(&endpoint).await;
    publish(&fanfare, &["1"]).await;
    endpoint.wait_for_held(1).await;
    fanfare.kill();

    endpoint.set(Behaviour::ok());
    let fanfare = again(&directory).await;
    let requests = endpoint.wait_for(2).await;
    assert_eq!((attempts(&requests), ids(&requests).len()), (vec!["1", "1"], 1));
    let stats = stats_when(&fanfare, "billing", "settled", |found| found["acked"] == "1").await;
    assert_eq!(stats["failedAttempts"], Value::Null);
    assert_eq!(endpoint.totals().confirmations, 1, "it has confirmed, and is not asked again");
}

#[tokio::test(flavor = "multi_thread")]
async fn attempts_that_failed_before_a_crash_are_counted_after_it() {
    let endpoint = Endpoint::start(Behaviour::FailFirst {
        attempts: 2,
        failure: Box::new(Behaviour::status(503)),
        then: Box::new(Behaviour::Hold(Reply::ok())),
    });
    let (fanfare, directory) = active(&endpoint).await;
    publish(&fanfare, &["1"]).await;
    endpoint.wait_for_held(1).await;
    // An attempt may go out before the failure of the one before is on the disk.
    let_be_durable(&fanfare, "later");
    fanfare.kill();

    endpoint.set(Behaviour::ok());
    let fanfare = again(&directory).await;
    assert_eq!(attempts(&endpoint.wait_for(4).await), ["1", "2", "3", "3"]);
    let stats = stats_when(&fanfare, "billing", "settled", |found| found["acked"] == "1").await;
    assert_eq!(stats["failedAttempts"], "2");
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_is_delivered_at_least_once_across_three_crashes_under_load() {
    let endpoint = Endpoint::start(Behaviour::ok());
    let (mut fanfare, directory) = active(&endpoint).await;
    let texts: Vec<String> = (0..2_000).map(|number| number.to_string()).collect();
    let mut published = BTreeSet::new();
    for part in texts.chunks(500) {
        published.extend(publish(&fanfare, &part.iter().map(String::as_str).collect::<Vec<_>>()).await);
    }
    let mut cut_off = Vec::new();
    for deliveries in [100, 400, 800] {
        endpoint.wait_for(deliveries).await;
        endpoint.set(Behaviour::hold());
        endpoint.wait_for_held(1).await;
        // One is held, so the latest is.
        let requests = endpoint.requests();
        cut_off.push((requests.len(), ids(&requests[requests.len() - 1..])));
        let_be_durable(&fanfare, &format!("after-{deliveries}"));
        fanfare.kill();
        endpoint.set(Behaviour::ok());
        fanfare = again(&directory).await;
    }
    let settled = |found: &Value| found["acked"] == "2000";
    let stats = stats_when(&fanfare, "billing", "all settled", settled).await;
    let requests = endpoint.requests();
    assert_eq!(ids(&requests), published);
    for (so_far, unanswered) in cut_off {
        let missing: Vec<_> = unanswered.difference(&ids(&requests[so_far..])).cloned().collect();
        assert!(missing.is_empty(), "never answered, and did not come again: {missing:?}");
    }
    assert_eq!((&stats["failedAttempts"], &stats["deadLettered"]), (&Value::Null, &Value::Null));
    assert!(attempts(&requests).iter().all(|attempt| *attempt == "1"));
}
