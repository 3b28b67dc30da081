//! The client crate against the real binary, while the broker, the network or the consumer fails.

mod cuts;
mod fan_in;
mod killed;
mod ways;

use std::{net::SocketAddr, time::Duration};

use fanfare_client::{Client, ClientBuilder, RetryPolicy, proto::SubscriptionSettings};
use fanfare_testkit::Proxy;

use crate::support::Fanfare;

const SECOND: Duration = Duration::from_secs(1);

/// A client that is quick to try again.
fn quick(url: String) -> ClientBuilder {
    let mut retry = RetryPolicy::default();
    (retry.initial, retry.longest) = (Duration::from_millis(5), Duration::from_millis(100));
    Client::builder().endpoint(url).retry(retry)
}

fn client(address: SocketAddr) -> Client {
    quick(format!("http://{address}")).build().unwrap()
}

fn through(proxy: &Proxy) -> Client {
    quick(proxy.url()).build().unwrap()
}

/// The topic `orders` and its subscription `billing`.
async fn orders_and_billing(fanfare: &Fanfare, settings: SubscriptionSettings) {
    let client = client(fanfare.grpc());
    client.topics().create("orders").await.unwrap();
    client.subscriptions().create("billing", "orders").settings(settings).await.unwrap();
}

fn ordered() -> SubscriptionSettings {
    SubscriptionSettings { ordered: true, ..SubscriptionSettings::default() }
}

/// (published, backlog, acked, failed attempts) of the topic `orders` and its subscription `billing`.
async fn figures(fanfare: &Fanfare) -> (u64, u64, u64, u64) {
    let server = client(fanfare.grpc()).server();
    let topic = server.topic_stats("orders").await.unwrap();
    let billing = server.subscription_stats("billing").await.unwrap();
    (topic.published, billing.backlog, billing.acked, billing.failed_attempts)
}
