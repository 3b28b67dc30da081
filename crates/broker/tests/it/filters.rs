//! Filter policies: who gets which message, from when on, and what becomes of the backlog. Payloads are JSON bodies.

use std::sync::Arc;

use broker::{BacklogAction, Broker, Config, ReadContent, SeekTo, StartPosition, UpdateSubscriptionError};
use filter::{Attribute, Content, Scalar};
use journal::{MemoryJournal, memory};
use types::{
    FilterPolicy, FilterScope, ManualClock, RetentionPolicy, SubscriptionSettings, Timestamp, TopicSettings,
    limits,
};

use crate::fixture::{Fixture, MANY, no_backoff, ready, seconds, sub, texts, topic};

const A: &str = r#"{"t":"a"}"#;
const B: &str = r#"{"t":"b"}"#;
const AB: &str = r#"{"t":["a","b"]}"#;

fn body(json: &str) -> Option<FilterPolicy> {
    Some(FilterPolicy { json: json.into(), scope: FilterScope::Body })
}

/// Only messages of this type.
pub(crate) fn only(t: &str) -> SubscriptionSettings {
    SubscriptionSettings { filter: body(&format!(r#"{{"t":["{t}"]}}"#)), ..no_backoff() }
}

async fn change(fixture: &Fixture, name: &str, to: &SubscriptionSettings, backlog: BacklogAction) -> u64 {
    let updated = fixture.broker.update_subscription(&sub(name), |s| *s = to.clone(), backlog).await.unwrap();
    updated.left
}

async fn with_a_and_b() -> Fixture {
    let fixture = Fixture::new().await;
    fixture.topic(TopicSettings::default()).await;
    fixture.subscribe("a", only("a")).await;
    fixture.subscribe("b", only("b")).await;
    fixture.subscribe("all", no_backoff()).await;
    fixture
}

#[tokio::test]
async fn only_what_matches_enters_the_queue_and_the_answer_counts_it_exactly() {
    let fixture = with_a_and_b().await;
    let published = fixture.publish(&[A, B, AB, "no JSON"]).await;
    assert_eq!(published.iter().map(|p| p.matched).collect::<Vec<_>>(), [2, 2, 3, 1]);
    assert_eq!(
        (fixture.backlog("a").await, fixture.backlog("b").await, fixture.backlog("all").await),
        (2, 2, 4)
    );
    assert_eq!(fixture.drain("a").await, [A, AB]);
    assert_eq!(fixture.drain("b").await, [B, AB]);
    assert_eq!(fixture.drain("all").await, [A, B, AB, "no JSON"]);
    assert_eq!(fixture.backlog("a").await, 0);
}

#[tokio::test]
async fn subscriptions_with_equal_policies_each_get_their_own() {
    let fixture = with_a_and_b().await;
    let same = SubscriptionSettings { filter: body(r#" { "t" : ["a"] } "#), ..no_backoff() };
    fixture.publish(&[A]).await;
    fixture.subscribe("later", same).await;
    let published = fixture.publish(&[A]).await;
    assert_eq!(published[0].matched, 3);
    assert_eq!((fixture.drain("a").await.len(), fixture.drain("later").await.len()), (2, 1));
    fixture.broker.delete_subscription(&sub("a")).await.unwrap();
    assert_eq!(fixture.publish(&[A]).await[0].matched, 2);
    assert_eq!(fixture.drain("later").await, [A]);
}

#[tokio::test]
async fn a_consumer_that_waits_is_woken_by_a_match_and_by_nothing_else() {
    let fixture = with_a_and_b().await;
    let mut consumer = fixture.consumer("a");
    let next = consumer.next(MANY);
    tokio::pin!(next);
    assert!(ready(&mut next).await.is_none());
    fixture.publish(&[B, B]).await;
    assert!(ready(&mut next).await.is_none());
    fixture.publish(&[B, A]).await;
    assert_eq!(texts(&next.await.unwrap()), [A]);
}

#[tokio::test]
async fn a_consumer_that_waits_is_woken_by_what_a_new_policy_lets_in() {
    let fixture = with_a_and_b().await;
    let mut consumer = fixture.consumer("a");
    for (before, now) in [("a", "b"), ("b", "a")] {
        let next = consumer.next(MANY);
        tokio::pin!(next);
        assert!(ready(&mut next).await.is_none());
        change(&fixture, "a", &only(now), BacklogAction::Keep).await;
        let message = format!(r#"{{"t":"{now}"}}"#);
        fixture.publish(&[&format!(r#"{{"t":"{before}"}}"#), &message]).await;
        let delivered = next.await.unwrap();
        assert_eq!(texts(&delivered), [message]);
        fixture.ack("a", &delivered).await;
    }
    change(&fixture, "a", &no_backoff(), BacklogAction::Keep).await;
    let next = consumer.next(MANY);
    tokio::pin!(next);
    assert!(ready(&mut next).await.is_none());
    fixture.publish(&["anything"]).await;
    assert_eq!(texts(&next.await.unwrap()), ["anything"]);
}

#[tokio::test]
async fn a_kept_backlog_stays_under_the_policies_of_its_time() {
    let mut fixture = with_a_and_b().await;
    fixture.publish(&[A, B]).await;
    let left = change(&fixture, "a", &only("b"), BacklogAction::Keep).await;
    fixture.publish(&[A, B]).await;
    change(&fixture, "a", &no_backoff(), BacklogAction::Keep).await;
    fixture.publish(&["any"]).await;
    assert_eq!((left, fixture.backlog("a").await), (0, 3));
    fixture.crash().await;
    assert_eq!(fixture.backlog("a").await, 3);
    assert_eq!(fixture.drain("a").await, [A, B, "any"]);
}

#[tokio::test]
async fn a_re_evaluated_backlog_keeps_what_matches_the_old_and_the_new_policy() {
    for read_first in [false, true] {
        for crashes in [false, true] {
            let mut fixture = with_a_and_b().await;
            fixture.publish(&[A, B, AB]).await;
            let taken = if read_first { fixture.take("a").await } else { Vec::new() };
            let left = change(&fixture, "a", &only("b"), BacklogAction::Reevaluate).await;
            assert_eq!(left, u64::from(read_first));
            fixture.publish(&[A, B]).await;
            if crashes {
                fixture.crash().await;
            }
            assert_eq!(fixture.backlog("a").await, 2, "{read_first} {crashes}");
            if read_first && !crashes {
                // What stayed is still under lease, what left is not.
                let settled = fixture.subscriber("a").acknowledge(&[taken[1].ack_id, taken[0].ack_id]).await;
                let outcomes = settled.unwrap().durable().await.unwrap();
                assert!(outcomes[0].is_ok() && outcomes[1].is_err(), "{outcomes:?}");
                assert_eq!(fixture.drain("a").await, [B]);
            } else {
                assert_eq!(fixture.drain("a").await, [AB, B]);
            }
        }
    }
}

#[tokio::test]
async fn a_backlog_that_was_kept_can_be_re_evaluated_later_by_the_same_policy() {
    let mut fixture = with_a_and_b().await;
    fixture.publish(&[A, AB]).await;
    change(&fixture, "a", &only("b"), BacklogAction::Keep).await;
    fixture.publish(&[B]).await;
    assert_eq!(fixture.backlog("a").await, 3);
    change(&fixture, "a", &only("b"), BacklogAction::Reevaluate).await;
    assert_eq!(fixture.backlog("a").await, 2);
    fixture.crash().await;
    assert_eq!(
        (fixture.backlog("a").await, fixture.drain("a").await),
        (2, vec![AB.to_owned(), B.to_owned()])
    );
}

#[tokio::test]
async fn an_update_says_from_which_position_its_policy_decides() {
    let fixture = with_a_and_b().await;
    let before = fixture.publish(&[A]).await[0].id.sequence;
    let updated =
        fixture.broker.update_subscription(&sub("a"), |s| *s = only("b"), BacklogAction::Keep).await.unwrap();
    let after = fixture.publish(&[A]).await[0].id.sequence;
    assert!((before + 1..after).contains(&updated.info.position), "{before} {updated:?} {after}");
    let in_force = fixture.broker.policy_of(&sub("a")).unwrap();
    assert_eq!(in_force.position, updated.info.position);
    // Another setting is no change of policy.
    let labelled = |s: &mut SubscriptionSettings| drop(s.labels.insert("l".into(), String::new()));
    fixture.broker.update_subscription(&sub("a"), labelled, BacklogAction::Keep).await.unwrap();
    assert_eq!(fixture.broker.policy_of(&sub("a")).unwrap().position, updated.info.position);
}

#[tokio::test]
async fn from_the_place_of_a_start_or_a_seek_on_the_policy_in_force_decides() {
    let mut fixture = with_a_and_b().await;
    let published = fixture.publish(&[A, B, A, AB]).await;
    let start = StartPosition::Earliest;
    fixture.broker.create_subscription(sub("c"), &topic(), only("a"), start).await.unwrap();
    assert_eq!(fixture.backlog("c").await, 3);
    assert_eq!(fixture.drain("c").await, [A, A, AB]);
    change(&fixture, "c", &only("b"), BacklogAction::Keep).await;
    fixture.publish(&[B]).await;
    fixture.broker.seek(&sub("c"), SeekTo::Sequence(published[2].id.sequence)).await.unwrap();
    assert_eq!(fixture.backlog("c").await, 2);
    fixture.crash().await;
    assert_eq!(fixture.backlog("c").await, 2);
    assert_eq!(fixture.drain("c").await, [AB, B]);
    fixture.broker.seek(&sub("c"), SeekTo::Latest).await.unwrap();
    assert_eq!((fixture.backlog("c").await, fixture.drain("c").await.len()), (0, 0));
}

#[tokio::test]
async fn an_invalid_policy_is_refused_with_the_path_in_it_and_changes_nothing() {
    let fixture = with_a_and_b().await;
    let bad = SubscriptionSettings { filter: body(r#"{"t":[{"prefix":5}]}"#), ..no_backoff() };
    let refused =
        fixture.broker.update_subscription(&sub("a"), |s| *s = bad.clone(), BacklogAction::Keep).await;
    let Err(UpdateSubscriptionError::Invalid(invalid)) = refused else { panic!("{refused:?}") };
    assert_eq!(invalid.field, "settings.filter_policy.json");
    assert!(invalid.reason.contains("$.t[0].prefix"), "{invalid}");
    let created =
        fixture.broker.create_subscription(sub("d"), &topic(), bad, StartPosition::Latest).await.unwrap_err();
    assert!(created.to_string().contains("$.t[0].prefix"), "{created}");
    fixture.publish(&[A]).await;
    assert_eq!(fixture.drain("a").await, [A]);
}

#[tokio::test]
async fn so_many_earlier_policies_decide_over_a_backlog_and_no_more() {
    let fixture = with_a_and_b().await;
    for era in 0..limits::FILTER_ERAS {
        fixture.publish(&[A, B]).await;
        change(&fixture, "a", &only(if era % 2 == 0 { "b" } else { "a" }), BacklogAction::Keep).await;
    }
    fixture.publish(&[A, B]).await;
    let refused =
        fixture.broker.update_subscription(&sub("a"), |s| *s = only("x"), BacklogAction::Keep).await;
    assert_eq!(refused.unwrap_err(), UpdateSubscriptionError::TooManyPolicies { limit: limits::FILTER_ERAS });
    assert_eq!(fixture.backlog("a").await, limits::FILTER_ERAS as u64 + 1);
    assert_eq!(fixture.drain("a").await.len(), limits::FILTER_ERAS + 1);
    change(&fixture, "a", &only("x"), BacklogAction::Keep).await;
}

#[tokio::test]
async fn changes_of_policy_without_a_backlog_leave_nothing_behind() {
    let fixture = with_a_and_b().await;
    for round in 0..3 * limits::FILTER_ERAS {
        fixture.publish(&[B]).await;
        change(&fixture, "a", &only(if round % 2 == 0 { "c" } else { "a" }), BacklogAction::Keep).await;
    }
    fixture.publish(&[A, B]).await;
    assert_eq!((fixture.backlog("a").await, fixture.drain("a").await), (1, vec![A.to_owned()]));
}

#[tokio::test]
async fn the_figures_say_why_messages_were_filtered_out() {
    let mut fixture = with_a_and_b().await;
    fixture.publish(&[A, B, AB, "no JSON", "[1]"]).await;
    change(&fixture, "a", &only("b"), BacklogAction::Keep).await;
    fixture.publish(&[B]).await;
    let stats = fixture.broker.subscription_stats(&sub("a")).await.unwrap().filter;
    assert_eq!((stats.evaluated, stats.matched, stats.body, stats.invalid_body), (6, 3, 1, 2));
    assert_eq!(fixture.broker.subscription_stats(&sub("all")).await.unwrap().filter, Default::default());
    fixture.crash().await;
    fixture.publish(&[A]).await;
    let stats = fixture.broker.subscription_stats(&sub("a")).await.unwrap().filter;
    assert_eq!((stats.evaluated, stats.matched, stats.body), (1, 0, 1), "since the process started");
}

/// `k=v` is an attribute, everything else has none.
#[derive(Debug)]
struct OneAttribute;

impl ReadContent for OneAttribute {
    fn read(&self, payload: &[u8], show: &mut dyn FnMut(&Content<'_>)) {
        let text = std::str::from_utf8(payload).unwrap();
        let attribute = text.split_once(':').map(|(k, v)| (k, Attribute::Scalar(Scalar::String(v.into()))));
        show(&Content { attributes: attribute.as_slice(), body: b"" });
    }
}

#[tokio::test]
async fn a_message_without_attributes_matches_no_policy_on_attributes_and_is_counted_apart() {
    let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1_000_000)));
    let journal = Arc::new(MemoryJournal::default());
    let broker = Broker::open(journal, clock, Arc::new(OneAttribute), Config::default()).await.unwrap();
    broker.create_topic(topic(), TopicSettings::default()).await.unwrap();
    let json = r#"{"k":[{"exists":false}, "v"]}"#.into();
    let filter = Some(FilterPolicy { json, scope: FilterScope::Attributes });
    let settings = SubscriptionSettings { filter, ..SubscriptionSettings::default() };
    broker.create_subscription(sub("s"), &topic(), settings, StartPosition::Latest).await.unwrap();
    let messages = ["k:v", "k:w", "other:w", "none"].map(crate::fixture::message);
    let published = broker.publish(&topic(), messages.into()).await.unwrap();
    assert_eq!(published.iter().map(|p| p.matched).collect::<Vec<_>>(), [1, 0, 1, 0]);
    let stats = broker.subscription_stats(&sub("s")).await.unwrap().filter;
    assert_eq!((stats.evaluated, stats.matched, stats.attributes, stats.no_attributes), (4, 2, 1, 1));
}

#[tokio::test]
async fn a_policy_is_tried_out_on_stored_messages() {
    let fixture = with_a_and_b().await;
    let published = fixture.publish(&[A, B, AB]).await;
    let policy = fixture.broker.policy_of(&sub("a")).unwrap().policy.unwrap();
    let verdict = fixture.broker.test_filter_on(Some(&policy), published[1].id).await.unwrap();
    assert_eq!(verdict.message_id, published[1].id);
    assert_eq!(verdict.mismatches.len(), 1);
    assert_eq!(verdict.mismatches[0].path, "t");
    let last = fixture.broker.test_filter_on_last(Some(&policy), &topic(), 2).await.unwrap();
    assert_eq!(last.iter().map(|v| v.message_id).collect::<Vec<_>>(), [published[1].id, published[2].id]);
    assert_eq!(last.iter().map(|v| v.mismatches.is_empty()).collect::<Vec<_>>(), [false, true]);
    assert_eq!(fixture.broker.test_filter_on_last(None, &topic(), 1_000).await.unwrap().len(), 3);
    let unknown = types::MessageId { log: published[0].id.log, sequence: 1_000 };
    assert!(fixture.broker.test_filter_on(None, unknown).await.is_err());
}

/// Payloads that nobody can make sense of.
#[derive(Debug)]
struct Unreadable;

impl ReadContent for Unreadable {
    fn read(&self, _payload: &[u8], _show: &mut dyn FnMut(&Content<'_>)) {}
}

#[tokio::test]
async fn a_message_that_cannot_be_read_matches_no_policy_and_is_told_so() {
    let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1_000_000)));
    let journal = Arc::new(MemoryJournal::default());
    let broker = Broker::open(journal, clock, Arc::new(Unreadable), Config::default()).await.unwrap();
    broker.create_topic(topic(), TopicSettings::default()).await.unwrap();
    let start = StartPosition::Latest;
    broker.create_subscription(sub("a"), &topic(), only("a"), start).await.unwrap();
    let published = broker.publish(&topic(), vec![crate::fixture::message(A)]).await.unwrap();
    assert_eq!(published[0].matched, 0);
    let policy = broker.policy_of(&sub("a")).unwrap().policy.unwrap();
    let verdict = broker.test_filter_on(Some(&policy), published[0].id).await.unwrap();
    assert_eq!(verdict.mismatches.len(), 1, "{verdict:?}");
}

/// Nothing in memory but the newest messages, small segments, frequent checkpoints.
async fn tight() -> Fixture {
    let journal = memory::Config { segment_bytes: 10_000, ..memory::Config::default() };
    let config = Config { checkpoint_bytes: 1 << 16, tail_cache_bytes: 1 << 20, ..Config::default() };
    Fixture::with(MemoryJournal::new(journal), config).await
}

fn large(t: &str, number: usize) -> String {
    format!(r#"{{"t":"{t}","n":{number},"filler":"{}"}}"#, "x".repeat(1_000))
}

#[tokio::test]
async fn a_subscription_that_nothing_matches_holds_up_no_retention() {
    let fixture = tight().await;
    fixture.topic(TopicSettings::default()).await;
    fixture.subscribe("b", only("b")).await;
    fixture.subscribe("all", no_backoff()).await;
    for number in 0..100 {
        fixture.publish(&[&large("a", number)]).await;
    }
    fixture.drain("all").await;
    for _ in 0..4 {
        fixture.broker.run_upkeep().await;
    }
    assert!(fixture.broker.topic_stats(&topic()).unwrap().first_position > 80);
}

#[tokio::test]
async fn what_expires_by_age_is_counted_exactly_for_a_filtered_subscription() {
    let mut fixture = tight().await;
    let retention = RetentionPolicy { max_age: seconds(60), ..RetentionPolicy::default() };
    fixture.topic(TopicSettings { retention, ..TopicSettings::default() }).await;
    fixture.subscribe("b", only("b")).await;
    for number in 0..60 {
        fixture.publish(&[&large(if number % 3 == 0 { "b" } else { "a" }, number)]).await;
    }
    fixture.pass(seconds(61)).await;
    fixture.publish(&[A, B]).await;
    fixture.broker.run_upkeep().await;
    let stats = fixture.broker.subscription_stats(&sub("b")).await.unwrap();
    assert_eq!((stats.counts.expired_age, stats.backlog), (20, 1));
    fixture.crash().await;
    let stats = fixture.broker.subscription_stats(&sub("b")).await.unwrap();
    assert_eq!((stats.counts.expired_age, stats.backlog), (20, 1));
    assert_eq!(fixture.drain("b").await, [B]);
}

#[tokio::test]
async fn a_backlog_that_no_list_reaches_back_to_is_read_from_the_log() {
    let mut fixture = tight().await;
    fixture.topic(TopicSettings::default()).await;
    fixture.subscribe("b", only("b")).await;
    for number in 0..3_000 {
        fixture.publish(&[&large(if number % 3 == 0 { "b" } else { "a" }, number)]).await;
        if number == 2_000 {
            // The lists begin anew.
            fixture.crash().await;
        }
    }
    assert_eq!(fixture.backlog("b").await, 1_000);
    let oldest = fixture.broker.subscription_stats(&sub("b")).await.unwrap().oldest_unsettled_at;
    assert!(oldest.is_some());
    assert_eq!(fixture.drain("b").await.len(), 1_000);
}
