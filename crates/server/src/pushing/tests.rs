use std::net::SocketAddr;

use axum::{Router, body::Bytes, routing::post};
use broker::{Ask, CreateSubscriptionError, NewMessage, StartPosition};
use journal::MemoryJournal;
use tokio::{net::TcpListener, sync::mpsc};
use types::{
    MessageMeta, SubscriptionName, SubscriptionSettings, TopicName, TopicSettings, push::PushSettings,
};

use super::*;
use crate::config::Config;

/// A webhook that takes everything, and shows it.
pub(crate) struct Hook {
    pub(crate) address: SocketAddr,
    bodies: mpsc::Receiver<Bytes>,
}

impl Hook {
    pub(crate) async fn start() -> Self {
        let (sender, bodies) = mpsc::channel(100);
        let take = move |body: Bytes| async move {
            let _ = sender.send(body).await;
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async { axum::serve(listener, Router::new().route("/hook", post(take))).await });
        Self { address, bodies }
    }

    pub(crate) async fn next(&mut self) -> Bytes {
        soon(self.bodies.recv()).await.unwrap()
    }

    pub(crate) fn settings(&self) -> SubscriptionSettings {
        pushed_to(&format!("http://{}/hook", self.address))
    }
}

/// Delivers on this machine without asking.
pub(crate) fn local() -> Config {
    let push = push::Config {
        allow_http: true,
        allow_networks: vec!["127.0.0.0/8".parse().unwrap()],
        trusted_hosts: vec!["127.0.0.1".to_owned()],
        ..push::Config::default()
    };
    Config { push, ..Config::default() }
}

pub(crate) async fn soon<T>(what: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(30), what).await.expect("it should have happened by now")
}

pub(crate) fn pushed_to(endpoint: &str) -> SubscriptionSettings {
    let push = PushSettings { endpoint: endpoint.to_owned(), ..PushSettings::default() };
    SubscriptionSettings { push: Some(Arc::new(push)), ..SubscriptionSettings::default() }
}

/// A broker in memory with topics `a` and `b`.
pub(crate) async fn broker_of(process: &Process) -> Broker {
    let (journal, clock) = (Arc::new(MemoryJournal::default()), Arc::clone(&process.clock));
    let config = process.config.broker.clone();
    let broker = Broker::open(journal, clock, Arc::new(grpc::StoredMessages), config).await.unwrap();
    for topic in ["a", "b"] {
        broker.create_topic(topic.parse().unwrap(), TopicSettings::default()).await.unwrap();
    }
    broker
}

pub(crate) async fn subscribe(
    broker: &Broker,
    name: &str,
    topic: &str,
    settings: SubscriptionSettings,
) -> Result<(), CreateSubscriptionError> {
    let (name, topic): (SubscriptionName, TopicName) = (name.parse().unwrap(), topic.parse().unwrap());
    broker.create_subscription(name, &topic, settings, StartPosition::Latest).await.map(drop)
}

/// Publishes to `a`.
pub(crate) async fn publish(broker: &Broker, message: &str) {
    let correlation_id = "order-4711";
    let mut payload = Vec::new();
    // `data` and `correlation_id` of `fanfare.v1.Message`: this crate does not know the wire.
    for (tag, text) in [(1 << 3 | 2, message), (5 << 3 | 2, correlation_id)] {
        payload.extend([tag, u8::try_from(text.len()).unwrap()]);
        payload.extend(text.as_bytes());
    }
    let meta = MessageMeta { correlation_id: correlation_id.into(), ..MessageMeta::default() };
    let message = NewMessage { meta, payload: payload.into() };
    broker.publish(&"a".parse().unwrap(), vec![message]).await.unwrap();
}

async fn started(config: Config) -> (Broker, Pushing) {
    let process = Process::new(config).unwrap();
    let broker = broker_of(&process).await;
    let pushing = Pushing::start(&process, &broker);
    (broker, pushing)
}

#[tokio::test]
async fn an_endpoint_is_looked_at_when_it_is_named_whoever_delivers_to_it() {
    for push_enabled in [true, false] {
        let (broker, _pushing) = started(Config { push_enabled, ..Config::default() }).await;
        for endpoint in ["https://127.0.0.1/", "http://example.com/", "ftp://example.com/"] {
            let refused = subscribe(&broker, "s", "a", pushed_to(endpoint)).await.unwrap_err();
            let CreateSubscriptionError::Invalid(invalid) = refused else { panic!("{refused}") };
            assert_eq!(invalid.field, "settings.push.endpoint", "{endpoint}");
        }
    }
}

#[tokio::test]
async fn a_webhook_gets_what_is_published() {
    let mut hook = Hook::start().await;
    let (broker, _pushing) = started(local()).await;
    subscribe(&broker, "s", "a", hook.settings()).await.unwrap();
    publish(&broker, "paid").await;
    assert_eq!(hook.next().await, "paid");
    let name = "s".parse().unwrap();
    while broker.subscription_stats(&name).await.unwrap().counts.acked == 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn without_push_nothing_is_delivered_and_topics_are_forwarded_all_the_same() {
    let mut hook = Hook::start().await;
    let (broker, _pushing) = started(Config { push_enabled: false, ..local() }).await;
    subscribe(&broker, "left", "a", hook.settings()).await.unwrap();
    subscribe(&broker, "forward", "a", pushed_to("topic:b")).await.unwrap();
    subscribe(&broker, "s", "b", SubscriptionSettings::default()).await.unwrap();
    publish(&broker, "paid").await;
    let mut consumer = broker.subscriber(&"s".parse().unwrap()).unwrap().consumer().unwrap();
    let ask = Ask { max_messages: 10, max_bytes: 1 << 20 };
    assert_eq!(soon(consumer.next(ask)).await.unwrap().len(), 1);
    assert!(hook.bodies.try_recv().is_err());
    let stats = broker.subscription_stats(&"left".parse().unwrap()).await.unwrap();
    assert!(!stats.push.unwrap().has_worker);
}

#[tokio::test]
async fn what_is_under_way_when_it_stops_is_waited_for_and_reported() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}/hook", listener.local_addr().unwrap());
    let (asked, mut is_asked) = mpsc::channel(1);
    let (answer, mut answers) = mpsc::channel::<()>(1);
    let slow = move || async move {
        let _ = asked.send(()).await;
        answers.recv().await;
    };
    let slow = Arc::new(parking_lot::Mutex::new(Some(slow)));
    // Only one request is expected.
    let once = move || {
        let slow = slow.lock().take().unwrap();
        slow()
    };
    tokio::spawn(async { axum::serve(listener, Router::new().route("/hook", post(once))).await });
    let (broker, mut pushing) = started(local()).await;
    subscribe(&broker, "s", "a", pushed_to(&endpoint)).await.unwrap();
    publish(&broker, "paid").await;
    soon(is_asked.recv()).await.unwrap();
    pushing.begin_to_stop().await;
    broker.start_drain();
    answer.send(()).await.unwrap();
    soon(pushing.stop(None)).await;
    let stats = broker.subscription_stats(&"s".parse().unwrap()).await.unwrap();
    assert_eq!((stats.counts.acked, stats.backlog), (1, 0));
}

#[tokio::test]
async fn an_endpoint_that_never_answers_does_not_hold_up_the_stop() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}/hook", listener.local_addr().unwrap());
    let config = Config { shutdown_timeout: Duration::from_millis(100), ..local() };
    let (broker, mut pushing) = started(config).await;
    subscribe(&broker, "s", "a", pushed_to(&endpoint)).await.unwrap();
    publish(&broker, "paid").await;
    let (_black_hole, _) = soon(listener.accept()).await.unwrap();
    pushing.begin_to_stop().await;
    broker.start_drain();
    soon(pushing.stop(None)).await;
    let stats = broker.subscription_stats(&"s".parse().unwrap()).await.unwrap();
    assert_eq!(stats.backlog, 1, "it comes again");
}
