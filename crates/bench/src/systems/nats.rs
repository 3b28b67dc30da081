//! NATS JetStream, through async-nats: a stream of one replica on disk for each topic, a durable pull consumer with explicit acknowledgement for
//! each subscription.

use std::{fs, net::SocketAddr, path::Path, time::Duration};

use anyhow::{Result, anyhow};
use async_nats::{
    ConnectOptions,
    jetstream::{
        self, Context, ContextBuilder,
        consumer::{AckPolicy, pull},
        message::PublishMessage,
        stream::{self, StorageType},
    },
};
use bytes::Bytes;
use futures_util::{FutureExt as _, StreamExt as _, TryStreamExt as _, stream as futures};
use load::{Publisher, Sent, Subscriber, System, Waiting, take_ready, waiting};

use super::{Acknowledged, Kind, Tools, program, turns::Turns};
use crate::process::{Process, free_address};

/// Connections that subscribers share; another one publishes.
const CONNECTIONS: usize = 4;
/// Messages that a consumer has asked for.
const BATCH: usize = 2_000;
const MAX_ACK_PENDING: i64 = 20_000;
const PATIENCE: Duration = Duration::from_secs(60);

/// What is written into its configuration file.
pub(super) fn configuration(kind: Kind, store: &str) -> String {
    let sync = if kind == Kind::NatsFsync { "    sync_interval: always\n" } else { "" };
    format!("jetstream {{\n    store_dir: \"{store}\"\n    max_file_store: 64G\n{sync}}}\n")
}

pub(super) async fn start(kind: Kind, tools: &Tools, dir: &Path) -> Result<(Process, Nats)> {
    let (listen, file) = (free_address()?, dir.join("nats.conf"));
    fs::write(&file, configuration(kind, &dir.join("jetstream").display().to_string()))?;
    let mut command = program(tools.server(kind)?);
    command.arg("--config").arg(file).args(["--addr", "127.0.0.1", "--port", &listen.port().to_string()]);
    let process = Process::start(&mut command, listen, &dir.join("nats.log")).await?;
    Ok((process, Nats::connect(listen).await?))
}

/// A server.
#[derive(Debug, Clone)]
pub(crate) struct Nats {
    publishes: Context,
    others: Turns<Context>,
}

impl Nats {
    async fn connect(server: SocketAddr) -> Result<Self> {
        let connect = async || {
            let options = ConnectOptions::new().client_capacity(8_192).subscription_capacity(1 << 16);
            let client = options.read_buffer_capacity(u16::MAX).connect(server.to_string()).await?;
            let context = ContextBuilder::new().timeout(PATIENCE).ack_timeout(PATIENCE);
            anyhow::Ok(context.max_ack_inflight(20_000).backpressure_on_inflight(true).build(client))
        };
        let others = futures::iter(0..CONNECTIONS).then(|_| connect()).try_collect().await?;
        Ok(Self { publishes: connect().await?, others: Turns::new(others) })
    }
}

impl System for Nats {
    type Publisher = Sender;
    type Receipts = Waiting<Acknowledged>;
    type Subscriber = Consumer;

    async fn create(&self, topic: &str, subscriptions: &[String]) -> Result<()> {
        let config = stream::Config {
            name: topic.to_owned(),
            subjects: vec![topic.to_owned()],
            storage: StorageType::File,
            num_replicas: 1,
            ..stream::Config::default()
        };
        let stream = self.others.next().create_stream(config).await?;
        let create = |name: &String| {
            let config = pull::Config {
                durable_name: Some(name.clone()),
                ack_policy: AckPolicy::Explicit,
                ack_wait: PATIENCE,
                max_ack_pending: MAX_ACK_PENDING,
                ..pull::Config::default()
            };
            let stream = stream.clone();
            async move { stream.create_consumer(config).await.map_err(|error| anyhow!(error)) }
        };
        let created = futures::iter(subscriptions).map(create).buffer_unordered(16);
        created.try_for_each(|_| std::future::ready(Ok(()))).await
    }

    async fn publisher(&self, topic: &str) -> Result<(Sender, Waiting<Acknowledged>)> {
        let (sent, waiting) = waiting();
        let context = self.publishes.clone();
        Ok((Sender { context, subject: topic.into(), sent }, waiting))
    }

    async fn subscriber(&self, topic: &str, subscription: &str) -> Result<Consumer> {
        let context = self.others.next().clone();
        let consumer: jetstream::consumer::PullConsumer =
            context.get_consumer_from_stream(subscription, topic).await?;
        let messages = consumer.stream().max_messages_per_batch(BATCH).expires(PATIENCE).messages().await?;
        Ok(Consumer { context, messages, held: Vec::new() })
    }
}

/// A publisher.
pub(crate) struct Sender {
    context: Context,
    subject: async_nats::Subject,
    sent: Sent<Acknowledged>,
}

impl Publisher for Sender {
    async fn send(&mut self, body: Bytes) -> Result<()> {
        let message = PublishMessage::build().payload(body);
        let acknowledged = self.context.send_publish(self.subject.clone(), message).await?.into_future();
        self.sent.push(Box::pin(acknowledged.map(|result| Ok(result.map(|_| 1)?))));
        Ok(())
    }

    async fn flush(&mut self) -> Result<()> {
        // The connection writes as soon as there is something to write.
        Ok(())
    }
}

/// A pull consumer's stream.
pub(crate) struct Consumer {
    context: Context,
    messages: pull::Stream,
    held: Vec<jetstream::Message>,
}

impl Subscriber for Consumer {
    async fn receive(&mut self, into: &mut Vec<Bytes>) -> Result<()> {
        take_ready(&mut self.messages, |message| {
            let message = message?;
            into.push(message.payload.clone());
            self.held.push(message);
            Ok(())
        })
        .await
    }

    async fn settle(&mut self) -> Result<()> {
        for message in self.held.drain(..) {
            message.ack().await.map_err(|error| anyhow!(error))?;
        }
        Ok(())
    }

    async fn finish(self) -> Result<()> {
        // Everything that was sent before has been read by the server when it answers.
        Ok(self.context.client().flush().await?)
    }
}
