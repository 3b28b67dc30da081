use std::sync::Arc;

use broker::{Ask, Config, PlainBodies, StartPosition, Unavailable};
use fanfare_proto::v1::{self, AttributeValue, attribute_value::Value};
use journal::MemoryJournal;
use prost::Message as _;
use types::{
    ManualClock, MessageId, MessageMeta, SubscriptionSettings, Timestamp, TopicSettings,
    push::{EndpointStatus, PushSettings},
};

use super::*;

const NOW: Timestamp = Timestamp::from_millis(1_000_000);

/// With the topics `first` and `second`, and a subscription to each.
async fn broker() -> Broker {
    let clock = Arc::new(ManualClock::at(NOW));
    let journal = Arc::new(MemoryJournal::default());
    let broker = Broker::open(journal, clock, Arc::new(PlainBodies), Config::default()).await.unwrap();
    for topic in ["first", "second"] {
        let name: TopicName = topic.parse().unwrap();
        broker.create_topic(name.clone(), TopicSettings::default()).await.unwrap();
        let settings = SubscriptionSettings::default();
        let start = StartPosition::default();
        broker
            .create_subscription(format!("of-{topic}").parse().unwrap(), &name, settings, start)
            .await
            .unwrap();
    }
    broker
}

async fn publish(broker: &Broker, message: &v1::Message) {
    let meta = MessageMeta { correlation_id: "c-1".into(), ..MessageMeta::default() };
    let message = NewMessage { meta, payload: message.encode_to_vec().into() };
    broker.publish(&"first".parse().unwrap(), vec![message]).await.unwrap();
}

/// Waits for the next message of a topic.
async fn next(broker: &Broker, topic: &str) -> Delivery {
    let subscriber = broker.subscriber(&format!("of-{topic}").parse().unwrap()).unwrap();
    let ask = Ask { max_messages: 1, max_bytes: u64::MAX };
    subscriber.consumer().unwrap().next(ask).await.unwrap().remove(0)
}

async fn backlog(broker: &Broker, topic: &str) -> u64 {
    broker.subscription_stats(&format!("of-{topic}").parse().unwrap()).await.unwrap().backlog
}

fn to(topic: &str) -> AssignedEndpoint {
    let push = PushSettings { endpoint: format!("topic:{topic}"), ..PushSettings::default() };
    AssignedEndpoint {
        subscription: "of-first".parse().unwrap(),
        topic: "first".parse().unwrap(),
        uid: SubscriptionUid(9),
        push: Arc::new(push),
        status: EndpointStatus::Active,
    }
}

async fn forward<T: Topics>(topics: T, target: &str, delivery: Delivery) -> Answer {
    let answers = Forwarder::new(topics, &to(target)).unwrap().deliver(&[delivery]).await;
    let [answer] = answers.try_into().unwrap();
    answer
}

fn decoded(delivery: &Delivery) -> v1::Message {
    v1::Message::decode(delivery.payload.clone()).unwrap()
}

fn full() -> v1::Message {
    let number = AttributeValue { value: Some(Value::Number(2.5)) };
    v1::Message {
        data: "hello".into(),
        attributes: [("kind".into(), "order".into())].into(),
        typed_attributes: [("price".into(), number)].into(),
        ordering_key: "k".into(),
        deduplication_id: "the publisher's".into(),
        correlation_id: "c-1".into(),
        content_type: "text/plain".into(),
        group_id: "g".into(),
        traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into(),
        tracestate: "congo=t61rcWkgMzE".into(),
        deliver_at: Some(prost_types::Timestamp { seconds: 5, nanos: 0 }),
        expire_at: Some(prost_types::Timestamp { seconds: 2_000, nanos: 0 }),
        forwarded_from: Vec::new(),
    }
}

#[tokio::test]
async fn a_message_arrives_in_the_other_topic_as_it_was_and_knows_where_it_came_from() {
    let broker = broker().await;
    publish(&broker, &full()).await;
    let first = next(&broker, "first").await;
    let answer = forward(broker.clone(), "second", first.clone()).await;
    assert_eq!((answer.response, &*answer.error), (Response::Forwarded, ""));
    let second = next(&broker, "second").await;
    let expected = v1::Message {
        deliver_at: None,
        deduplication_id: String::new(),
        forwarded_from: vec![first.message_id.to_string()],
        ..full()
    };
    assert_eq!(decoded(&second), expected);
    assert_ne!(second.message_id.log, first.message_id.log);
}

#[test]
fn what_the_broker_reads_of_a_message_is_what_is_in_it() {
    let was = MessageId { log: LogId(u64::MAX), sequence: u64::MAX };
    let made = message::publishable(full(), SubscriptionUid(u64::MAX), was);
    let stored = v1::Message::decode(made.payload).unwrap();
    assert_eq!(
        made.meta,
        MessageMeta {
            ordering_key: Some("k".into()),
            deduplication_id: Some(format!("\u{1}{:016x}-{was}", u64::MAX).into()),
            correlation_id: "c-1".into(),
            deliver_at: Timestamp::EPOCH,
            expire_at: Some(Timestamp::from_millis(2_000_000)),
        }
    );
    assert!(made.meta.deduplication_id.unwrap().len() <= limits::DEDUPLICATION_ID_BYTES);
    assert_eq!(stored.deduplication_id, "");
    let bare = v1::Message { correlation_id: "c".into(), ..v1::Message::default() };
    let bare = message::publishable(bare, SubscriptionUid(1), was).meta;
    assert_eq!((bare.ordering_key, bare.expire_at), (None, None));
}

#[tokio::test]
async fn a_second_attempt_stores_nothing_twice_and_another_subscription_does() {
    let broker = broker().await;
    publish(&broker, &full()).await;
    let first = next(&broker, "first").await;
    for _ in 0..2 {
        assert_eq!(forward(broker.clone(), "second", first.clone()).await.response, Response::Forwarded);
    }
    assert_eq!(backlog(&broker, "second").await, 1);
    let other = AssignedEndpoint { uid: SubscriptionUid(10), ..to("second") };
    Forwarder::new(broker.clone(), &other).unwrap().deliver(&[first]).await;
    assert_eq!(backlog(&broker, "second").await, 2);
}

#[tokio::test]
async fn a_message_does_not_go_round_in_a_circle() {
    let broker = broker().await;
    publish(&broker, &full()).await;
    let first = next(&broker, "first").await;
    let own = forward(broker.clone(), "first", first.clone()).await;
    assert_eq!(own.response, Response::Failed(Failure::Loop));
    assert!(own.error.contains("projects/default/topics/first"), "{}", own.error);
    forward(broker.clone(), "second", first).await;
    let back = forward(broker.clone(), "first", next(&broker, "second").await).await;
    assert_eq!(back.response, Response::Failed(Failure::Loop));
    assert_eq!((backlog(&broker, "first").await, backlog(&broker, "second").await), (1, 1));
}

#[tokio::test]
async fn a_message_goes_no_further_than_the_limit() {
    let broker = broker().await;
    let hop = |n: usize| MessageId { log: LogId(1_000 + n as u64), sequence: 1 }.to_string();
    for (hops, expected) in [
        (limits::FORWARD_HOPS - 1, Response::Forwarded),
        (limits::FORWARD_HOPS, Response::Failed(Failure::Loop)),
    ] {
        publish(&broker, &v1::Message { forwarded_from: (0..hops).map(hop).collect(), ..full() }).await;
        let answer = forward(broker.clone(), "second", next(&broker, "first").await).await;
        assert_eq!(answer.response, expected, "{hops} hops: {}", answer.error);
    }
    assert_eq!(decoded(&next(&broker, "second").await).forwarded_from.len(), limits::FORWARD_HOPS);
}

#[tokio::test]
async fn a_topic_that_is_not_there_is_told_as_such() {
    let broker = broker().await;
    publish(&broker, &full()).await;
    let answer = forward(broker.clone(), "none", next(&broker, "first").await).await;
    assert_eq!(answer.response, Response::Failed(Failure::NoTopic));
    let confirm = |topic| Forwarder::new(broker.clone(), &to(topic)).unwrap();
    assert_eq!(confirm("second").confirm("t").await, Consent::Given);
    assert!(matches!(confirm("none").confirm("t").await, Consent::Failed(_)));
}

#[tokio::test]
async fn bytes_that_are_no_message_are_unsendable() {
    let broker = broker().await;
    let meta = MessageMeta { correlation_id: "c-1".into(), ..MessageMeta::default() };
    let message = NewMessage { meta, payload: Bytes::from_static(b"\xff\xff") };
    broker.publish(&"first".parse().unwrap(), vec![message]).await.unwrap();
    let answer = forward(broker.clone(), "second", next(&broker, "first").await).await;
    assert_eq!(answer.response, Response::Failed(Failure::Unsendable));
}

#[tokio::test]
async fn a_message_that_has_become_too_large_on_its_way_is_unsendable() {
    let broker = broker().await;
    let mut large = full();
    large.data = vec![7; broker.config().max_message_bytes - large.encoded_len()].into();
    publish(&broker, &large).await;
    let answer = forward(broker.clone(), "second", next(&broker, "first").await).await;
    assert_eq!(answer.response, Response::Failed(Failure::Unsendable), "{}", answer.error);
    assert!(answer.error.contains("limit"), "{}", answer.error);
}

/// Refuses every message.
struct Refusing(PublishError);

impl Topics for Refusing {
    fn log(&self, _topic: &TopicName) -> Result<LogId, TopicNotFound> {
        Ok(LogId(99))
    }

    async fn publish(&self, _topic: &TopicName, _message: NewMessage) -> Result<(), PublishError> {
        Err(self.0.clone())
    }
}

#[tokio::test]
async fn what_time_may_heal_is_tried_again_and_what_it_cannot_is_not() {
    let topic: TopicName = "second".parse().unwrap();
    let broker = broker().await;
    publish(&broker, &full()).await;
    let delivery = next(&broker, "first").await;
    for (error, expected) in [
        (PublishError::Unavailable(Unavailable::Draining), Response::Again),
        (PublishError::Unavailable(Unavailable::OutOfSpace), Response::Again),
        (PublishError::TopicFull { topic: topic.clone(), bytes: 2, limit: 1 }, Response::Again),
        (PublishError::TooManyDeduplicationIds { limit: 1 }, Response::Again),
        (PublishError::Invalid(Invalid::new("f", "x".repeat(5_000))), Response::Failed(Failure::Unsendable)),
        (PublishError::NotFound(TopicNotFound(topic)), Response::Failed(Failure::NoTopic)),
    ] {
        let answer = forward(Refusing(error.clone()), "second", delivery.clone()).await;
        assert_eq!((answer.response, answer.retry_after), (expected, None), "{error:?}");
        assert!((1..=limits::ATTEMPT_ERROR_BYTES).contains(&answer.error.len()));
    }
}

#[test]
fn an_endpoint_that_is_no_topic_makes_no_forwarder() {
    let push = Arc::new(PushSettings { endpoint: "https://example.com".into(), ..PushSettings::default() });
    let refused =
        Forwarder::new(Refusing(Unavailable::Draining.into()), &AssignedEndpoint { push, ..to("x") });
    assert_eq!(refused.err().unwrap().field, "endpoint");
}
