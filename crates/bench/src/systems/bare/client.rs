use std::net::SocketAddr;

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use load::{Caller, Publisher, Receipts, Subscriber, System, UnarySystem};
use tokio::sync::{mpsc, oneshot};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{
    Status, Streaming,
    transport::{Channel, Endpoint},
};

use super::{
    super::turns::Turns,
    CONNECTION_WINDOW, FRAME, LARGEST_MESSAGE, STREAM_WINDOW,
    proto::{
        BareBatch, BareMessage, BareReceipt, BareSubscribeRequest, bare_service_client::BareServiceClient,
    },
};

/// Publishers, subscribers and callers share them in turn.
pub(super) const CONNECTIONS: usize = 4;
/// Messages in a batch, at most, and batches on their way.
const BATCH: usize = 100;
const BATCHES: usize = 64;

/// A bare server.
#[derive(Debug, Clone)]
pub(crate) struct Bare(Turns<Channel>);

/// The same, called once a message.
#[derive(Debug, Clone)]
pub(crate) struct Echo(pub(crate) Bare);

impl Bare {
    pub(super) fn connect(server: SocketAddr) -> Result<Self> {
        let endpoint = Endpoint::from_shared(format!("http://{server}"))?
            .max_frame_size(FRAME)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .tcp_nodelay(true);
        let connections = (0..CONNECTIONS).map(|_| endpoint.connect_lazy()).collect();
        Ok(Self(Turns::new(connections)))
    }

    fn client(channel: &Channel) -> BareServiceClient<Channel> {
        BareServiceClient::new(channel.clone())
            .max_decoding_message_size(LARGEST_MESSAGE)
            .max_encoding_message_size(LARGEST_MESSAGE)
    }

    fn another(&self) -> BareServiceClient<Channel> {
        Self::client(self.0.next())
    }
}

impl System for Bare {
    type Publisher = Sender;
    type Receipts = Passed;
    type Subscriber = Listener;

    async fn create(&self, _topic: &str, _subscriptions: &[String]) -> Result<()> {
        // A topic is there as soon as it is named.
        Ok(())
    }

    async fn publisher(&self, topic: &str) -> Result<(Sender, Passed)> {
        let (batches, requests) = mpsc::channel(BATCHES);
        let (mut client, (answer, receipts)) = (self.another(), oneshot::channel());
        tokio::spawn(async move {
            let receipts = client.publish(ReceiverStream::new(requests)).await;
            // Whoever drops the receipts does not want to know.
            _ = answer.send(receipts.map(tonic::Response::into_inner));
        });
        let sender = Sender { batches, topic: topic.to_owned(), waiting: Vec::with_capacity(BATCH) };
        Ok((sender, Passed::Soon(receipts)))
    }

    async fn subscriber(&self, topic: &str, _subscription: &str) -> Result<Listener> {
        let request = BareSubscribeRequest { topic: topic.to_owned() };
        Ok(Listener(self.another().subscribe(request).await?.into_inner()))
    }
}

/// Publishes in batches.
#[derive(Debug)]
pub(crate) struct Sender {
    batches: mpsc::Sender<BareBatch>,
    /// Named in the first batch only.
    topic: String,
    waiting: Vec<Bytes>,
}

impl Publisher for Sender {
    async fn send(&mut self, body: Bytes) -> Result<()> {
        self.waiting.push(body);
        if self.waiting.len() >= BATCH {
            self.flush().await?;
        }
        Ok(())
    }

    async fn flush(&mut self) -> Result<()> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let messages = std::mem::replace(&mut self.waiting, Vec::with_capacity(BATCH));
        let batch = BareBatch { topic: std::mem::take(&mut self.topic), messages };
        self.batches.send(batch).await.context("the stream has ended")
    }
}

/// What the server says about batches.
#[derive(Debug)]
pub(crate) enum Passed {
    /// It answers with the first batch.
    Soon(oneshot::Receiver<Result<Streaming<BareReceipt>, Status>>),
    /// It has answered.
    Now(Box<Streaming<BareReceipt>>),
}

impl Receipts for Passed {
    async fn next(&mut self) -> Result<usize> {
        loop {
            match self {
                Self::Soon(answer) => *self = Self::Now(Box::new(answer.await??)),
                Self::Now(receipts) => {
                    let receipt = receipts.message().await?.context("the stream has ended")?;
                    return Ok(usize::try_from(receipt.messages)?);
                }
            }
        }
    }
}

/// A subscriber.
#[derive(Debug)]
pub(crate) struct Listener(Streaming<BareBatch>);

impl Subscriber for Listener {
    async fn receive(&mut self, into: &mut Vec<Bytes>) -> Result<()> {
        let batch = self.0.message().await?.context("the stream has ended")?;
        into.extend(batch.messages);
        Ok(())
    }

    async fn settle(&mut self) -> Result<()> {
        // There is nothing to settle.
        Ok(())
    }

    async fn finish(self) -> Result<()> {
        Ok(())
    }
}

impl UnarySystem for Echo {
    type Caller = Calls;

    async fn create(&self, _topic: &str) -> Result<()> {
        Ok(())
    }

    async fn caller(&self, _topic: &str, number: usize) -> Result<Calls> {
        Ok(Calls(Bare::client(self.0.0.of(number))))
    }
}

/// Calls, and looks at what comes back.
#[derive(Debug)]
pub(crate) struct Calls(BareServiceClient<Channel>);

impl Caller for Calls {
    async fn call(&mut self, body: Bytes) -> Result<()> {
        let length = body.len();
        let answer = self.0.echo(BareMessage { body }).await?;
        ensure!(answer.get_ref().body.len() == length, "something else came back");
        Ok(())
    }
}
