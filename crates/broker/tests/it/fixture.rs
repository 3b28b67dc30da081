//! A broker in a test, and the sentences that tests are made of.

use std::{sync::Arc, time::Duration};

use broker::{Ask, Broker, Config, Consumer, Delivery, NewMessage, Published, StartPosition, Subscriber};
use bytes::Bytes;
use journal::{Journal, MemoryJournal};
use types::{
    AckId, ManualClock, MessageMeta, SubscriptionName, SubscriptionSettings, Timestamp, TopicName,
    TopicSettings,
    push::{Attempt, AttemptClass, AttemptReport, AttemptVerdict, EndpointStatus},
};

pub(crate) const MANY: Ask = Ask { max_messages: 1_000, max_bytes: u64::MAX };

pub(crate) struct Fixture {
    pub(crate) journal: Arc<MemoryJournal>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) config: Config,
    pub(crate) broker: Broker,
}

impl Fixture {
    pub(crate) async fn new() -> Self {
        Self::with(MemoryJournal::default(), Config::default()).await
    }

    pub(crate) async fn with(journal: MemoryJournal, config: Config) -> Self {
        let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1_000_000)));
        let journal = Arc::new(journal);
        let broker =
            Broker::open(journal.clone(), clock.clone(), Arc::new(broker::PlainBodies), config.clone())
                .await
                .unwrap();
        Self { journal, clock, config, broker }
    }

    /// With the topic `orders` and one subscription `a`.
    pub(crate) async fn with_subscription(settings: SubscriptionSettings) -> Self {
        let fixture = Self::new().await;
        fixture.topic(TopicSettings::default()).await;
        fixture.subscribe("a", settings).await;
        fixture
    }

    /// What `kill -9` and a start leave: everything durable, nothing else.
    pub(crate) async fn crash(&mut self) {
        self.journal = Arc::new(self.journal.restart());
        let journal: Arc<dyn Journal> = self.journal.clone();
        self.broker =
            Broker::open(journal, self.clock.clone(), Arc::new(broker::PlainBodies), self.config.clone())
                .await
                .unwrap();
    }

    pub(crate) async fn topic(&self, settings: TopicSettings) {
        self.broker.create_topic(topic(), settings).await.unwrap();
    }

    pub(crate) async fn subscribe(&self, name: &str, settings: SubscriptionSettings) {
        let start = StartPosition::default();
        self.broker.create_subscription(sub(name), &topic(), settings, start).await.unwrap();
    }

    pub(crate) async fn subscribe_to(&self, topic: &str, name: &str, settings: SubscriptionSettings) {
        let topic = topic.parse().unwrap();
        self.broker.create_subscription(sub(name), &topic, settings, StartPosition::default()).await.unwrap();
    }

    pub(crate) async fn publish(&self, texts: &[&str]) -> Vec<Published> {
        self.broker.publish(&topic(), texts.iter().map(|text| message(text)).collect()).await.unwrap()
    }

    pub(crate) fn subscriber(&self, name: &str) -> Subscriber {
        self.broker.subscriber(&sub(name)).unwrap()
    }

    pub(crate) fn consumer(&self, name: &str) -> Consumer {
        self.subscriber(name).consumer().unwrap()
    }

    /// Everything that can be leased at the moment.
    pub(crate) async fn take(&self, name: &str) -> Vec<Delivery> {
        let mut consumer = self.consumer(name);
        let mut taken = Vec::new();
        while let Some(deliveries) = ready(consumer.next(MANY)).await {
            taken.extend(deliveries.unwrap());
        }
        taken
    }

    /// Takes and acknowledges everything; what was delivered, as text.
    pub(crate) async fn drain(&self, name: &str) -> Vec<String> {
        let taken = self.take(name).await;
        self.ack(name, &taken).await;
        texts(&taken)
    }

    pub(crate) async fn ack(&self, name: &str, deliveries: &[Delivery]) {
        for outcome in
            self.subscriber(name).acknowledge(&ids(deliveries)).await.unwrap().durable().await.unwrap()
        {
            outcome.unwrap();
        }
    }

    pub(crate) async fn nack(&self, name: &str, deliveries: &[Delivery], delay: Option<Duration>) {
        let ids: Vec<_> = ids(deliveries).into_iter().map(|id| (id, delay)).collect();
        for outcome in self.subscriber(name).nack(&ids).await.unwrap().durable().await.unwrap() {
            outcome.unwrap();
        }
    }

    /// Reports and waits until that is durable.
    pub(crate) async fn report(&self, name: &str, reports: &[AttemptReport]) -> Vec<broker::Outcome> {
        self.subscriber(name).report(reports).await.unwrap().durable().await.unwrap()
    }

    /// One message and what comes of it.
    pub(crate) async fn report_one(
        &self,
        name: &str,
        delivery: &Delivery,
        verdict: AttemptVerdict,
        class: AttemptClass,
    ) -> broker::Outcome {
        self.report(name, &[report(delivery, verdict, class)]).await[0]
    }

    /// The only message that can be leased at the moment.
    pub(crate) async fn take_one(&self, name: &str) -> Delivery {
        let mut taken = self.take(name).await;
        assert_eq!(taken.len(), 1, "{taken:?}");
        taken.remove(0)
    }

    pub(crate) fn status(&self, name: &str) -> EndpointStatus {
        self.broker.subscription(&sub(name)).unwrap().endpoint.unwrap()
    }

    /// Moves the clock and lets everything happen that is due by then.
    pub(crate) async fn pass(&self, time: Duration) {
        self.clock.advance(time);
        self.broker.run_due().await.unwrap();
    }

    pub(crate) async fn backlog(&self, name: &str) -> u64 {
        self.broker.subscription_stats(&sub(name)).await.unwrap().backlog
    }
}

/// What a future has to say without waiting for anybody else; none if it would wait. Other tasks get many turns first, so that
/// whatever is on its way arrives.
pub(crate) async fn ready<T>(future: impl Future<Output = T>) -> Option<T> {
    tokio::pin!(future);
    for _ in 0..200 {
        let turn =
            std::future::poll_fn(|context| std::task::Poll::Ready(future.as_mut().poll(context))).await;
        if let std::task::Poll::Ready(value) = turn {
            return Some(value);
        }
        tokio::task::yield_now().await;
    }
    None
}

pub(crate) fn topic() -> TopicName {
    "orders".parse().unwrap()
}

pub(crate) fn sub(name: &str) -> SubscriptionName {
    name.parse().unwrap()
}

/// `text`, or `key=text` for a message with an ordering key.
pub(crate) fn message(text: &str) -> NewMessage {
    let key = text.split_once('=').map(|(key, _)| key.into());
    let meta = MessageMeta { ordering_key: key, correlation_id: "c-1".into(), ..MessageMeta::default() };
    NewMessage { meta, payload: Bytes::copy_from_slice(text.as_bytes()) }
}

pub(crate) fn ids(deliveries: &[Delivery]) -> Vec<AckId> {
    deliveries.iter().map(|delivery| delivery.ack_id).collect()
}

pub(crate) fn texts(deliveries: &[Delivery]) -> Vec<String> {
    deliveries.iter().map(|delivery| String::from_utf8(delivery.payload.to_vec()).unwrap()).collect()
}

pub(crate) fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Retries at once, so that a test need not move the clock.
pub(crate) fn no_backoff() -> SubscriptionSettings {
    let none = types::ExponentialBackoff {
        min_backoff: Duration::ZERO,
        max_backoff: Duration::ZERO,
        ..types::ExponentialBackoff::default()
    };
    SubscriptionSettings { retry: types::RetryPolicy::Exponential(none), ..SubscriptionSettings::default() }
}

/// With a push endpoint.
pub(crate) fn pushed(endpoint: &str) -> SubscriptionSettings {
    let push = types::push::PushSettings { endpoint: endpoint.to_owned(), ..Default::default() };
    SubscriptionSettings { push: Some(Arc::new(push)), ..no_backoff() }
}

/// One of the attempts that tests report.
pub(crate) fn attempt(number: u32, class: AttemptClass) -> Attempt {
    let started_at = Timestamp::from_millis(1_000_000 + u64::from(number));
    let status = (class != AttemptClass::Timeout).then_some(503);
    let latency = Duration::from_millis(7);
    Attempt { number, started_at, latency, status, class, response: b"no".to_vec(), error: String::new() }
}

pub(crate) fn report(delivery: &Delivery, verdict: AttemptVerdict, class: AttemptClass) -> AttemptReport {
    let attempt = Some(attempt(delivery.attempt, class));
    AttemptReport { ack_id: delivery.ack_id, verdict, attempt }
}
