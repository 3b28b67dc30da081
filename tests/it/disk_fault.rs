//! A disk that fails: strace makes the kernel's answer to `fdatasync` an error.

use std::{
    io::{BufRead, BufReader},
    process::{Child, ChildStderr, Command, Stdio},
    time::Duration,
};

use fanfare_proto::v1::PublishResult;
use serde_json::json;
use tonic::{Code, Status};

use crate::support::{
    Fanfare, Start,
    client::{self, Publisher, message, publish, publisher, pull, subscriber, texts},
    eventually, http, tools,
};

/// A strace that is attached to a process, and fails its n-th sync from now on, and every later one.
struct FailingSyncs(Child, BufReader<ChildStderr>);

impl FailingSyncs {
    fn of(fanfare: &Fanfare, from: u32) -> Self {
        let inject = format!("inject=fdatasync,fsync:error=EIO:when={from}+");
        let mut strace = Command::new(tools::tool("STRACE"));
        strace.args(["--follow-forks", "--trace=fdatasync,fsync", "-e", &inject, "--attach"]);
        let mut child = strace.arg(fanfare.id().to_string()).stderr(Stdio::piped()).spawn().unwrap();
        let mut said = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        said.read_line(&mut line).unwrap();
        assert!(line.contains("attached"), "{line}");
        Self(child, said)
    }
}

impl Drop for FailingSyncs {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
        let _ = self.1.get_ref();
    }
}

/// Publishes one message after the other until one is refused; those that were acknowledged, and the refusal.
async fn publish_until_refused(sender: &mut Publisher) -> (Vec<String>, Status) {
    let mut acknowledged = Vec::new();
    for number in 0..10_000 {
        let text = number.to_string();
        let published: Result<Vec<PublishResult>, Status> = publish(sender, vec![message(&*text, "")]).await;
        match published {
            Ok(_) => acknowledged.push(text),
            Err(status) => return (acknowledged, status),
        }
    }
    panic!("no sync failed");
}

/// Publishes until the n-th sync fails; then nothing is acknowledged any more, and a restart has what was.
async fn fails_for_good(from: u32) {
    let (mut fanfare, directory) = Fanfare::fresh().await;
    fanfare.expect_error("");
    client::topic_and_subscription(&fanfare, &json!({}));
    let mut sender = publisher(&fanfare).await;
    let strace = FailingSyncs::of(&fanfare, from);
    let (acknowledged, refusal) = publish_until_refused(&mut sender).await;
    assert_eq!(refusal.code(), Code::Unavailable, "{refusal}");
    let after = publish(&mut sender, vec![message("after", "")]).await.unwrap_err();
    assert_eq!(after.code(), Code::Unavailable, "{after}");
    eventually("not ready", async || match http::get(fanfare.http(), "/readyz").await {
        Ok((200, body)) => Err(body),
        _ => Ok(()),
    })
    .await;
    let (status, log) = fanfare.end(Duration::from_secs(20)).await;
    assert_eq!(status.code(), Some(4), "{log:#?}");
    drop(strace);

    let fanfare = Start::on(&directory.path().join("data")).ready().await;
    let delivered = texts(&pull(&mut subscriber(&fanfare).await, "billing", 1_000, 1).await);
    // What was refused may be there, as the one after the acknowledged ones.
    assert!(delivered.starts_with(&acknowledged), "{delivered:?} of {acknowledged:?}");
    assert!(delivered.len() <= acknowledged.len() + 1, "{delivered:?} of {acknowledged:?}");
}

#[tokio::test]
async fn after_a_failed_fsync_nothing_is_acknowledged_and_a_restart_has_everything_that_was() {
    for from in [1, 2, 3, 7, 20] {
        fails_for_good(from).await;
    }
}

#[tokio::test]
async fn a_watch_of_health_says_not_serving_after_a_failed_fsync() {
    let (mut fanfare, _directory) = Fanfare::fresh().await;
    fanfare.expect_error("");
    client::create_topic(&fanfare, &json!({}));
    let mut watch = fanfare.grpcurl().start("grpc.health.v1.Health/Watch");
    std::io::Write::write_all(&mut watch.stdin.take().unwrap(), b"{}").unwrap();
    let mut said = BufReader::new(watch.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(said.any(|line| line.contains("\"SERVING\"")));
    let strace = FailingSyncs::of(&fanfare, 1);
    publish_until_refused(&mut publisher(&fanfare).await).await;
    assert!(said.any(|line| line.contains("NOT_SERVING")));
    watch.wait().unwrap();
    let (status, _) = fanfare.end(Duration::from_secs(20)).await;
    assert_eq!(status.code(), Some(4));
    drop(strace);
}
