//! A broker with topic `t` and subscription `s`, and what tests say to it.

use std::{collections::BTreeMap, time::Duration};

use fanfare_client::{
    Client,
    proto::{
        self, ExponentialBackoff, NewMessage, SubscriptionSettings,
        publisher_service_client::PublisherServiceClient, retry_policy::Policy,
    },
    subscriber::{Delivery, MessageStream},
};
use fanfare_testkit::broker::{Broker, Pace};

/// After so long a test fails instead of waiting on.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Setup {
    pub(crate) broker: Broker,
    pub(crate) client: Client,
}

/// Nacked messages come again at once, a hundred times.
pub(crate) fn eager() -> SubscriptionSettings {
    let at_once = ExponentialBackoff {
        min_backoff: Some(prost_types::Duration::default()),
        max_backoff: Some(prost_types::Duration::default()),
        ..ExponentialBackoff::default()
    };
    SubscriptionSettings {
        retry: Some(proto::RetryPolicy { policy: Some(Policy::Exponential(at_once)) }),
        max_attempts: Some(100),
        ..SubscriptionSettings::default()
    }
}

impl Setup {
    pub(crate) async fn new() -> Self {
        Self::with(eager()).await
    }

    pub(crate) async fn with(settings: SubscriptionSettings) -> Self {
        let broker = Broker::builder().pace(Pace::Real).start().await;
        let client = Client::connect(broker.url()).unwrap();
        client.topics().create("t").await.unwrap();
        client.subscriptions().create("s", "t").settings(settings).await.unwrap();
        Self { broker, client }
    }

    pub(crate) fn stream(&self) -> MessageStream {
        self.client.subscriber("s").messages()
    }

    /// Publishes texts, each under the ordering key before its colon.
    pub(crate) async fn publish<T: AsRef<str>>(&self, texts: impl IntoIterator<Item = T>) {
        let messages: Vec<_> = texts.into_iter().map(|text| message(text.as_ref())).collect();
        for messages in messages.chunks(1_000) {
            self.publish_messages(messages.to_vec()).await;
        }
    }

    pub(crate) async fn publish_messages(&self, messages: Vec<NewMessage>) {
        let mut publisher = PublisherServiceClient::connect(self.broker.url()).await.unwrap();
        let request = proto::PublishRequest { topic: "t".into(), messages };
        publisher.publish(request).await.unwrap();
    }

    pub(crate) async fn stats(&self) -> proto::GetSubscriptionStatsResponse {
        self.client.server().subscription_stats("s").await.unwrap()
    }

    /// Asks until it is so.
    pub(crate) async fn until(&self, what: impl Fn(&proto::GetSubscriptionStatsResponse) -> bool) {
        let asking = async { while !what(&self.stats().await) {} };
        soon(asking).await;
    }
}

pub(crate) fn message(text: &str) -> NewMessage {
    let key = text.split_once(':').map(|(key, _)| key).unwrap_or_default();
    NewMessage { data: text.to_owned().into(), ordering_key: key.into(), ..NewMessage::default() }
}

pub(crate) fn numbers(count: usize) -> Vec<String> {
    (0..count).map(|number| number.to_string()).collect()
}

/// Fails instead of waiting for ever.
pub(crate) async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.expect("it takes too long")
}

pub(crate) async fn next(stream: &mut MessageStream) -> Delivery {
    soon(stream.next()).await.expect("consuming goes on").unwrap()
}

pub(crate) async fn take(stream: &mut MessageStream, count: usize) -> Vec<Delivery> {
    let mut deliveries = Vec::new();
    while deliveries.len() < count {
        deliveries.push(next(stream).await);
    }
    deliveries
}

/// How often each text is there.
pub(crate) fn tally(deliveries: &[Delivery]) -> BTreeMap<String, usize> {
    let mut tally = BTreeMap::new();
    for delivery in deliveries {
        *tally.entry(delivery.text().unwrap().to_owned()).or_default() += 1;
    }
    tally
}
