//! A broker in the test's process.

use std::time::Duration;

use fanfare_client::proto::{
    NewMessage, PublishRequest, PushConfig, SubscriptionSettings,
    publisher_service_client::PublisherServiceClient,
};
use fanfare_testkit::Broker;

mod life;
mod pushes;
mod time;

const SECOND: Duration = Duration::from_secs(1);

/// Publishes a message with this text; its ID.
async fn publish(broker: &Broker, text: &str) -> String {
    publish_message(broker, message(text)).await
}

fn message(text: &str) -> NewMessage {
    NewMessage { data: text.to_owned().into(), ..NewMessage::default() }
}

async fn publish_message(broker: &Broker, message: NewMessage) -> String {
    let mut publisher = PublisherServiceClient::connect(broker.url()).await.unwrap();
    let request =
        PublishRequest { topic: "orders".to_owned(), messages: vec![message], ..PublishRequest::default() };
    let mut answer = publisher.publish(request).await.unwrap().into_inner();
    answer.results.remove(0).message_id
}

/// A topic `orders` with a subscription `billing` of these settings.
async fn with_billing(broker: &Broker, settings: SubscriptionSettings) {
    broker.client().topics().create("orders").await.unwrap();
    broker.client().subscriptions().create("billing", "orders").settings(settings).await.unwrap();
}

/// Everything that can be pulled at once: ack IDs and attempts.
async fn pull(broker: &Broker) -> Vec<(String, u32)> {
    let pulled = broker.client().settler("billing").pull(100, Duration::ZERO).await.unwrap();
    pulled.into_iter().map(|(ack_id, message)| (ack_id, message.delivery_attempt())).collect()
}

async fn nack_all(broker: &Broker) -> usize {
    let ack_ids: Vec<_> = pull(broker).await.into_iter().map(|(ack_id, _)| ack_id).collect();
    let count = ack_ids.len();
    if count > 0 {
        broker.client().settler("billing").nack(ack_ids, None).await.unwrap();
    }
    count
}

/// Settings with a push endpoint.
fn pushed_to(url: String) -> SubscriptionSettings {
    let push = PushConfig { endpoint: url, ..PushConfig::default() };
    SubscriptionSettings { push: Some(push), ..SubscriptionSettings::default() }
}
