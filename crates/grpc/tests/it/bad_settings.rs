//! What each setting of a topic or subscription may not be, in creation and in update alike.

use fanfare_proto::v1::{self, retry_policy::Policy};
use prost_types::Duration;

use crate::{
    call::{Row, all_are_refused, long, row},
    fixture::{mask, seconds},
};

/// Creating and updating take the same settings: both are sent.
fn topic_settings(
    change: impl FnOnce(&mut v1::TopicSettings),
    field: &'static str,
    text: &'static str,
) -> [Row; 2] {
    let mut settings = v1::TopicSettings::default();
    change(&mut settings);
    let settings = Some(settings);
    [
        row(v1::CreateTopicRequest { name: "n".into(), settings: settings.clone() }, field, text),
        row(
            v1::UpdateTopicRequest { name: "t".into(), settings, update_mask: mask(&["labels"]) },
            field,
            text,
        ),
    ]
}

fn retention(change: impl FnOnce(&mut v1::RetentionPolicy)) -> impl FnOnce(&mut v1::TopicSettings) {
    move |settings| change(settings.retention.get_or_insert_default())
}

#[tokio::test]
async fn a_bad_topic_setting_is_refused() {
    let label = |name: &str, value: &str| [(name.to_owned(), value.to_owned())].into();
    let many = (0..65).map(|n| (n.to_string(), String::new())).collect();
    let rows = [
        topic_settings(
            |s| s.deduplication_window = Some(seconds(-1)),
            "settings.deduplication_window",
            "negative",
        ),
        topic_settings(
            |s| s.deduplication_window = Some(seconds(86_401)),
            "settings.deduplication_window",
            "86400s",
        ),
        topic_settings(
            |s| s.deduplication_window = Some(Duration { seconds: 1, nanos: 1_000_000_000 }),
            "settings.deduplication_window",
            "0 to 999999999",
        ),
        topic_settings(
            retention(|r| r.max_age = Some(seconds(0))),
            "settings.retention.max_age",
            "60s to 31536000s",
        ),
        topic_settings(
            retention(|r| r.max_age = Some(seconds(-9))),
            "settings.retention.max_age",
            "negative",
        ),
        topic_settings(
            retention(|r| r.max_age = Some(seconds(59))),
            "settings.retention.max_age",
            "60s to 31536000s",
        ),
        topic_settings(
            retention(|r| r.max_age = Some(seconds(i64::MAX))),
            "settings.retention.max_age",
            "31536000s",
        ),
        topic_settings(retention(|r| r.max_bytes = Some(0)), "settings.retention.max_bytes", "1048576"),
        topic_settings(
            retention(|r| r.max_bytes = Some(1_048_575)),
            "settings.retention.max_bytes",
            "1048576",
        ),
        topic_settings(
            retention(|r| r.at_max_bytes = 3),
            "settings.retention.at_max_bytes",
            "no known value",
        ),
        topic_settings(
            retention(|r| r.at_max_bytes = -1),
            "settings.retention.at_max_bytes",
            "no known value",
        ),
        topic_settings(|s| s.labels = many, "settings.labels", "there are 65, the limit is 64"),
        topic_settings(|s| s.labels = label("", "v"), "settings.labels", "0 bytes, must be 1 to 63"),
        topic_settings(|s| s.labels = label(&long(64), ""), "settings.labels", "64 bytes, must be 1 to 63"),
        topic_settings(
            |s| s.labels = label("n", &long(256)),
            "settings.labels",
            "256 bytes, the limit is 255",
        ),
    ];
    all_are_refused(rows.into_iter().flatten().collect()).await;
}

/// Creating and updating take the same settings: both are sent.
fn settings(
    change: impl FnOnce(&mut v1::SubscriptionSettings),
    field: &'static str,
    text: &'static str,
) -> [Row; 2] {
    let mut settings = v1::SubscriptionSettings::default();
    change(&mut settings);
    let settings = Some(settings);
    let create = v1::CreateSubscriptionRequest {
        name: "n".into(),
        topic: "t".into(),
        settings: settings.clone(),
        start: None,
    };
    let update_mask = mask(&["labels"]);
    [
        row(create, field, text),
        row(
            v1::UpdateSubscriptionRequest { name: "s".into(), settings, update_mask, ..Default::default() },
            field,
            text,
        ),
    ]
}

#[tokio::test]
async fn a_bad_subscription_setting_is_refused() {
    let label = |name: &str, value: &str| [(name.to_owned(), value.to_owned())].into();
    let rows = [
        settings(|s| s.ack_deadline = Some(seconds(0)), "settings.ack_deadline", "1s to 43200s"),
        settings(|s| s.ack_deadline = Some(seconds(-5)), "settings.ack_deadline", "negative"),
        settings(|s| s.ack_deadline = Some(seconds(43_201)), "settings.ack_deadline", "1s to 43200s"),
        settings(|s| s.max_attempts = Some(0), "settings.max_attempts", "1 to 100015"),
        settings(|s| s.max_attempts = Some(100_016), "settings.max_attempts", "1 to 100015"),
        settings(|s| s.when_exhausted = 3, "settings.when_exhausted", "no known value"),
        settings(|s| s.max_in_flight = Some(0), "settings.max_in_flight", "1 to 100000"),
        settings(|s| s.max_in_flight = Some(100_001), "settings.max_in_flight", "1 to 100000"),
        settings(
            |s| s.expire_unused_after = Some(seconds(0)),
            "settings.expire_unused_after",
            "3600s to 31536000s",
        ),
        settings(|s| s.expire_unused_after = Some(seconds(-1)), "settings.expire_unused_after", "negative"),
        settings(
            |s| s.expire_unused_after = Some(seconds(31_536_001)),
            "settings.expire_unused_after",
            "3600s to 31536000s",
        ),
        settings(|s| s.labels = label("", ""), "settings.labels", "1 to 63"),
        settings(|s| s.labels = label("n", &long(256)), "settings.labels", "the limit is 255"),
    ];
    all_are_refused(rows.into_iter().flatten().collect()).await;
}

fn exponential(
    change: impl FnOnce(&mut v1::ExponentialBackoff),
) -> impl FnOnce(&mut v1::SubscriptionSettings) {
    let mut backoff = v1::ExponentialBackoff::default();
    change(&mut backoff);
    move |settings| settings.retry = Some(v1::RetryPolicy { policy: Some(Policy::Exponential(backoff)) })
}

fn phased(change: impl FnOnce(&mut v1::PhasedBackoff)) -> impl FnOnce(&mut v1::SubscriptionSettings) {
    let mut backoff = v1::PhasedBackoff::default();
    change(&mut backoff);
    move |settings| settings.retry = Some(v1::RetryPolicy { policy: Some(Policy::Phased(backoff)) })
}

#[tokio::test]
async fn a_bad_retry_policy_is_refused() {
    let rows = [
        settings(
            exponential(|b| b.min_backoff = Some(seconds(-1))),
            "settings.retry.exponential.min_backoff",
            "negative",
        ),
        settings(
            exponential(|b| b.min_backoff = Some(seconds(601))),
            "settings.retry.exponential.min_backoff",
            "more than max_backoff (600s)",
        ),
        settings(
            exponential(|b| b.max_backoff = Some(seconds(86_401))),
            "settings.retry.exponential.max_backoff",
            "the limit is 86400s",
        ),
        settings(
            exponential(|b| b.max_backoff = Some(seconds(0))),
            "settings.retry.exponential.min_backoff",
            "more than max_backoff",
        ),
        settings(
            exponential(|b| b.multiplier = Some(0.99)),
            "settings.retry.exponential.multiplier",
            "1 to 100",
        ),
        settings(
            exponential(|b| b.multiplier = Some(-1.0)),
            "settings.retry.exponential.multiplier",
            "1 to 100",
        ),
        settings(
            exponential(|b| b.multiplier = Some(101.0)),
            "settings.retry.exponential.multiplier",
            "1 to 100",
        ),
        settings(
            exponential(|b| b.multiplier = Some(f64::NAN)),
            "settings.retry.exponential.multiplier",
            "1 to 100",
        ),
        settings(phased(|b| b.shape = 9), "settings.retry.phased.shape", "no known value"),
        settings(phased(|b| b.min_delay = Some(seconds(-1))), "settings.retry.phased.min_delay", "negative"),
        settings(
            phased(|b| b.min_delay = Some(seconds(21))),
            "settings.retry.phased.min_delay",
            "more than max_delay",
        ),
        settings(
            phased(|b| b.max_delay = Some(seconds(86_401))),
            "settings.retry.phased.max_delay",
            "the limit is 86400s",
        ),
        settings(
            phased(|b| b.max_delay_retries = u32::MAX),
            "settings.retry.phased.max_delay_retries",
            "the limit is 100015",
        ),
    ];
    all_are_refused(rows.into_iter().flatten().collect()).await;
}
