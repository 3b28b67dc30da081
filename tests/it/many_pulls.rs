//! Ten thousand pulls of one subscription at a time.

use std::collections::BTreeSet;

use fanfare_proto::v1::{AcknowledgeRequest, PullRequest};
use serde_json::json;
use tokio::task::JoinSet;
use tonic::{Code, Status};

use crate::support::{
    Fanfare,
    client::{self, Subscriber, message, publish, publisher, pull, subscriber, texts},
};

const CONNECTIONS: usize = 16;
const PULLS: usize = 10_000;
const MESSAGES: usize = 500;

async fn pull_and_ack(mut subscriber: Subscriber) -> Result<Vec<String>, Status> {
    let wait = Some(prost_types::Duration { seconds: 5, nanos: 0 });
    let request = PullRequest { subscription: "billing".into(), max_messages: 1, max_bytes: 0, wait };
    let messages = subscriber.pull(request).await?.into_inner().messages;
    let ack_ids: Vec<String> = messages.iter().map(|message| message.ack_id.clone()).collect();
    if !ack_ids.is_empty() {
        let request = AcknowledgeRequest { subscription: "billing".into(), ack_ids };
        subscriber.acknowledge(request).await?;
    }
    Ok(texts(&messages))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_10_000_pulls_at_once_each_is_answered_or_refused_and_no_message_is_lost() {
    let (fanfare, _directory) = Fanfare::fresh().await;
    client::topic_and_subscription(&fanfare, &json!({"ackDeadline": "600s"}));
    let mut pulls = JoinSet::new();
    for _ in 0..CONNECTIONS {
        let subscriber = subscriber(&fanfare).await;
        for _ in 0..PULLS / CONNECTIONS {
            pulls.spawn(pull_and_ack(subscriber.clone()));
        }
    }
    let sent: Vec<String> = (0..MESSAGES).map(|number| number.to_string()).collect();
    let messages = sent.iter().map(|text| message(text.clone(), "")).collect();
    publish(&mut publisher(&fanfare).await, messages).await.unwrap();

    let (mut received, mut refused) = (Vec::new(), 0);
    while let Some(outcome) = pulls.join_next().await {
        match outcome.unwrap() {
            Ok(texts) => received.extend(texts),
            Err(status) => {
                assert_eq!(status.code(), Code::ResourceExhausted, "{status}");
                assert!(status.message().contains("1000"), "the limit is in the message: {status}");
                refused += 1;
            }
        }
    }
    assert!(refused > 0, "a subscription has at most 1,000 consumers at a time");
    received.extend(texts(&pull(&mut subscriber(&fanfare).await, "billing", 1_000, 0).await));
    assert_eq!(received.len(), MESSAGES, "none twice");
    assert_eq!(received.into_iter().collect::<BTreeSet<_>>(), sent.into_iter().collect(), "none lost");
}
