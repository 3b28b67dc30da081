//! A broker, a worker and endpoints in this process.

use std::{sync::Arc, time::Duration};

use broker::{Broker, NewMessage, PushRole, ReadContent, StartPosition};
use bytes::Bytes;
use fanfare_proto::v1;
use fanfare_testkit::endpoints::{Behaviour, Endpoint, Options};
use filter::Content;
use journal::MemoryJournal;
use prost::Message as _;
use push::{Config, Local, Transport, Worker};
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::{CancellationToken, DropGuard};
use types::{
    Clock, MessageMeta, SubscriptionSettings, SystemClock, TopicName, TopicSettings, push::PushSettings,
};

/// No subscription has a filter.
#[derive(Debug)]
struct Opaque;

impl ReadContent for Opaque {
    fn read(&self, _: &[u8], _: &mut dyn FnMut(&Content<'_>)) {}
}

/// All of it. Dropped, it ends.
pub(crate) struct Stage {
    pub(crate) broker: Broker,
    pub(crate) endpoints: Vec<Endpoint>,
    _worker: DropGuard,
}

fn topic() -> TopicName {
    "orders".parse().unwrap()
}

impl Stage {
    /// One subscription for each endpoint, which keeps so many requests and need not confirm.
    pub(crate) async fn new(endpoints: usize, keep: usize, settings: &SubscriptionSettings) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
        let journal = Arc::new(MemoryJournal::default());
        let config = broker::Config::default();
        let broker = Broker::open(journal, clock.clone(), Arc::new(Opaque), config).await.unwrap();
        broker.create_topic(topic(), TopicSettings::default()).await.unwrap();
        let options = Options { keep, ..Options::default() };
        let start = |_| Endpoint::start_with(Behaviour::ok(), options);
        let endpoints: Vec<Endpoint> = (0..endpoints).map(start).collect();
        for (index, endpoint) in endpoints.iter().enumerate() {
            let push = settings.push.as_deref().cloned().unwrap_or_default();
            let push = PushSettings { endpoint: endpoint.url("/hook"), ..push };
            let settings = SubscriptionSettings { push: Some(Arc::new(push)), ..settings.clone() };
            let name = format!("s{index}").parse().unwrap();
            broker.create_subscription(name, &topic(), settings, StartPosition::Latest).await.unwrap();
        }
        let worker = start_worker(&broker, clock);
        Self { broker, endpoints, _worker: worker }
    }

    /// Publishes so many messages, numbered from the first, in one batch each or in whole ones.
    pub(crate) async fn publish(&self, numbers: std::ops::Range<usize>) {
        let messages = numbers.map(message).collect();
        self.broker.publish(&topic(), messages).await.unwrap();
    }

    /// Publishes one message after the other at this rate; when each was.
    pub(crate) async fn publish_at(&self, numbers: std::ops::Range<usize>, per_second: f64) -> Vec<Instant> {
        let mut ticks = interval(Duration::from_secs_f64(1.0 / per_second));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let mut published = Vec::new();
        for number in numbers {
            // The time at which it was due, so that a stall of the publisher counts as latency.
            published.push(ticks.tick().await);
            self.publish(number..number + 1).await;
        }
        published
    }
}

fn message(number: usize) -> NewMessage {
    let message = v1::Message {
        data: Bytes::from(number.to_string()),
        correlation_id: "c".into(),
        ..v1::Message::default()
    };
    let meta = MessageMeta { correlation_id: "c".into(), ..MessageMeta::default() };
    NewMessage { meta, payload: message.encode_to_vec().into() }
}

fn start_worker(broker: &Broker, clock: Arc<dyn Clock>) -> DropGuard {
    let config = Config {
        allow_http: true,
        allow_networks: vec!["127.0.0.0/8".parse().unwrap()],
        trusted_hosts: vec!["127.0.0.1".into()],
        ..Config::default()
    };
    let transport = Transport::new(&config, clock.clone()).unwrap();
    let backend = Local::new(broker.clone(), PushRole::Deliverer);
    let worker = Worker::new(backend, transport, &config, clock);
    let shutdown = CancellationToken::new();
    tokio::spawn(worker.run(shutdown.clone(), Duration::ZERO));
    shutdown.drop_guard()
}
