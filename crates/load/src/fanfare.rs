//! Fanfare, through its client crate.

use std::{collections::VecDeque, future::IntoFuture as _};

use anyhow::{Context as _, Result};
use bytes::Bytes;
use fanfare_client::{
    Client, Message,
    publisher::{self, PublishFuture},
    subscriber::{AckHandle, ConsumeError, Delivery, MessageStream, Settled},
};
use futures_util::{FutureExt as _, StreamExt as _, TryStreamExt as _, stream};
use tokio::sync::mpsc;

use crate::{Publisher, Receipts, Subscriber, System};

/// Messages taken from a stream before they are settled.
const TOGETHER: usize = 512;
/// Publishes that the client crate may hold; the workloads keep to fewer.
const OUTSTANDING: usize = 10_000;

/// A broker.
#[derive(Debug, Clone)]
pub struct Fanfare {
    clients: Vec<Client>,
    /// What names are in; empty for the default one.
    project: String,
}

impl Fanfare {
    /// Reached by these clients in turn: each has a connection of its own.
    ///
    /// # Panics
    /// Without a client.
    pub fn new(clients: Vec<Client>) -> Self {
        assert!(!clients.is_empty(), "a broker is reached by some client");
        Self { clients, project: String::new() }
    }

    /// With its topics and subscriptions in this project.
    #[must_use]
    pub fn in_project(mut self, project: &str) -> Self {
        project.clone_into(&mut self.project);
        self
    }

    fn name(&self, kind: &str, name: &str) -> String {
        match self.project.as_str() {
            "" => name.to_owned(),
            project => format!("projects/{project}/{kind}/{name}"),
        }
    }

    fn topic(&self, name: &str) -> String {
        self.name("topics", name)
    }

    fn subscription(&self, name: &str) -> String {
        self.name("subscriptions", name)
    }

    fn client(&self, of: &str) -> &Client {
        // Names end in a number: neighbours get different connections.
        let number: usize = of.bytes().map(usize::from).sum();
        &self.clients[number % self.clients.len()]
    }
}

impl System for Fanfare {
    type Publisher = Sender;
    type Receipts = Acknowledgements;
    type Subscriber = Consumer;

    async fn create(&self, topic: &str, subscriptions: &[String]) -> Result<()> {
        let client = self.client(topic);
        let topic = self.topic(topic);
        client.topics().create(&topic).await?;
        let create = |name: &String| {
            client.subscriptions().create(self.subscription(name), topic.as_str()).into_future()
        };
        let created = stream::iter(subscriptions).map(create).buffer_unordered(64);
        created.try_for_each(|_| std::future::ready(Ok(()))).await?;
        Ok(())
    }

    async fn publisher(&self, topic: &str) -> Result<(Sender, Acknowledgements)> {
        let publisher = self.client(topic).publisher(self.topic(topic));
        let publisher = publisher.max_outstanding_messages(OUTSTANDING).build();
        let (futures, published) = mpsc::unbounded_channel();
        Ok((Sender { publisher, futures }, Acknowledgements { published }))
    }

    async fn subscriber(&self, _topic: &str, subscription: &str) -> Result<Consumer> {
        let client = self.client(subscription);
        let messages = client.subscriber(self.subscription(subscription)).messages();
        Ok(Consumer { messages, handles: Vec::new(), settled: VecDeque::new() })
    }
}

/// A publisher, and where its futures go.
#[derive(Debug)]
pub struct Sender {
    publisher: publisher::Publisher,
    futures: mpsc::UnboundedSender<PublishFuture>,
}

impl Publisher for Sender {
    async fn send(&mut self, body: Bytes) -> Result<()> {
        let future = self.publisher.enqueue(Message::new(body)).await?;
        // Whoever drops the receipts does not want to know.
        _ = self.futures.send(future);
        Ok(())
    }

    async fn flush(&mut self) -> Result<()> {
        // A batch goes out by itself, at the latest after a millisecond.
        Ok(())
    }
}

/// Futures of what was published, in their order.
#[derive(Debug)]
pub struct Acknowledgements {
    published: mpsc::UnboundedReceiver<PublishFuture>,
}

impl Receipts for Acknowledgements {
    async fn next(&mut self) -> Result<usize> {
        let first = self.published.recv().await.context("the publisher is gone")?;
        first.await?;
        Ok(1)
    }
}

/// A subscription's stream.
#[derive(Debug)]
pub struct Consumer {
    messages: MessageStream,
    handles: Vec<AckHandle>,
    settled: VecDeque<Settled>,
}

impl Consumer {
    fn take(
        &mut self,
        delivery: Option<Result<Delivery, ConsumeError>>,
        into: &mut Vec<Bytes>,
    ) -> Result<()> {
        let (message, handle) = delivery.context("the stream has ended")??.into_parts();
        into.push(message.data().clone());
        self.handles.push(handle);
        Ok(())
    }

    /// Looks at the confirmations that have come.
    fn confirmed(&mut self) -> Result<()> {
        while let Some(result) = self.settled.front_mut().and_then(|settled| settled.now_or_never()) {
            result?;
            self.settled.pop_front();
        }
        Ok(())
    }
}

impl Subscriber for Consumer {
    async fn receive(&mut self, into: &mut Vec<Bytes>) -> Result<()> {
        let first = self.messages.next().await;
        self.take(first, into)?;
        while self.handles.len() < TOGETHER
            && let Some(delivery) = self.messages.next().now_or_never()
        {
            self.take(delivery, into)?;
        }
        Ok(())
    }

    async fn settle(&mut self) -> Result<()> {
        self.settled.extend(self.handles.drain(..).map(AckHandle::ack));
        self.confirmed()
    }

    async fn finish(mut self) -> Result<()> {
        for settled in self.settled.drain(..) {
            settled.await?;
        }
        self.messages.shutdown().await;
        Ok(())
    }
}
