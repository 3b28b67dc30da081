//! The generated client, for load and for what grpcurl cannot do.

use std::{io, net::SocketAddr};

use fanfare_proto::v1::{
    NewMessage, PublishRequest, PublishResult, PullRequest, ReceivedMessage, StreamingPullRequest,
    StreamingPullResponse, publisher_service_client::PublisherServiceClient,
    subscriber_service_client::SubscriberServiceClient,
};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use prost_types::Duration;
use serde_json::{Value, json};
use tokio::{net::TcpStream, sync::mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{
    Status, Streaming,
    transport::{Channel, Endpoint},
};
use tower::service_fn;

use super::Fanfare;

pub(crate) type Publisher = PublisherServiceClient<Channel>;
pub(crate) type Subscriber = SubscriberServiceClient<Channel>;

/// A connection of its own, which is not opened again when it breaks: by then another broker may have the port.
pub(crate) async fn connect(address: SocketAddr) -> Result<Channel, tonic::transport::Error> {
    let once = Mutex::new(Some(TcpStream::connect(address)));
    let connector = service_fn(move |_| {
        let connecting = once.lock().take();
        async {
            let stream = connecting.ok_or(io::Error::other("the connection broke"))?.await?;
            stream.set_nodelay(true)?;
            Ok::<_, io::Error>(TokioIo::new(stream))
        }
    });
    Endpoint::from_shared(format!("http://{address}")).unwrap().connect_with_connector(connector).await
}

pub(crate) async fn publisher(fanfare: &Fanfare) -> Publisher {
    Publisher::new(connect(fanfare.grpc()).await.unwrap())
}

pub(crate) async fn subscriber(fanfare: &Fanfare) -> Subscriber {
    Subscriber::new(connect(fanfare.grpc()).await.unwrap())
}

/// Creates the topic `orders`, by hand as a user would.
pub(crate) fn create_topic(fanfare: &Fanfare, settings: &Value) {
    fanfare.grpcurl().ok("TopicService/CreateTopic", &json!({"name": "orders", "settings": settings}));
}

/// Creates a subscription of the topic `orders`.
pub(crate) fn subscribe(fanfare: &Fanfare, name: &str, settings: &Value) {
    let request = json!({"name": name, "topic": "orders", "settings": settings});
    fanfare.grpcurl().ok("SubscriptionService/CreateSubscription", &request);
}

/// Creates the topic `orders` and the subscription `billing`.
pub(crate) fn topic_and_subscription(fanfare: &Fanfare, settings: &Value) {
    create_topic(fanfare, &json!({}));
    subscribe(fanfare, "billing", settings);
}

/// A message with this text, which is about this customer.
pub(crate) fn message(text: impl Into<String>, ordering_key: &str) -> NewMessage {
    NewMessage { data: text.into().into(), ordering_key: ordering_key.into(), ..NewMessage::default() }
}

pub(crate) async fn publish(
    publisher: &mut Publisher,
    messages: Vec<NewMessage>,
) -> Result<Vec<PublishResult>, Status> {
    let request = PublishRequest { topic: "orders".into(), messages };
    publisher.publish(request).await.map(|answer| answer.into_inner().results)
}

/// A pull of up to so many messages that waits so many seconds for the first one.
pub(crate) async fn pull(
    subscriber: &mut Subscriber,
    subscription: &str,
    max_messages: u32,
    wait_seconds: i64,
) -> Vec<ReceivedMessage> {
    let wait = Some(Duration { seconds: wait_seconds, nanos: 0 });
    let request = PullRequest { subscription: subscription.into(), max_messages, max_bytes: 0, wait };
    subscriber.pull(request).await.unwrap().into_inner().messages
}

/// The texts of messages.
pub(crate) fn texts(messages: &[ReceivedMessage]) -> Vec<String> {
    let text = |message: &ReceivedMessage| message.message.as_ref().unwrap().data.clone();
    messages.iter().map(|message| String::from_utf8(text(message).into()).unwrap()).collect()
}

/// A StreamingPull: what to send, and what comes.
pub(crate) async fn stream(
    subscriber: &mut Subscriber,
    first: StreamingPullRequest,
) -> Result<(mpsc::Sender<StreamingPullRequest>, Streaming<StreamingPullResponse>), Status> {
    let (requests, sent) = mpsc::channel(64);
    requests.send(first).await.expect("there is room for the first");
    let answers = subscriber.streaming_pull(ReceiverStream::new(sent)).await?.into_inner();
    Ok((requests, answers))
}
