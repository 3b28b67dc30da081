use broker::{NewMessage, PublishError};
use types::{RetentionPolicy, SubscriptionSettings, TopicSettings, limits};

use crate::fixture::{Fixture, message, topic};

async fn refused(fixture: &Fixture, messages: Vec<NewMessage>) -> (String, String) {
    match fixture.broker.publish(&topic(), messages).await {
        Err(PublishError::Invalid(invalid)) => (invalid.field, invalid.reason),
        other => panic!("not refused: {other:?}"),
    }
}

#[tokio::test]
async fn each_limit_of_a_publish_is_named_with_the_field() {
    let fixture = Fixture::with_subscription(SubscriptionSettings::default()).await;
    let long = |limit: usize| -> Box<str> { "x".repeat(limit + 1).into() };
    let mut cases = vec![
        (vec![], "messages", "1000"),
        (vec![message("x"); limits::PUBLISH_MESSAGES + 1], "messages", "1000"),
        (vec![message("x"), message(&long(limits::MESSAGE_BYTES))], "messages[1]", "1048576"),
    ];
    for field in ["ordering_key", "deduplication_id", "correlation_id"] {
        let mut bad = message("x");
        let limit = match field {
            "ordering_key" => {
                bad.meta.ordering_key = Some(long(limits::ORDERING_KEY_BYTES));
                "1024"
            }
            "deduplication_id" => {
                bad.meta.deduplication_id = Some(long(limits::DEDUPLICATION_ID_BYTES));
                "128"
            }
            _ => {
                bad.meta.correlation_id = long(limits::CORRELATION_ID_BYTES);
                "128"
            }
        };
        cases.push((vec![bad], field, limit));
    }
    for (messages, field, limit) in cases {
        let (found, reason) = refused(&fixture, messages).await;
        assert!(found.ends_with(field) && reason.contains(limit), "{found}: {reason}");
    }
    assert!(fixture.take("a").await.is_empty(), "something of a refused publish was stored");
}

#[tokio::test]
async fn a_full_topic_refuses_publishes_until_its_messages_are_settled() {
    let fixture = Fixture::new().await;
    let retention = RetentionPolicy { max_bytes: Some(1 << 20), ..RetentionPolicy::default() };
    fixture.topic(TopicSettings { retention, ..TopicSettings::default() }).await;
    fixture.subscribe("a", SubscriptionSettings::default()).await;
    let large = "x".repeat(300_000);
    let refusal = loop {
        if let Err(error) = fixture.broker.publish(&topic(), vec![message(&large)]).await {
            break error;
        }
    };
    assert!(matches!(refusal, PublishError::TopicFull { limit: 1_048_576, .. }), "{refusal}");
    fixture.drain("a").await;
    // One round seals and writes a checkpoint, the next drops what the older checkpoint no longer needs.
    for _ in 0..4 {
        fixture.broker.run_upkeep().await;
    }
    fixture.broker.publish(&topic(), vec![message(&large)]).await.unwrap();
}
