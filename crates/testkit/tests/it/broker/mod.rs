//! A broker in the test's process.

use std::time::Duration;

use fanfare_proto::v1::{NewMessage, PublishRequest, publisher_service_client::PublisherServiceClient};
use fanfare_testkit::Broker;

mod time;

/// Publishes texts to a topic.
async fn publish(broker: &Broker, topic: &str, texts: &[&str]) -> Vec<String> {
    let mut publisher = PublisherServiceClient::connect(broker.url()).await.unwrap();
    let message = |text: &&str| NewMessage { data: (*text).to_owned().into(), ..NewMessage::default() };
    let request = PublishRequest {
        topic: topic.to_owned(),
        messages: texts.iter().map(message).collect(),
        ..PublishRequest::default()
    };
    let answer = publisher.publish(request).await.unwrap().into_inner();
    answer.results.into_iter().map(|result| result.message_id).collect()
}

/// A topic `orders` with a subscription `billing`.
async fn with_billing(broker: &Broker) {
    broker.client().topics().create("orders").await.unwrap();
    broker.client().subscriptions().create("billing", "orders").await.unwrap();
}

const SECOND: Duration = Duration::from_secs(1);
