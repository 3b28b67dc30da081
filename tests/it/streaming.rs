//! StreamingPull: flow control, and how it ends.

use fanfare_proto::v1::{LeaseOutcome, StreamingPullRequest};
use serde_json::json;

use crate::support::{
    Fanfare,
    client::{self, message, publish, publisher, stream, subscriber, texts},
};

fn opening(max_outstanding_messages: u32) -> StreamingPullRequest {
    let subscription = "billing".into();
    StreamingPullRequest {
        subscription,
        max_outstanding_messages,
        confirm: true,
        ..StreamingPullRequest::default()
    }
}

fn acks(ids: impl IntoIterator<Item = String>) -> StreamingPullRequest {
    StreamingPullRequest { acks: ids.into_iter().collect(), ..StreamingPullRequest::default() }
}

async fn with_messages(count: u32) -> (Fanfare, crate::support::Directory) {
    let (fanfare, directory) = Fanfare::fresh().await;
    client::topic_and_subscription(&fanfare, &json!({}));
    let messages = (0..count).map(|number| message(number.to_string(), "")).collect();
    publish(&mut publisher(&fanfare).await, messages).await.unwrap();
    (fanfare, directory)
}

#[tokio::test]
async fn no_more_messages_come_than_may_be_outstanding_until_some_are_settled() {
    let (fanfare, _directory) = with_messages(10).await;
    let (requests, mut answers) = stream(&mut subscriber(&fanfare).await, opening(3)).await.unwrap();
    let (mut held, mut most, mut delivered) = (Vec::new(), 0, Vec::new());
    while delivered.len() < 10 {
        let answer = answers.message().await.unwrap().unwrap();
        delivered.extend(texts(&answer.messages));
        held.extend(answer.messages.into_iter().map(|message| message.ack_id));
        most = most.max(held.len());
        // One at a time, and only when nothing more may come.
        if held.len() == 3 || delivered.len() == 10 {
            requests.send(acks(held.drain(..1))).await.unwrap();
        }
    }
    assert_eq!(most, 3);
    assert_eq!(delivered, (0..10).map(|number| number.to_string()).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_client_that_closes_its_side_has_its_acks_confirmed_and_an_ok() {
    let (fanfare, _directory) = with_messages(2).await;
    let (requests, mut answers) = stream(&mut subscriber(&fanfare).await, opening(10)).await.unwrap();
    let mut held = Vec::new();
    while held.len() < 2 {
        let messages = answers.message().await.unwrap().unwrap().messages;
        held.extend(messages.into_iter().map(|message| message.ack_id));
    }
    requests.send(acks(held)).await.unwrap();
    drop(requests);
    let mut confirmed = Vec::new();
    while let Some(answer) = answers.message().await.unwrap() {
        confirmed.extend(answer.ack_results.iter().map(|result| result.outcome()));
    }
    assert_eq!(confirmed, [LeaseOutcome::Ok; 2]);
}

#[tokio::test]
async fn a_shutdown_takes_the_acks_of_what_is_out_and_ends_the_stream_cleanly() {
    let (fanfare, directory) = with_messages(1).await;
    let (requests, mut answers) = stream(&mut subscriber(&fanfare).await, opening(10)).await.unwrap();
    let held = answers.message().await.unwrap().unwrap().messages.remove(0).ack_id;
    fanfare.signal("TERM");
    fanfare.log.wait_for_message("stopping");
    requests.send(acks([held])).await.unwrap();
    let confirmed = answers.message().await.unwrap().unwrap();
    assert_eq!(confirmed.ack_results[0].outcome(), LeaseOutcome::Ok);
    let end = answers.message().await.unwrap_err();
    assert_eq!(end.code(), tonic::Code::Unavailable, "{end}");
    let (status, _) = fanfare.end(std::time::Duration::from_secs(10)).await;
    assert_eq!(status.code(), Some(0));
    let fanfare = crate::support::Start::on(&directory.path().join("data")).ready().await;
    let stats = fanfare.grpcurl().ok("AdminService/GetSubscriptionStats", &json!({"name": "billing"}));
    assert_eq!((&stats["acked"], &stats["backlog"]), (&json!("1"), &serde_json::Value::Null));
}
