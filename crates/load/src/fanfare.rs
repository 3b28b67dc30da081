//! Fanfare, through its client crate.

use std::{collections::VecDeque, future::IntoFuture as _};

use anyhow::Result;
use bytes::Bytes;
use fanfare_client::{
    Client, Message,
    publisher::{self, PublishError, PublishFuture, Published},
    subscriber::{AckHandle, MessageStream, Settled},
};
use futures_util::{FutureExt as _, StreamExt as _, TryStreamExt as _, future::Map, stream};

use crate::{Publisher, Sent, Subscriber, System, Waiting, take_ready, waiting};

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
    type Receipts = Waiting<Acknowledged>;
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

    async fn publisher(&self, topic: &str) -> Result<(Sender, Waiting<Acknowledged>)> {
        let publisher = self.client(topic).publisher(self.topic(topic));
        let publisher = publisher.max_outstanding_messages(OUTSTANDING).build();
        let (sent, waiting) = waiting();
        Ok((Sender { publisher, sent }, waiting))
    }

    async fn subscriber(&self, _topic: &str, subscription: &str) -> Result<Consumer> {
        let client = self.client(subscription);
        let messages = client.subscriber(self.subscription(subscription)).messages();
        Ok(Consumer { messages, handles: Vec::new(), settled: VecDeque::new() })
    }
}

/// What becomes of one message.
type Acknowledged = Map<PublishFuture, fn(Result<Published, PublishError>) -> Result<usize>>;

fn one(result: Result<Published, PublishError>) -> Result<usize> {
    result?;
    Ok(1)
}

/// A publisher, and where its futures go.
#[derive(Debug)]
pub struct Sender {
    publisher: publisher::Publisher,
    sent: Sent<Acknowledged>,
}

impl Publisher for Sender {
    async fn send(&mut self, body: Bytes) -> Result<()> {
        let future = self.publisher.enqueue(Message::new(body)).await?;
        self.sent.push(future.map(one as fn(_) -> _));
        Ok(())
    }

    async fn flush(&mut self) -> Result<()> {
        // A batch goes out by itself, at the latest after a millisecond.
        Ok(())
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
        take_ready(&mut self.messages, |delivery| {
            let (message, handle) = delivery?.into_parts();
            into.push(message.data().clone());
            self.handles.push(handle);
            Ok(())
        })
        .await
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
