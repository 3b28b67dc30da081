//! Workers in processes of their own.

use std::{fs, path::Path};

use serde_json::{Value, json};

use super::{allowing, endpoint_is, publish, pushing, receiver::Receiver, settings, stats, stats_when};
use crate::support::{Fanfare, Start, client};

const TOKEN: &str = "a-token-that-only-workers-have-4711";
const ENDPOINTS: usize = 12;

/// A broker that leaves push delivery to others.
async fn broker(directory: &Path) -> Fanfare {
    let start = pushing(&directory.join("data")).arg("--no-push").set(&format!("push.worker_token={TOKEN}"));
    let fanfare = start.ready().await;
    client::create_topic(&fanfare, &json!({}));
    fanfare
}

/// A worker for it.
fn worker(fanfare: &Fanfare, directory: &Path) -> Fanfare {
    let file = directory.join("token");
    fs::write(&file, format!("{TOKEN}\n")).unwrap();
    allowing(Start::worker(fanfare.grpc(), &file)).spawn()
}

/// The worker, once it is among those that share the endpoints.
async fn joined(mut worker: Fanfare) -> Fanfare {
    worker.until_listening();
    worker.until_ready().await;
    worker
}

fn name(number: usize) -> String {
    format!("s{number}")
}

/// Waits until each of the subscriptions has got so many messages, and that is settled.
async fn all_have(fanfare: &Fanfare, receiver: &Receiver, count: usize) {
    for number in 0..ENDPOINTS {
        receiver.deliveries_at(&format!("/{}", name(number)), count);
        let settled = |found: &Value| found["acked"] == *count.to_string();
        stats_when(fanfare, &name(number), "settled", settled).await;
    }
}

#[tokio::test]
async fn a_broker_that_does_not_push_leaves_it_to_a_worker_of_its_own() {
    let directory = tempfile::tempdir().unwrap();
    let fanfare = broker(directory.path()).await;
    let receiver = Receiver::python(&[]);
    client::subscribe(&fanfare, "billing", &settings(&json!({"endpoint": receiver.url("/hook")})));
    publish(&fanfare, &["1"]).await;
    let found = stats(&fanfare, "billing");
    assert_eq!((&found["push"]["hasWorker"], &found["backlog"]), (&Value::Null, &json!("1")));
    assert!(receiver.so_far("confirmation").is_empty());

    let worker = worker(&fanfare, directory.path());
    receiver.deliveries(1);
    let settled = stats_when(&fanfare, "billing", "settled", |found| found["acked"] == "1").await;
    assert_eq!(settled["push"]["hasWorker"], true);
    let reported = |found: &Value| found["push"]["delivered"] == "1";
    stats_when(&fanfare, "billing", "the worker's figures", reported).await;

    let (status, _) = worker.stop().await;
    assert!(status.success(), "{status}");
    stats_when(&fanfare, "billing", "no worker", |found| found["push"]["hasWorker"].is_null()).await;
}

#[tokio::test]
async fn workers_share_the_endpoints_and_who_is_left_takes_over() {
    let directory = tempfile::tempdir().unwrap();
    let fanfare = broker(directory.path()).await;
    let receiver = Receiver::python(&[]);
    for number in 0..ENDPOINTS {
        let push = json!({"endpoint": receiver.url(&format!("/{}", name(number)))});
        let mut settings = settings(&push);
        // The broker may give a message to a worker whose end it has not noticed yet: it comes again when the lease is over.
        settings["ackDeadline"] = json!("10s");
        client::subscribe(&fanfare, &name(number), &settings);
    }
    let first = worker(&fanfare, directory.path());
    for number in 0..ENDPOINTS {
        endpoint_is(&fanfare, &name(number), "ACTIVE").await;
    }
    let second = joined(worker(&fanfare, directory.path())).await;
    publish(&fanfare, &["1"]).await;
    all_have(&fanfare, &receiver, 1).await;

    first.kill();
    publish(&fanfare, &["2"]).await;
    all_have(&fanfare, &receiver, 2).await;

    let _third = joined(worker(&fanfare, directory.path())).await;
    second.kill();
    publish(&fanfare, &["3"]).await;
    all_have(&fanfare, &receiver, 3).await;
    assert_eq!(receiver.so_far("delivery").len(), 3 * ENDPOINTS, "nobody got anything twice");
}

#[tokio::test]
async fn who_has_no_token_gets_no_endpoints() {
    let directory = tempfile::tempdir().unwrap();
    let fanfare = broker(directory.path()).await;
    let calls = ["Work", "ReportAttempts", "BeginConfirmation", "SetEndpointState", "ReportEndpoints"];
    let grpcurl = fanfare.grpcurl();
    for call in calls {
        for caller in [grpcurl.clone(), grpcurl.clone().header("authorization: Bearer wrong")] {
            let refused = caller.answers(&format!("PushService/{call}"), "{}").unwrap_err();
            let code = refused.code.as_str();
            assert!(["Unauthenticated", "PermissionDenied"].contains(&code), "{call}: {}", refused.text);
        }
    }
    let (without_token, _directory) = Fanfare::fresh().await;
    let caller = without_token.grpcurl().header("authorization: Bearer ");
    let refused = caller.answers("PushService/Work", "{}").unwrap_err();
    assert!(["Unauthenticated", "PermissionDenied"].contains(&refused.code.as_str()), "{}", refused.text);
}
