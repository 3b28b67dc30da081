//! What each field of each request may not be: one table. Every row is refused with INVALID_ARGUMENT, the field's path and
//! a text that says what is allowed. The settings have a table of their own.

use bytes::Bytes;
use fanfare_proto::v1::{self, log_place::Place};
use prost_types::Timestamp;
use types::{AckId, LeaseId, SubscriptionUid};

use crate::{
    call::{Call, Row, all_are_refused, long, row},
    fixture::{mask, message, seconds},
};

/// A name in each way that is wrong.
const BAD_NAMES: [(&str, &str); 10] = [
    ("", "must not be empty"),
    ("a b", "letter or digit"),
    ("ä", "letter or digit"),
    ("-a", "starts with a letter or digit"),
    ("a\0", "letter or digit"),
    ("/", "must be `projects/{project}/"),
    ("projects/p", "must be `projects/{project}/"),
    ("projects/p/wrong/x", "must be `projects/{project}/"),
    ("projects//topics/x", ""),
    ("LONG", "256 bytes long, the limit is 255"),
];

/// Requests with each bad name in one field.
fn names<R: Into<Call>>(field: &'static str, request: impl Fn(String) -> R) -> impl Iterator<Item = Row> {
    let rows = BAD_NAMES.map(|(name, text)| {
        let name = if name == "LONG" { long(256) } else { name.to_owned() };
        row(request(name), field, text)
    });
    rows.into_iter()
}

#[tokio::test]
async fn a_bad_name_is_refused_wherever_a_name_is_taken() {
    let mut rows = Vec::new();
    rows.extend(names("name", |name| v1::CreateTopicRequest { name, ..Default::default() }));
    rows.extend(names("name", |name| v1::GetTopicRequest { name }));
    rows.extend(names("name", |name| v1::UpdateTopicRequest { name, ..Default::default() }));
    rows.extend(names("name", |name| v1::DeleteTopicRequest { name, force: true }));
    rows.extend(names("name", |name| v1::GetTopicStatsRequest { name }));
    rows.extend(names("topic", |topic| v1::PublishRequest { topic, messages: vec![message("a")] }));
    rows.extend(names("name", |name| v1::CreateSubscriptionRequest {
        name,
        topic: "t".into(),
        ..Default::default()
    }));
    rows.extend(names("topic", |topic| v1::CreateSubscriptionRequest {
        name: "n".into(),
        topic,
        ..Default::default()
    }));
    rows.extend(names("name", |name| v1::GetSubscriptionRequest { name }));
    rows.extend(names("name", |name| v1::UpdateSubscriptionRequest { name, ..Default::default() }));
    rows.extend(names("name", |name| v1::DeleteSubscriptionRequest { name }));
    rows.extend(names("name", |name| v1::PauseSubscriptionRequest { name }));
    rows.extend(names("name", |name| v1::ResumeSubscriptionRequest { name }));
    rows.extend(names("name", |name| v1::SeekSubscriptionRequest { name, target: None }));
    rows.extend(names("name", |name| v1::GetSubscriptionStatsRequest { name }));
    rows.extend(names("subscription", |name| v1::TestFilterRequest {
        policy: Some(v1::test_filter_request::Policy::Subscription(name)),
        ..Default::default()
    }));
    rows.extend(names("subscription", |subscription| v1::PullRequest { subscription, ..Default::default() }));
    let ack_ids = || vec![ack_id()];
    rows.extend(names("subscription", |subscription| v1::AcknowledgeRequest {
        subscription,
        ack_ids: ack_ids(),
    }));
    rows.extend(names("subscription", |subscription| v1::NackRequest {
        subscription,
        ack_ids: ack_ids(),
        delay: None,
    }));
    rows.extend(names("subscription", |subscription| v1::ExtendLeaseRequest {
        subscription,
        ack_ids: ack_ids(),
        ack_deadline: None,
    }));
    all_are_refused(rows).await;
}

#[tokio::test]
async fn a_bad_page_is_refused_in_every_list() {
    let topics = |change: fn(&mut v1::ListTopicsRequest)| {
        let mut request = v1::ListTopicsRequest::default();
        change(&mut request);
        request
    };
    let subscriptions = |change: fn(&mut v1::ListSubscriptionsRequest)| {
        let mut request = v1::ListSubscriptionsRequest::default();
        change(&mut request);
        request
    };
    all_are_refused(vec![
        row(topics(|r| r.project = "a b".into()), "project", "letter or digit"),
        row(topics(|r| r.project = "projects/".into()), "project", "must not be empty"),
        row(topics(|r| r.project = long(256)), "project", "the limit is 255"),
        row(topics(|r| r.page_size = 1_001), "page_size", "is 1001, the limit is 1000"),
        row(topics(|r| r.page_token = "?".into()), "page_token", "no token"),
        row(topics(|r| r.page_token = long(5_000)), "page_token", "no token"),
        row(subscriptions(|r| r.project = "a b".into()), "project", "letter or digit"),
        row(subscriptions(|r| r.topic = "a b".into()), "topic", "letter or digit"),
        row(subscriptions(|r| r.topic = "projects/p/subscriptions/x".into()), "topic", "must be"),
        row(subscriptions(|r| r.page_size = u32::MAX), "page_size", "the limit is 1000"),
        row(subscriptions(|r| r.page_token = "AAAA".into()), "page_token", "no token"),
    ])
    .await;
}

#[tokio::test]
async fn a_mask_that_is_empty_or_names_what_cannot_change_is_refused() {
    let topic = |paths: &[&str]| v1::UpdateTopicRequest {
        name: "t".into(),
        settings: None,
        update_mask: mask(paths),
    };
    let subscription = |paths: &[&str]| v1::UpdateSubscriptionRequest {
        name: "s".into(),
        update_mask: mask(paths),
        ..Default::default()
    };
    let missing = v1::UpdateTopicRequest { name: "t".into(), ..Default::default() };
    all_are_refused(vec![
        row(missing, "update_mask", "must have 1 to 64"),
        row(topic(&[]), "update_mask", "must have 1 to 64"),
        row(topic(&["labels"; 65]), "update_mask", "must have 1 to 64"),
        row(topic(&["labels", "colour"]), "update_mask", "\"colour\" is no setting"),
        row(topic(&["name"]), "update_mask", "\"name\" is no setting"),
        row(topic(&["*"]), "update_mask", "\"*\" is no setting"),
        row(subscription(&[]), "update_mask", "must have 1 to 64"),
        row(subscription(&["ordered"]), "update_mask", "\"ordered\" is fixed at creation"),
        row(subscription(&["topic"]), "update_mask", "\"topic\" is no setting"),
        row(subscription(&["retry.exponential.jitter"]), "update_mask", "is no setting"),
    ])
    .await;
}

fn place(place: Place) -> Option<v1::LogPlace> {
    Some(v1::LogPlace { place: Some(place) })
}

#[tokio::test]
async fn a_bad_place_in_the_log_is_refused() {
    let start = |start| v1::CreateSubscriptionRequest {
        name: "n".into(),
        topic: "t".into(),
        settings: None,
        start: place(start),
    };
    let seek = |target| v1::SeekSubscriptionRequest { name: "s".into(), target };
    let before = Timestamp { seconds: -1, nanos: 0 };
    let after = Timestamp { seconds: 253_402_300_800, nanos: 0 };
    all_are_refused(vec![
        row(start(Place::Edge(3)), "start.edge", "no known value"),
        row(start(Place::Sequence(0)), "start.sequence", "at least 1"),
        row(start(Place::Time(before)), "start.time", "1970 to 9999"),
        row(seek(None), "target", "is required"),
        row(seek(Some(v1::LogPlace::default())), "target", "is required"),
        row(seek(place(Place::Edge(-1))), "target.edge", "no known value"),
        row(seek(place(Place::Sequence(0))), "target.sequence", "at least 1"),
        row(seek(place(Place::Time(after))), "target.time", "1970 to 9999"),
        row(seek(place(Place::Time(Timestamp { seconds: 0, nanos: -1 }))), "target.time", "0 to 999999999"),
    ])
    .await;
}

fn publish(change: impl FnOnce(&mut v1::NewMessage)) -> v1::PublishRequest {
    let mut bad = message("b");
    change(&mut bad);
    v1::PublishRequest { topic: "t".into(), messages: vec![message("a"), bad] }
}

fn attributes(attributes: impl IntoIterator<Item = (String, String)>) -> v1::PublishRequest {
    publish(|m| m.attributes = attributes.into_iter().collect())
}

#[tokio::test]
async fn a_bad_message_is_refused_with_its_number_and_none_of_the_request_is_stored() {
    let none = v1::PublishRequest { topic: "t".into(), messages: vec![] };
    let too_many = v1::PublishRequest { topic: "t".into(), messages: vec![message("a"); 1_001] };
    all_are_refused(vec![
        row(none, "messages", "has 0 entries, must have 1 to 1000"),
        row(too_many, "messages", "has 1001 entries, must have 1 to 1000"),
        row(publish(|m| m.data = Bytes::new()), "messages[1].data", "only a message with attributes"),
        row(publish(|m| m.data = vec![0; 1 << 20].into()), "messages[1].data", "the limit is 1048576"),
        row(
            attributes((0..101).map(|n| (n.to_string(), String::new()))),
            "messages[1].attributes",
            "has 101 entries, must have 0 to 100",
        ),
        row(attributes([(String::new(), "v".into())]), "messages[1].attributes[\"\"]", "1 to 256 bytes"),
        row(attributes([(long(257), "v".into())]), "messages[1].attributes", "257 bytes, the limit is 256"),
        row(attributes([("a\nb".into(), "v".into())]), "messages[1].attributes", "control characters"),
        row(attributes([("n".into(), long(1_025))]), "messages[1].attributes[\"n\"]", "the limit is 1024"),
        row(publish(|m| m.ordering_key = long(1_025)), "messages[1].ordering_key", "the limit is 1024"),
        row(publish(|m| m.ordering_key = "a\u{7}".into()), "messages[1].ordering_key", "control characters"),
        row(publish(|m| m.deduplication_id = long(129)), "messages[1].deduplication_id", "the limit is 128"),
        row(
            publish(|m| m.deduplication_id = "\0".into()),
            "messages[1].deduplication_id",
            "control characters",
        ),
        row(publish(|m| m.correlation_id = long(129)), "messages[1].correlation_id", "the limit is 128"),
        row(publish(|m| m.correlation_id = "a b".into()), "messages[1].correlation_id", "visible ASCII"),
        row(publish(|m| m.content_type = long(257)), "messages[1].content_type", "the limit is 256"),
        row(publish(|m| m.content_type = "text/ü".into()), "messages[1].content_type", "printable ASCII"),
        row(publish(|m| m.group_id = long(129)), "messages[1].group_id", "the limit is 128"),
        row(publish(|m| m.group_id = "a\r".into()), "messages[1].group_id", "control characters"),
        row(publish(|m| m.deliver_after = Some(seconds(-1))), "messages[1].deliver_after", "negative"),
        row(
            publish(|m| m.deliver_after = Some(seconds(2_592_001))),
            "messages[1].deliver_after",
            "0ns to 2592000s",
        ),
        row(publish(|m| m.expire_after = Some(seconds(-1))), "messages[1].expire_after", "negative"),
        row(
            publish(|m| m.expire_after = Some(seconds(0))),
            "messages[1].expire_after",
            "more than deliver_after",
        ),
        row(publish(|m| m.expire_after = Some(seconds(31_536_001))), "messages[1].expire_after", "31536000s"),
    ])
    .await;
}

/// Well formed, of a subscription that does not exist.
fn ack_id() -> String {
    AckId { subscription: SubscriptionUid(999), sequence: 1, lease: LeaseId(1) }.to_string()
}

#[tokio::test]
async fn a_bad_pull_or_settlement_is_refused() {
    let pull = |change: fn(&mut v1::PullRequest)| {
        let mut request = v1::PullRequest { subscription: "s".into(), ..Default::default() };
        change(&mut request);
        request
    };
    let ack = |ack_ids| v1::AcknowledgeRequest { subscription: "s".into(), ack_ids };
    let nack = |ack_ids, delay| v1::NackRequest { subscription: "s".into(), ack_ids, delay };
    let extend =
        |ack_ids, ack_deadline| v1::ExtendLeaseRequest { subscription: "s".into(), ack_ids, ack_deadline };
    let one = || vec![ack_id()];
    all_are_refused(vec![
        row(pull(|r| r.max_messages = 1_001), "max_messages", "the limit is 1000"),
        row(pull(|r| r.max_bytes = (8 << 20) + 1), "max_bytes", "the limit is 8388608"),
        row(pull(|r| r.wait = Some(seconds(61))), "wait", "0ns to 60s"),
        row(pull(|r| r.wait = Some(seconds(-1))), "wait", "negative"),
        row(ack(vec![]), "ack_ids", "must have 1 to 10000"),
        row(ack(vec![ack_id(); 10_001]), "ack_ids", "must have 1 to 10000"),
        row(ack(vec![String::new()]), "ack_ids[0]", "is no ack ID"),
        row(ack(vec!["x".into()]), "ack_ids[0]", "is no ack ID"),
        row(ack(vec![long(100_000)]), "ack_ids[0]", "is no ack ID"),
        row(ack(one()), "ack_ids[0]", "another subscription"),
        row(nack(vec![], None), "ack_ids", "must have 1 to 10000"),
        row(nack(vec!["x".into()], None), "ack_ids[0]", "is no ack ID"),
        row(nack(one(), None), "ack_ids[0]", "another subscription"),
        row(nack(one(), Some(seconds(-1))), "delay", "negative"),
        row(nack(one(), Some(seconds(43_201))), "delay", "0ns to 43200s"),
        row(extend(vec![], None), "ack_ids", "must have 1 to 10000"),
        row(extend(vec!["x".into()], None), "ack_ids[0]", "is no ack ID"),
        row(extend(one(), None), "ack_ids[0]", "another subscription"),
        row(extend(one(), Some(seconds(0))), "ack_deadline", "1s to 43200s"),
        row(extend(one(), Some(seconds(43_201))), "ack_deadline", "1s to 43200s"),
        row(extend(one(), Some(seconds(-1))), "ack_deadline", "negative"),
    ])
    .await;
}
