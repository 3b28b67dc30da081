//! Filter policies as settings: how they are set, changed, shown and refused.

use fanfare_proto::v1;

use crate::{
    call::{Row, all_are_refused, row},
    fixture::{Server, data, mask, message},
};

const ORDERS: &str = r#"{"kind": ["order"]}"#;
const REFUNDS: &str = r#"{"kind": ["refund"]}"#;

fn policy(json: &str, scope: v1::FilterScope) -> v1::FilterPolicy {
    v1::FilterPolicy { json: json.into(), scope: scope.into() }
}

fn settings(filter_policy: Option<v1::FilterPolicy>) -> v1::SubscriptionSettings {
    v1::SubscriptionSettings { filter_policy, ..Default::default() }
}

fn update(
    filter_policy: Option<v1::FilterPolicy>,
    backlog: v1::FilterBacklog,
) -> v1::UpdateSubscriptionRequest {
    v1::UpdateSubscriptionRequest {
        name: "s".into(),
        settings: Some(settings(filter_policy)),
        update_mask: mask(&["filter_policy"]),
        filter_backlog: backlog.into(),
    }
}

async fn updated(server: &Server, request: v1::UpdateSubscriptionRequest) -> v1::UpdateSubscriptionResponse {
    server.subscriptions().update_subscription(request).await.unwrap().into_inner()
}

/// Publishes a message of each kind, whose data is the kind.
async fn publish(server: &Server, kinds: &[&str]) -> Vec<v1::PublishResult> {
    let of_kind = |kind: &&str| v1::NewMessage {
        attributes: [("kind".to_owned(), (*kind).to_owned())].into(),
        ..message(kind)
    };
    let messages = kinds.iter().map(of_kind).collect();
    let request = v1::PublishRequest { topic: "t".into(), messages };
    server.publisher().publish(request).await.unwrap().into_inner().results
}

async fn received(server: &Server) -> Vec<String> {
    server.pull(10).await.iter().map(data).collect()
}

/// Creating and updating take the same settings: both are sent.
fn bad(given: v1::FilterPolicy, field: &'static str, text: &'static str) -> [Row; 2] {
    let create = v1::CreateSubscriptionRequest {
        name: "n".into(),
        topic: "t".into(),
        settings: Some(settings(Some(given.clone()))),
        start: None,
    };
    [row(create, field, text), row(update(Some(given), v1::FilterBacklog::Keep), field, text)]
}

#[tokio::test]
async fn a_policy_that_is_empty_or_too_long_or_of_no_scope_is_refused() {
    let json = "settings.filter_policy.json";
    let scope = v1::FilterPolicy { json: ORDERS.into(), scope: 3 };
    let rows = [
        bad(policy("", v1::FilterScope::Body), json, "leave out filter_policy"),
        bad(policy(&"x".repeat((256 << 10) + 1), v1::FilterScope::Body), json, "the limit is 262144"),
        bad(scope, "settings.filter_policy.scope", "no known value"),
    ];
    all_are_refused(rows.into_iter().flatten().collect()).await;
}

#[tokio::test]
async fn a_policy_that_is_none_is_refused_by_its_place_in_the_json() {
    let json = "settings.filter_policy.json";
    let body = v1::FilterScope::Body;
    let rows = [
        bad(policy("no JSON", body), json, "$"),
        bad(policy("[]", body), json, "$"),
        bad(policy(r#"{"kind": []}"#, body), json, "$.kind"),
        bad(policy(r#"{"a": {"b": [{"prefix": 1}]}}"#, body), json, "$.a.b[0].prefix"),
    ];
    all_are_refused(rows.into_iter().flatten().collect()).await;
}

#[tokio::test]
async fn what_becomes_of_the_backlog_is_said_with_a_change_of_policy_only() {
    let other = |backlog| v1::UpdateSubscriptionRequest {
        update_mask: mask(&["labels"]),
        filter_backlog: backlog,
        ..update(None, v1::FilterBacklog::Unspecified)
    };
    let unknown =
        v1::UpdateSubscriptionRequest { filter_backlog: 3, ..update(None, v1::FilterBacklog::Keep) };
    all_are_refused(vec![
        row(other(1), "filter_backlog", "update_mask does not name filter_policy"),
        row(other(2), "filter_backlog", "update_mask does not name filter_policy"),
        row(unknown, "filter_backlog", "no known value"),
    ])
    .await;
}

#[tokio::test]
async fn a_policy_is_shown_as_it_was_written_until_it_is_cleared() {
    let server = Server::with_topic().await;
    let shown =
        |answer: v1::UpdateSubscriptionResponse| answer.subscription.unwrap().settings.unwrap().filter_policy;
    let given = policy(REFUNDS, v1::FilterScope::Body);
    let set = updated(&server, update(Some(given.clone()), v1::FilterBacklog::Unspecified)).await;
    assert_eq!(shown(set), Some(given.clone()));
    let other = v1::UpdateSubscriptionRequest {
        update_mask: mask(&["max_attempts"]),
        ..update(None, v1::FilterBacklog::Unspecified)
    };
    assert_eq!(shown(updated(&server, other).await), Some(given));
    assert_eq!(shown(updated(&server, update(None, v1::FilterBacklog::Keep)).await), None);
    let unset = policy(ORDERS, v1::FilterScope::Unspecified);
    let set = updated(&server, update(Some(unset), v1::FilterBacklog::Keep)).await;
    assert_eq!(shown(set), Some(policy(ORDERS, v1::FilterScope::Attributes)), "with its default filled in");
}

#[tokio::test]
async fn only_what_matches_is_delivered_and_counted() {
    let server = Server::with_topic().await;
    let orders = policy(ORDERS, v1::FilterScope::Attributes);
    server.create_subscription("orders", settings(Some(orders))).await;
    let matched: Vec<_> =
        publish(&server, &["order", "refund"]).await.iter().map(|m| m.matched_subscriptions).collect();
    assert_eq!(matched, [2, 1]);
    let pull = v1::PullRequest { subscription: "orders".into(), max_messages: 10, ..Default::default() };
    let pulled = server.subscriber().pull(pull).await.unwrap().into_inner().messages;
    assert_eq!(pulled.iter().map(data).collect::<Vec<_>>(), ["order"]);
}

#[tokio::test]
async fn typed_attributes_are_filtered_by() {
    let server = Server::with_topic().await;
    let dear = policy(r#"{"price": [{"numeric": [">", 10]}]}"#, v1::FilterScope::Attributes);
    updated(&server, update(Some(dear), v1::FilterBacklog::Keep)).await;
    let priced = |price: f64| {
        let price = v1::AttributeValue { value: Some(v1::attribute_value::Value::Number(price)) };
        v1::NewMessage { typed_attributes: [("price".into(), price)].into(), ..message("priced") }
    };
    let plain = v1::NewMessage { attributes: [("price".into(), "11".into())].into(), ..message("plain") };
    let messages = vec![priced(9.0), priced(11.0), plain];
    let request = v1::PublishRequest { topic: "t".into(), messages };
    let results = server.publisher().publish(request).await.unwrap().into_inner().results;
    let matched: Vec<_> = results.iter().map(|result| result.matched_subscriptions).collect();
    assert_eq!(matched, [0, 1, 0], "a text is no number");
    assert_eq!(received(&server).await, ["priced"]);
}

#[tokio::test]
async fn a_backlog_is_kept_unless_it_is_to_be_evaluated_again() {
    for (backlog, stays) in [(v1::FilterBacklog::Unspecified, true), (v1::FilterBacklog::Reevaluate, false)] {
        let server = Server::with_topic().await;
        let published = publish(&server, &["order", "refund"]).await;
        let refunds = policy(REFUNDS, v1::FilterScope::Attributes);
        let answer = updated(&server, update(Some(refunds), backlog)).await;
        assert!(answer.subscription.unwrap().position > published[1].sequence);
        publish(&server, &["order", "refund"]).await;
        let expected = if stays { &["order", "refund", "refund"][..] } else { &["refund", "refund"] };
        assert_eq!(received(&server).await, expected, "{backlog:?}");
    }
}

#[tokio::test]
async fn what_left_by_evaluation_is_counted() {
    let server = Server::with_topic().await;
    publish(&server, &["order", "refund", "order"]).await;
    assert_eq!(server.pull(10).await.len(), 3, "all of the backlog is in hand");
    let refunds = policy(REFUNDS, v1::FilterScope::Attributes);
    let answer = updated(&server, update(Some(refunds), v1::FilterBacklog::Reevaluate)).await;
    assert_eq!(answer.left_backlog, 2);
    assert_eq!(server.stats().await.filtered_backlog, 2);
    assert_eq!(server.stats().await.backlog, 1);
}

#[tokio::test]
async fn one_policy_too_many_over_an_unread_backlog_is_refused_with_its_own_word() {
    let server = Server::with_topic().await;
    let pause = v1::PauseSubscriptionRequest { name: "s".into() };
    server.subscriptions().pause_subscription(pause).await.unwrap();
    let mut refused = None;
    for round in 0..=types::limits::FILTER_ERAS {
        // One that the policy of the round before lets in.
        publish(&server, &[&round.wrapping_sub(1).to_string()]).await;
        let next = policy(&format!(r#"{{"kind": ["{round}"]}}"#), v1::FilterScope::Attributes);
        let answer =
            server.subscriptions().update_subscription(update(Some(next), v1::FilterBacklog::Keep)).await;
        refused = answer.err();
    }
    let status = refused.unwrap();
    assert_eq!(status.code(), tonic::Code::FailedPrecondition, "{status:?}");
    assert_eq!(crate::fixture::reason(&status), "TOO_MANY_FILTER_POLICIES");
}

#[tokio::test]
async fn what_was_filtered_out_is_counted_by_its_reason() {
    let server = Server::with_topic().await;
    let orders = policy(ORDERS, v1::FilterScope::Attributes);
    updated(&server, update(Some(orders), v1::FilterBacklog::Keep)).await;
    publish(&server, &["order", "refund"]).await;
    server.publish(&["no attributes"]).await;
    let stats = server.stats().await;
    assert_eq!((stats.filter_evaluated, stats.filter_matched, stats.backlog), (3, 1, 1));
    assert_eq!((stats.filtered_attributes, stats.filtered_no_attributes), (1, 1));
    assert_eq!((stats.filtered_body, stats.filtered_invalid_body, stats.filtered_backlog), (0, 0, 0));
    let bodies = policy(ORDERS, v1::FilterScope::Body);
    updated(&server, update(Some(bodies), v1::FilterBacklog::Keep)).await;
    server.publish(&[r#"{"kind": "order"}"#, r#"{"kind": "refund"}"#, "[]", "no JSON"]).await;
    let stats = server.stats().await;
    assert_eq!((stats.filter_evaluated, stats.filter_matched, stats.backlog), (7, 2, 2));
    assert_eq!((stats.filtered_body, stats.filtered_invalid_body), (1, 2));
}
