//! Push delivery: the real binary, endpoints in Python and Node that verify with what others published, and the misbehaving ones of
//! `testkit` where one has to be held or to break.
//!
//! grpcurl blocks the thread of its test, so a test with an endpoint in this process has more threads than that.

mod contents;
mod crash;
mod grpc;
mod receiver;
mod refused;
mod secrets;
mod state;
mod topics;
mod webhooks;
mod workers;

use std::path::Path;

use serde_json::{Value, json};

use crate::support::{Directory, Fanfare, Start, client, eventually};

/// A broker that may deliver to this machine, which it does not by itself.
fn pushing(data: &Path) -> Start {
    allowing(Start::on(data))
}

/// The same of any process that delivers.
fn allowing(start: Start) -> Start {
    start.set("push.allow_http=true").set("push.allow_networks=127.0.0.0/8")
}

/// The topic `orders` in a broker that may deliver to this machine.
async fn broker() -> (Fanfare, Directory) {
    let (fanfare, directory) = Fanfare::in_new_directory(pushing).await;
    client::create_topic(&fanfare, &json!({}));
    (fanfare, directory)
}

/// Settings whose retries follow at once.
fn settings(push: &Value) -> Value {
    let retry = json!({"exponential": {"minBackoff": "0s", "maxBackoff": "0s", "jitter": false}});
    json!({"maxAttempts": 3, "retry": retry, "push": push})
}

fn subscription(fanfare: &Fanfare, name: &str) -> Value {
    let found = fanfare.grpcurl().ok("SubscriptionService/GetSubscription", &json!({"name": name}));
    found["subscription"].clone()
}

/// Changes a part of a subscription's push settings.
fn update(fanfare: &Fanfare, name: &str, path: &str, push: &Value) {
    let request = json!({
        "name": name, "settings": {"push": push}, "updateMask": {"paths": [format!("push.{path}")]},
    });
    fanfare.grpcurl().ok("SubscriptionService/UpdateSubscription", &request);
}

fn stats(fanfare: &Fanfare, name: &str) -> Value {
    fanfare.grpcurl().ok("AdminService/GetSubscriptionStats", &json!({"name": name}))
}

/// The statistics of a subscription once they are as they should be.
async fn stats_when(fanfare: &Fanfare, name: &str, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    eventually(what, async || {
        let found = stats(fanfare, name);
        if wanted(&found) { Ok(found) } else { Err(found) }
    })
    .await
}

/// Waits until an endpoint is in this state.
async fn endpoint_is(fanfare: &Fanfare, name: &str, state: &str) -> Value {
    let is = |found: &Value| found["push"]["endpoint"]["state"] == format!("PUSH_ENDPOINT_STATE_{state}");
    stats_when(fanfare, name, state, is).await
}

/// Publishes messages with these texts, for one customer.
async fn publish(fanfare: &Fanfare, texts: &[&str]) -> Vec<String> {
    let messages = texts.iter().map(|text| client::message(*text, "")).collect();
    let results = client::publish(&mut client::publisher(fanfare).await, messages).await.unwrap();
    results.into_iter().map(|result| result.message_id).collect()
}
