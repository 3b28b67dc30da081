//! What becomes of an endpoint, and what is seen of it.

use fanfare_testkit::endpoints::{Behaviour, Endpoint};
use serde_json::{Value, json};

use super::{
    broker, endpoint_is, publish,
    receiver::{Receiver, header},
    settings, stats, stats_when, subscription,
};
use crate::support::{client, http};

#[tokio::test]
async fn an_endpoint_that_says_gone_is_disabled_keeps_its_backlog_and_goes_on_when_it_is_resumed() {
    let (fanfare, _directory) = broker().await;
    let receiver = Receiver::python(&["--fail", "1", "--status", "410"]);
    client::subscribe(&fanfare, "billing", &settings(&json!({"endpoint": receiver.url("/hook")})));
    publish(&fanfare, &["1"]).await;
    let disabled = endpoint_is(&fanfare, "billing", "DISABLED").await;
    assert_eq!(disabled["push"]["endpoint"]["disabledReason"], "PUSH_DISABLED_REASON_GONE");
    assert_eq!((&disabled["backlog"], &disabled["deadLetters"]), (&json!("1"), &Value::Null));
    assert_eq!(subscription(&fanfare, "billing")["pushEndpoint"]["state"], "PUSH_ENDPOINT_STATE_DISABLED");

    fanfare.grpcurl().ok("SubscriptionService/ResumeSubscription", &json!({"name": "billing"}));
    let again = receiver.deliveries(2).remove(1);
    assert_eq!(again["status"], 200);
    let settled = stats_when(&fanfare, "billing", "settled", |found| found["acked"] == "1").await;
    assert_eq!(settled["push"]["endpoint"]["state"], "PUSH_ENDPOINT_STATE_ACTIVE");
    assert_eq!(header(&again, "fanfare-delivery-attempt"), "1", "gone is no failure of the message");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_breaker_is_seen_in_the_statistics_and_closes_when_the_endpoint_is_back() {
    let (fanfare, _directory) = broker().await;
    let endpoint = Endpoint::start(Behaviour::ok());
    let breaker = json!({"failures": 2, "open": "1s", "maxOpen": "1s"});
    let mut settings = settings(&json!({"endpoint": endpoint.url("/hook"), "breaker": breaker}));
    settings["maxAttempts"] = json!(100);
    client::subscribe(&fanfare, "billing", &settings);
    endpoint_is(&fanfare, "billing", "ACTIVE").await;
    endpoint.refuse().await;
    publish(&fanfare, &["1", "2", "3"]).await;
    let open = |found: &Value| {
        found["push"]["breaker"] == "BREAKER_STATE_OPEN" && found["push"]["nextProbeTime"].is_string()
    };
    let found = stats_when(&fanfare, "billing", "an open breaker", open).await;
    assert!(!found["push"]["lastError"].as_str().unwrap().is_empty());
    assert!(found["oldestUnsettledTime"].is_string());

    endpoint.accept();
    endpoint.wait_for(3).await;
    let closed = |found: &Value| found["push"]["breaker"] == "BREAKER_STATE_CLOSED" && found["acked"] == "3";
    stats_when(&fanfare, "billing", "a closed breaker", closed).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_black_hole_costs_its_neighbour_nothing() {
    let (fanfare, _directory) = broker().await;
    let [hole, healthy] = [Endpoint::start(Behaviour::ok()), Endpoint::start(Behaviour::ok())];
    for (name, endpoint) in [("hole", &hole), ("healthy", &healthy)] {
        client::subscribe(&fanfare, name, &settings(&json!({"endpoint": endpoint.url("/hook")})));
        endpoint_is(&fanfare, name, "ACTIVE").await;
    }
    hole.refuse().await;
    hole.set(Behaviour::BlackHole);
    hole.accept();
    let texts: Vec<String> = (0..200).map(|number| number.to_string()).collect();
    publish(&fanfare, &texts.iter().map(String::as_str).collect::<Vec<_>>()).await;
    healthy.wait_for(200).await;
    hole.wait_until("a connection", |totals| totals.open > 0).await;
    let found = stats(&fanfare, "hole");
    assert_eq!((&found["acked"], &found["backlog"]), (&Value::Null, &json!("200")));
}

#[tokio::test(flavor = "multi_thread")]
async fn push_figures_are_among_the_metrics() {
    let (fanfare, _directory) = broker().await;
    let endpoint = Endpoint::start(Behaviour::ok());
    client::subscribe(&fanfare, "billing", &settings(&json!({"endpoint": endpoint.url("/hook")})));
    publish(&fanfare, &["1"]).await;
    stats_when(&fanfare, "billing", "counted", |found| found["push"]["delivered"] == "1").await;
    let (status, metrics) = http::get(fanfare.http(), "/metrics").await.unwrap();
    assert_eq!(status, 200);
    let of_push = |line: &str| line.contains("push") && line.contains("billing") && !line.starts_with('#');
    assert!(metrics.lines().any(of_push), "{metrics}");
}
