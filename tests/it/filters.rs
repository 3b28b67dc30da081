//! Filter policies from outside: grpcurl creates, publishes and asks.

use data_encoding::BASE64;
use serde_json::{Value, json};

use crate::support::{
    Fanfare, Start,
    client::{pull, subscriber},
};

const TOPIC: &str = "orders";

/// Five subscriptions: name, scope, policy.
const POLICIES: [(&str, &str, &str); 5] = [
    ("created", "FILTER_SCOPE_ATTRIBUTES", r#"{"type": ["order.created"]}"#),
    ("large", "FILTER_SCOPE_ATTRIBUTES", r#"{"total": [{"numeric": [">=", 100]}]}"#),
    (
        "not-test",
        "FILTER_SCOPE_ATTRIBUTES",
        r#"{"tags": [{"anything-but": ["test"]}], "type": [{"prefix": "order."}]}"#,
    ),
    ("berlin", "FILTER_SCOPE_BODY", r#"{"ship_to": {"city": [{"equals-ignore-case": "berlin"}]}}"#),
    (
        "office",
        "FILTER_SCOPE_BODY",
        r#"{"$or": [{"ip": [{"cidr": "10.0.0.0/8"}]}, {"items": {"sku": [{"wildcard": "*-vip-*"}], "count": [{"numeric": [">", 1]}]}}]}"#,
    ),
];

/// What is published: a body, attributes, and who gets it.
fn messages() -> Vec<(&'static str, Value, &'static [&'static str])> {
    vec![
        (r#"{"n": 0}"#, json!({"attributes": {"type": "order.created"}}), &["created"]),
        (r#"{"n": 1}"#, json!({"typedAttributes": {"total": {"number": 100}}}), &["large"]),
        (r#"{"n": 2}"#, json!({"attributes": {"total": "100"}}), &[]),
        (
            r#"{"n": 3}"#,
            json!({"attributes": {"type": "order.paid"}, "typedAttributes": {"tags": {"array": ["test", "eu"]}}}),
            &["not-test"],
        ),
        (
            r#"{"n": 4}"#,
            json!({"attributes": {"type": "order.paid"}, "typedAttributes": {"tags": {"array": ["test"]}}}),
            &[],
        ),
        (r#"{"n": 5, "ship_to": {"city": "BERLIN"}}"#, json!({}), &["berlin"]),
        (r#"{"n": 6, "ip": "10.1.2.3", "ship_to.city": "berlin"}"#, json!({}), &["berlin", "office"]),
        (r#"{"n": 7, "items": [{"sku": "a-vip-1", "count": 1}, {"sku": "b", "count": 5}]}"#, json!({}), &[]),
        (
            r#"{"n": 8, "items": [{"sku": "b", "count": 1}, {"sku": "a-vip-1", "count": 2}]}"#,
            json!({}),
            &["office"],
        ),
        ("no JSON", json!({"attributes": {"type": "order.created"}}), &["created"]),
    ]
}

fn filter(scope: &str, policy: &str) -> Value {
    json!({"filterPolicy": {"json": policy, "scope": scope}})
}

fn create_all(fanfare: &Fanfare) {
    fanfare.grpcurl().ok("TopicService/CreateTopic", &json!({"name": TOPIC}));
    for (name, scope, policy) in POLICIES {
        let request = json!({"name": name, "topic": TOPIC, "settings": filter(scope, policy)});
        fanfare.grpcurl().ok("SubscriptionService/CreateSubscription", &request);
    }
}

/// Publishes everything as one request; for each message its sequence and how many get it.
fn publish_all(fanfare: &Fanfare) -> Vec<(String, u64)> {
    let with_data = |(body, mut message, _): (&str, Value, _)| {
        message["data"] = BASE64.encode(body.as_bytes()).into();
        message
    };
    let request: Vec<_> = messages().into_iter().map(with_data).collect();
    let answer =
        fanfare.grpcurl().ok("PublisherService/Publish", &json!({"topic": TOPIC, "messages": request}));
    let results = answer["results"].as_array().unwrap().iter();
    let matched = |result: &Value| result["matchedSubscriptions"].as_u64().unwrap_or(0);
    results.map(|result| (result["sequence"].as_str().unwrap().to_owned(), matched(result))).collect()
}

/// Of what was published, the sequences that this subscription's first policy matches.
fn own(name: &str, published: &[(String, u64)]) -> Vec<String> {
    let messages = messages();
    let own = messages.iter().zip(published).filter(|((.., who), _)| who.contains(&name));
    own.map(|(_, (sequence, _))| sequence.clone()).collect()
}

fn stats(fanfare: &Fanfare, name: &str) -> Value {
    fanfare.grpcurl().ok("AdminService/GetSubscriptionStats", &json!({"name": name}))
}

/// Takes what there is and settles it; the sequences.
async fn take(fanfare: &Fanfare, name: &str) -> Vec<String> {
    let mut sequences = Vec::new();
    loop {
        // Of a backlog that is not in memory an answer holds what one read of the log gave.
        let taken = pull(&mut subscriber(fanfare).await, name, 100, 0).await;
        if taken.is_empty() {
            return sequences;
        }
        let ids: Vec<_> = taken.iter().map(|message| &message.ack_id).collect();
        fanfare.grpcurl().ok("SubscriberService/Acknowledge", &json!({"subscription": name, "ackIds": ids}));
        sequences.extend(taken.iter().map(|message| message.sequence.to_string()));
    }
}

#[tokio::test]
async fn five_subscriptions_get_what_their_policies_match_and_nothing_else() {
    let (fanfare, _directory) = Fanfare::fresh().await;
    create_all(&fanfare);
    let published = publish_all(&fanfare);
    for ((body, _, who), (_, matched)) in messages().iter().zip(&published) {
        assert_eq!(*matched, who.len() as u64, "the answer counts exactly: {body}");
    }
    for (name, ..) in POLICIES {
        let own = own(name, &published);
        assert_eq!(stats(&fanfare, name)["backlog"], own.len().to_string(), "the backlog is exact: {name}");
        assert_eq!(take(&fanfare, name).await, own, "{name}");
    }
    let stats = stats(&fanfare, "berlin");
    let figures = ["filterEvaluated", "filterMatched", "filteredBody", "filteredInvalidBody"];
    assert_eq!(figures.map(|figure| stats[figure].clone()), ["10", "2", "7", "1"].map(Value::from));
}

#[tokio::test]
async fn policies_and_their_positions_survive_kill_minus_nine() {
    let (fanfare, directory) = Fanfare::fresh().await;
    create_all(&fanfare);
    let before = publish_all(&fanfare);
    // From here on `created` is for something else, and what it has stays.
    let update = json!({
        "name": "created",
        "settings": filter("FILTER_SCOPE_ATTRIBUTES", r#"{"type": ["order.paid"]}"#),
        "updateMask": {"paths": ["filter_policy"]},
    });
    let updated = fanfare.grpcurl().ok("SubscriptionService/UpdateSubscription", &update);
    let position = updated["subscription"]["position"].clone();
    fanfare.kill();

    let fanfare = Start::on(&directory.path().join("data")).ready().await;
    let found = fanfare.grpcurl().ok("SubscriptionService/GetSubscription", &json!({"name": "created"}));
    assert_eq!(found["subscription"]["position"], position);
    let tested = json!({"subscription": "created", "last": 10});
    let tested = fanfare.grpcurl().ok("SubscriptionService/TestFilter", &tested);
    assert_eq!((&tested["policyPosition"], &tested["matched"]), (&position, &json!(2)));
    let after = publish_all(&fanfare);
    assert_eq!(stats(&fanfare, "created")["backlog"], "4");
    let expected = [&before[0].0, &before[9].0, &after[3].0, &after[4].0];
    assert_eq!(take(&fanfare, "created").await.iter().collect::<Vec<_>>(), expected);
    for (name, ..) in POLICIES.iter().filter(|(name, ..)| *name != "created") {
        let own: Vec<_> = [&before, &after].iter().flat_map(|published| own(name, published)).collect();
        assert_eq!(take(&fanfare, name).await, own, "{name}");
    }
}

#[tokio::test]
async fn a_re_evaluated_backlog_loses_what_does_not_match_and_nothing_else() {
    let (fanfare, _directory) = Fanfare::fresh().await;
    create_all(&fanfare);
    let published = publish_all(&fanfare);
    // In hand when the policy changes.
    let leased = pull(&mut subscriber(&fanfare).await, "berlin", 100, 0).await;
    assert_eq!(leased.len(), 2);
    let update = json!({
        "name": "berlin",
        "settings": filter("FILTER_SCOPE_BODY", r#"{"n": [{"numeric": [">", 5]}]}"#),
        "updateMask": {"paths": ["filter_policy"]},
        "filterBacklog": "FILTER_BACKLOG_REEVALUATE",
    });
    let updated = fanfare.grpcurl().ok("SubscriptionService/UpdateSubscription", &update);
    assert_eq!(updated["leftBacklog"], "1");
    assert_eq!(stats(&fanfare, "berlin")["backlog"], "1");
    let acks = json!({"subscription": "berlin", "ackIds": [leased[1].ack_id]});
    let acked = fanfare.grpcurl().ok("SubscriberService/Acknowledge", &acks);
    assert_eq!(acked["results"][0]["outcome"], "LEASE_OUTCOME_OK", "what matches stays under its lease");
    assert_eq!(leased[1].sequence.to_string(), published[6].0);
    assert_eq!(stats(&fanfare, "berlin")["filteredBacklog"], "1");
}

#[tokio::test]
async fn a_policy_is_tried_out_before_anyone_depends_on_it() {
    let (fanfare, _directory) = Fanfare::fresh().await;
    create_all(&fanfare);
    let published = publish_all(&fanfare);
    let test = |request: &Value| fanfare.grpcurl().ok("SubscriptionService/TestFilter", request);

    let last = test(&json!({"subscription": "office", "last": 4}));
    let verdicts = last["verdicts"].as_array().unwrap();
    let sequences: Vec<_> = verdicts.iter().map(|verdict| verdict["sequence"].as_str().unwrap()).collect();
    assert!(sequences.iter().eq(published[6..].iter().map(|(sequence, _)| sequence)), "{last}");
    assert_eq!(last["matched"], 2);
    assert_eq!(verdicts[1]["failed"][0]["path"], "ip", "the nearest alternative: {}", verdicts[1]);
    assert!(verdicts[3]["failed"][0]["reason"].as_str().unwrap().contains("JSON"), "{}", verdicts[3]);

    let items = r#"{"items": {"sku": [{"wildcard": "*-vip-*"}], "count": [{"numeric": [">", 1]}]}}"#;
    let policy = json!({"json": items, "scope": "FILTER_SCOPE_BODY"});
    let split = test(&json!({"filterPolicy": policy, "messageId": verdicts[1]["messageId"]}));
    let failed = &split["verdicts"][0]["failed"][0];
    assert_eq!(failed["path"], "items", "no single element has it all: {split}");

    let id = verdicts[0]["messageId"].clone();
    let one = test(&json!({"subscription": "large", "messageId": id}));
    assert_eq!(one["verdicts"][0]["matched"], Value::Null, "no: {one}");

    let policy = json!({"json": r#"{"total": [{"numeric": [">=", 100]}]}"#});
    let message = json!({"typedAttributes": {"total": {"number": 99.5}}});
    let unpublished = test(&json!({"filterPolicy": policy, "message": message}));
    let failed = &unpublished["verdicts"][0]["failed"][0];
    assert_eq!(failed["path"], "total");
    assert!(failed["reason"].as_str().unwrap().contains("99.5"), "it says what it found: {failed}");
}

#[tokio::test]
async fn a_policy_that_breaks_a_rule_is_refused_with_its_place() {
    let (fanfare, _directory) = Fanfare::fresh().await;
    create_all(&fanfare);
    for (policy, place) in [
        ("{", "$"),
        (r#"{"price": [{"numeric": ["<", 5, ">=", 10]}]}"#, "$.price[0].numeric"),
        (r#"{"a b": []}"#, "$['a b']"),
        (r#"{"ip": [{"cidr": "10.0.0.0"}]}"#, "$.ip[0].cidr"),
    ] {
        let request =
            json!({"name": "bad", "topic": TOPIC, "settings": filter("FILTER_SCOPE_ATTRIBUTES", policy)});
        let refused = fanfare.grpcurl().call("SubscriptionService/CreateSubscription", &request).unwrap_err();
        assert_eq!(refused.code, "InvalidArgument", "{policy}");
        assert!(refused.text.contains("settings.filter_policy.json"), "{}", refused.text);
        assert!(refused.text.contains(place), "{place}: {}", refused.text);
    }
}
