use std::{net::SocketAddr, sync::Arc, time::Duration};

use broker::Broker;
use bytes::Bytes;
use fanfare_proto::v1::{
    self, admin_service_client::AdminServiceClient, publisher_service_client::PublisherServiceClient,
    subscriber_service_client::SubscriberServiceClient,
    subscription_service_client::SubscriptionServiceClient, topic_service_client::TopicServiceClient,
};
use grpc::{Config, Drained, ServerInfo};
use journal::MemoryJournal;
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};
use tonic::{
    Status,
    transport::{Channel, Endpoint},
};
use types::{Clock, SystemClock, Timestamp};

/// A server and a connection to it.
pub(crate) struct Server {
    pub(crate) broker: Broker,
    pub(crate) journal: Arc<MemoryJournal>,
    pub(crate) channel: Channel,
    pub(crate) address: SocketAddr,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<Drained>,
}

impl Server {
    pub(crate) async fn start() -> Self {
        Self::with(Config::default(), Arc::new(SystemClock::start())).await
    }

    pub(crate) async fn with(config: Config, clock: Arc<dyn Clock>) -> Self {
        let journal = Arc::new(MemoryJournal::new(journal::memory::Config::default()));
        let broker =
            Broker::open(journal.clone(), clock, Arc::new(grpc::StoredMessages), broker::Config::default())
                .await
                .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let stopped = async { _ = stopped.await };
        let serving = grpc::serve(listener, broker.clone(), info(), config, stopped);
        let serving = tokio::spawn(async { serving.await.unwrap() });
        let channel = Endpoint::from_shared(format!("http://{address}")).unwrap().connect().await.unwrap();
        Self { broker, journal, channel, address, stop, serving }
    }

    pub(crate) fn topics(&self) -> TopicServiceClient<Channel> {
        TopicServiceClient::new(self.channel.clone())
    }

    pub(crate) fn publisher(&self) -> PublisherServiceClient<Channel> {
        PublisherServiceClient::new(self.channel.clone()).max_encoding_message_size(64 << 20)
    }

    pub(crate) fn subscriptions(&self) -> SubscriptionServiceClient<Channel> {
        SubscriptionServiceClient::new(self.channel.clone())
    }

    pub(crate) fn subscriber(&self) -> SubscriberServiceClient<Channel> {
        SubscriberServiceClient::new(self.channel.clone()).max_decoding_message_size(16 << 20)
    }

    pub(crate) fn admin(&self) -> AdminServiceClient<Channel> {
        AdminServiceClient::new(self.channel.clone())
    }

    /// Topic `t` with subscription `s`.
    pub(crate) async fn with_topic() -> Self {
        let server = Self::start().await;
        server.set_up().await;
        server
    }

    pub(crate) async fn set_up(&self) {
        self.topics()
            .create_topic(v1::CreateTopicRequest { name: "t".into(), settings: None })
            .await
            .unwrap();
        self.create_subscription("s", v1::SubscriptionSettings::default()).await;
    }

    pub(crate) async fn create_subscription(&self, name: &str, settings: v1::SubscriptionSettings) {
        let request = v1::CreateSubscriptionRequest {
            name: name.into(),
            topic: "t".into(),
            settings: Some(settings),
            start: None,
        };
        self.subscriptions().create_subscription(request).await.unwrap();
    }

    /// Publishes to topic `t`.
    pub(crate) async fn publish(&self, data: &[&str]) -> Vec<v1::PublishResult> {
        let messages = data.iter().map(|data| message(data)).collect();
        let request = v1::PublishRequest { topic: "t".into(), messages };
        self.publisher().publish(request).await.unwrap().into_inner().results
    }

    /// Pulls from subscription `s`, waiting for a first message.
    pub(crate) async fn pull(&self, max_messages: u32) -> Vec<v1::ReceivedMessage> {
        let wait = Some(seconds(20));
        let request = v1::PullRequest { subscription: "s".into(), max_messages, wait, ..Default::default() };
        self.subscriber().pull(request).await.unwrap().into_inner().messages
    }

    pub(crate) async fn acknowledge(&self, ack_ids: Vec<String>) -> Vec<v1::LeaseOutcome> {
        let request = v1::AcknowledgeRequest { subscription: "s".into(), ack_ids };
        let results = self.subscriber().acknowledge(request).await.unwrap().into_inner().results;
        results.iter().map(v1::SettleResult::outcome).collect()
    }

    pub(crate) async fn seek_to_start(&self) {
        let place = v1::log_place::Place::Edge(v1::LogEdge::Earliest.into());
        let target = Some(v1::LogPlace { place: Some(place) });
        let request = v1::SeekSubscriptionRequest { name: "s".into(), target };
        self.subscriptions().seek_subscription(request).await.unwrap();
    }

    pub(crate) async fn stats(&self) -> v1::GetSubscriptionStatsResponse {
        let request = v1::GetSubscriptionStatsRequest { name: "s".into() };
        self.admin().get_subscription_stats(request).await.unwrap().into_inner()
    }

    /// Waits until that holds.
    pub(crate) async fn until(&self, holds: impl Fn(&v1::GetSubscriptionStatsResponse) -> bool) {
        soon(async { while !holds(&self.stats().await) {} }).await;
    }

    /// Lets the server do other things: a round trip on a connection and a task of its own.
    pub(crate) async fn answer_one_call(&self) {
        self.admin().get_server_info(v1::GetServerInfoRequest {}).await.unwrap();
    }

    /// As the composition root does at SIGTERM.
    pub(crate) async fn shut_down(self) -> Drained {
        self.broker.start_drain();
        self.stop.send(()).unwrap();
        self.serving.await.unwrap()
    }
}

fn info() -> ServerInfo {
    ServerInfo {
        version: "0.0.0-test".into(),
        engine: "memory".into(),
        durability: "none".into(),
        started_at: Timestamp::from_millis(1_500),
    }
}

pub(crate) fn message(data: &str) -> v1::NewMessage {
    v1::NewMessage { data: Bytes::copy_from_slice(data.as_bytes()), ..Default::default() }
}

pub(crate) fn seconds(seconds: i64) -> prost_types::Duration {
    prost_types::Duration { seconds, nanos: 0 }
}

pub(crate) fn mask(paths: &[&str]) -> Option<prost_types::FieldMask> {
    Some(prost_types::FieldMask { paths: paths.iter().map(ToString::to_string).collect() })
}

pub(crate) fn data(message: &v1::ReceivedMessage) -> String {
    String::from_utf8(message.message.clone().unwrap().data.to_vec()).unwrap()
}

pub(crate) fn ack_ids(messages: &[v1::ReceivedMessage]) -> Vec<String> {
    messages.iter().map(|message| message.ack_id.clone()).collect()
}

/// The reason in a status, for programs.
pub(crate) fn reason(status: &Status) -> String {
    use tonic_types::StatusExt as _;
    status.get_error_details().error_info().map(|info| info.reason.clone()).unwrap_or_default()
}

/// What must happen soon does, or the test fails instead of hanging.
pub(crate) async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(30), what).await.expect("it should have happened by now")
}
