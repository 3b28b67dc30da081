//! `TestFilter`.

use fanfare_proto::v1::{
    self,
    test_filter_request::{Policy, Subject},
};
use tonic::{Code, Status};
use types::{LogId, MessageId};

use crate::{
    call::{all_are_refused, row},
    fixture::{Server, mask, message, reason},
};

const ORDERS: &str = r#"{"kind": ["order"]}"#;

fn policy(json: &str) -> Policy {
    Policy::FilterPolicy(v1::FilterPolicy { json: json.into(), scope: 0 })
}

fn subscription() -> Policy {
    Policy::Subscription("s".into())
}

fn kind(kind: &str) -> v1::NewMessage {
    v1::NewMessage { attributes: [("kind".into(), kind.into())].into(), ..message(kind) }
}

fn request(policy: Policy, subject: Subject) -> v1::TestFilterRequest {
    v1::TestFilterRequest { policy: Some(policy), subject: Some(subject), topic: String::new() }
}

async fn test(server: &Server, request: v1::TestFilterRequest) -> Result<v1::TestFilterResponse, Status> {
    server.subscriptions().test_filter(request).await.map(tonic::Response::into_inner)
}

async fn publish(server: &Server, kinds: &[&str]) -> Vec<v1::PublishResult> {
    let messages = kinds.iter().map(|of| kind(of)).collect();
    let request = v1::PublishRequest { topic: "t".into(), messages };
    server.publisher().publish(request).await.unwrap().into_inner().results
}

/// Gives subscription `s` the policy, and returns where it took effect.
async fn set_policy(server: &Server, json: &str) -> u64 {
    let filter_policy = Some(v1::FilterPolicy { json: json.into(), scope: 0 });
    let request = v1::UpdateSubscriptionRequest {
        name: "s".into(),
        settings: Some(v1::SubscriptionSettings { filter_policy, ..Default::default() }),
        update_mask: mask(&["filter_policy"]),
        ..Default::default()
    };
    let answer = server.subscriptions().update_subscription(request).await.unwrap().into_inner();
    answer.subscription.unwrap().position
}

#[tokio::test]
async fn a_request_without_a_policy_or_with_a_bad_one_is_refused() {
    let none = v1::TestFilterRequest { subject: Some(Subject::Last(1)), topic: "t".into(), policy: None };
    let scope = Policy::FilterPolicy(v1::FilterPolicy { json: ORDERS.into(), scope: 9 });
    all_are_refused(vec![
        row(none, "filter_policy", "is required, or a subscription"),
        row(v1::TestFilterRequest::default(), "filter_policy", "is required"),
        row(request(policy(""), Subject::Last(1)), "filter_policy.json", "is empty"),
        row(
            request(policy(&"x".repeat(300_000)), Subject::Last(1)),
            "filter_policy.json",
            "the limit is 262144",
        ),
        row(request(scope, Subject::Last(1)), "filter_policy.scope", "no known value"),
    ])
    .await;
}

#[tokio::test]
async fn a_policy_that_is_none_is_refused_by_its_place_in_the_json() {
    all_are_refused(vec![row(
        request(policy(r#"{"a": []}"#), Subject::Last(1)),
        "filter_policy.json",
        "$.a",
    )])
    .await;
}

#[tokio::test]
async fn a_request_without_a_subject_or_with_a_bad_one_is_refused() {
    let with_topic =
        |subject| v1::TestFilterRequest { topic: "t".into(), ..request(subscription(), subject) };
    let bad_topic =
        v1::TestFilterRequest { topic: "a b".into(), ..request(subscription(), Subject::Last(1)) };
    let none = v1::TestFilterRequest { policy: Some(subscription()), ..Default::default() };
    let long = v1::NewMessage { ordering_key: "x".repeat(1_025), ..message("a") };
    let subject = |subject| request(subscription(), subject);
    all_are_refused(vec![
        row(none, "message", "is required, or a message_id, or last"),
        row(subject(Subject::Last(0)), "last", "is 0, must be 1 to 1000"),
        row(subject(Subject::Last(1_001)), "last", "is 1001, must be 1 to 1000"),
        row(subject(Subject::MessageId("x".into())), "message_id", "is no message ID"),
        row(subject(Subject::MessageId(String::new())), "message_id", "is no message ID"),
        row(subject(Subject::Message(v1::NewMessage::default())), "message.data", "is empty"),
        row(subject(Subject::Message(long)), "message.ordering_key", "the limit is 1024"),
        row(with_topic(Subject::Message(message("a"))), "topic", "with last only"),
        row(with_topic(Subject::MessageId("x".into())), "topic", "with last only"),
        row(bad_topic, "topic", "letter or digit"),
    ])
    .await;
}

#[tokio::test]
async fn the_topic_of_the_last_messages_is_required_with_a_policy_of_ones_own() {
    let missing = request(policy(ORDERS), Subject::Last(1));
    all_are_refused(vec![row(missing, "topic", "is required with last, or a subscription")]).await;
}

#[tokio::test]
async fn what_does_not_exist_is_not_found() {
    let server = Server::with_topic().await;
    let missing = Policy::Subscription("missing".into());
    let status = test(&server, request(missing, Subject::Last(1))).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::NotFound, "SUBSCRIPTION_NOT_FOUND"));
    let topic =
        v1::TestFilterRequest { topic: "missing".into(), ..request(policy(ORDERS), Subject::Last(1)) };
    let status = test(&server, topic).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::NotFound, "TOPIC_NOT_FOUND"));
    let id = MessageId { log: LogId(99), sequence: 1 }.to_string();
    let status = test(&server, request(policy(ORDERS), Subject::MessageId(id))).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::NotFound, "MESSAGE_NOT_FOUND"));
}

#[tokio::test]
async fn a_message_that_is_not_published_is_told_whether_it_would_match() {
    let server = Server::with_topic().await;
    let matches = test(&server, request(policy(ORDERS), Subject::Message(kind("order")))).await.unwrap();
    let verdict = v1::FilterVerdict { matched: true, ..Default::default() };
    let expected = v1::TestFilterResponse { verdicts: vec![verdict], matched: 1, policy_position: 0 };
    assert_eq!(matches, expected);
    let other = test(&server, request(policy(ORDERS), Subject::Message(kind("refund")))).await.unwrap();
    assert_eq!((other.matched, other.verdicts[0].matched), (0, false));
    assert_eq!(other.verdicts[0].failed[0].path, "kind");
    assert!(!other.verdicts[0].failed[0].reason.is_empty());
    assert_eq!(server.stats().await.backlog, 0, "nothing is published");
}

#[tokio::test]
async fn a_stored_message_is_explained_by_its_id() {
    let server = Server::with_topic().await;
    let published = publish(&server, &["order", "refund"]).await;
    let on = |index: usize| request(policy(ORDERS), Subject::MessageId(published[index].message_id.clone()));
    let answer = test(&server, on(0)).await.unwrap();
    assert_eq!((answer.matched, answer.verdicts[0].failed.len()), (1, 0));
    let answer = test(&server, on(1)).await.unwrap();
    let verdict = &answer.verdicts[0];
    assert_eq!((&verdict.message_id, verdict.sequence), (&published[1].message_id, published[1].sequence));
    assert!(verdict.publish_time.is_some() && !verdict.matched && verdict.failed[0].path == "kind");
}

#[tokio::test]
async fn the_last_messages_of_a_topic_come_oldest_first() {
    let server = Server::with_topic().await;
    let published = publish(&server, &["order", "refund", "order"]).await;
    let last =
        |count| v1::TestFilterRequest { topic: "t".into(), ..request(policy(ORDERS), Subject::Last(count)) };
    let answer = test(&server, last(2)).await.unwrap();
    let sequences: Vec<_> = answer.verdicts.iter().map(|verdict| verdict.sequence).collect();
    assert_eq!(sequences, [published[1].sequence, published[2].sequence]);
    assert_eq!((answer.matched, answer.policy_position), (1, 0));
    assert_eq!(test(&server, last(1_000)).await.unwrap().matched, 2);
}

#[tokio::test]
async fn a_live_subscriptions_policy_is_tried_and_tells_from_where_it_decides() {
    let server = Server::with_topic().await;
    publish(&server, &["refund"]).await;
    let all = test(&server, request(subscription(), Subject::Last(10))).await.unwrap();
    assert_eq!((all.verdicts.len(), all.matched), (1, 1), "no policy: everything matches");
    let since = set_policy(&server, ORDERS).await;
    publish(&server, &["order"]).await;
    let answer = test(&server, request(subscription(), Subject::Last(10))).await.unwrap();
    assert_eq!((answer.verdicts.len(), answer.matched, answer.policy_position), (2, 1, since));
    let sample = test(&server, request(subscription(), Subject::Message(kind("refund")))).await.unwrap();
    assert_eq!((sample.matched, sample.policy_position), (0, since));
}
