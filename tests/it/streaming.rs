//! StreamingPull: flow control, blocks, and how it ends.

use fanfare_proto::v1::{
    DeliveryBlock, DeliveryRange, LeaseOutcome, StreamingPullRequest, StreamingPullResponse,
};
use serde_json::json;
use tonic::Streaming;

use crate::support::{
    Fanfare, Start,
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
    let fanfare = Start::on(&directory.path().join("data")).ready().await;
    let stats = fanfare.grpcurl().ok("AdminService/GetSubscriptionStats", &json!({"name": "billing"}));
    assert_eq!((&stats["acked"], &stats["backlog"]), (&json!("1"), &serde_json::Value::Null));
}

/// Blocks until there are that many messages.
async fn blocks(answers: &mut Streaming<StreamingPullResponse>, count: usize) -> Vec<DeliveryBlock> {
    let mut blocks: Vec<DeliveryBlock> = Vec::new();
    while blocks.iter().map(|block| block.messages.len()).sum::<usize>() < count {
        blocks.extend(answers.message().await.unwrap().unwrap().blocks);
    }
    blocks
}

fn numbers(blocks: &[DeliveryBlock]) -> Vec<u32> {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap().parse().unwrap();
    let messages = blocks.iter().flat_map(|block| &block.messages);
    messages.map(|stored| text(&stored.message.as_ref().unwrap().data)).collect()
}

fn ack_deliveries(ranges: &[(u64, u64)]) -> StreamingPullRequest {
    let ranges = ranges.iter().map(|(first, last)| DeliveryRange { first: *first, last: *last });
    StreamingPullRequest { ack_deliveries: ranges.collect(), ..StreamingPullRequest::default() }
}

#[tokio::test]
async fn deliveries_acknowledged_by_number_and_confirmed_stay_so_after_kill_minus_nine() {
    let (fanfare, directory) = with_messages(500).await;
    let opening_blocks = || StreamingPullRequest { blocks: true, ..opening(1_000) };
    let (requests, mut answers) = stream(&mut subscriber(&fanfare).await, opening_blocks()).await.unwrap();
    let delivered = blocks(&mut answers, 500).await;
    assert_eq!(numbers(&delivered), (0..500).collect::<Vec<_>>());
    requests.send(ack_deliveries(&[(1, 100), (201, 350)])).await.unwrap();
    requests.send(ack_deliveries(&[(400, 400)])).await.unwrap();
    let mut acked = Vec::new();
    while acked.last() != Some(&(400, 400)) {
        let confirmed = answers.message().await.unwrap().unwrap();
        assert!(confirmed.range_results.is_empty());
        acked.extend(confirmed.acked.iter().map(|range| (range.first, range.last)));
    }
    assert_eq!(acked, [(1, 100), (201, 350), (400, 400)]);
    fanfare.kill();
    let fanfare = Start::on(&directory.path().join("data")).ready().await;
    let (_requests, mut answers) = stream(&mut subscriber(&fanfare).await, opening_blocks()).await.unwrap();
    let again = blocks(&mut answers, 249).await;
    let left = (0..500).filter(|number| !matches!(number, 0..100 | 200..350 | 399));
    assert_eq!(numbers(&again), left.collect::<Vec<_>>());
    assert!(again.iter().all(|block| block.delivery_attempt == 1 && !block.first_delivery));
}

#[tokio::test]
async fn large_messages_come_whole_in_blocks() {
    let (fanfare, _directory) = Fanfare::fresh().await;
    client::topic_and_subscription(&fanfare, &json!({}));
    let texts: Vec<_> = [1, 5_000, 20_000, 900_000, 3].map(|bytes| "7".repeat(bytes)).into();
    let messages = texts.iter().map(|text| message(text.clone(), "")).collect();
    publish(&mut publisher(&fanfare).await, messages).await.unwrap();
    let opening = StreamingPullRequest { blocks: true, ..opening(1_000) };
    let (_requests, mut answers) = stream(&mut subscriber(&fanfare).await, opening).await.unwrap();
    let delivered = blocks(&mut answers, 5).await;
    let stored = delivered.iter().flat_map(|block| &block.messages);
    let data: Vec<_> = stored.map(|stored| stored.message.as_ref().unwrap().data.to_vec()).collect();
    assert!(data == texts.into_iter().map(String::into_bytes).collect::<Vec<_>>());
}
