//! RabbitMQ, through lapin: a fan-out exchange for each topic, a quorum queue for each subscription, publisher confirms, acknowledgements that
//! cover all up to one.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    sync::Arc,
};

use anyhow::{Result, ensure};
use bytes::Bytes;
use futures_util::{FutureExt as _, StreamExt as _, TryStreamExt as _, stream};
use lapin::{
    Acker, BasicProperties, Channel, Connection, ConnectionProperties, ExchangeKind,
    options::{
        BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, BasicQosOptions, ConfirmSelectOptions,
        ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions,
    },
    types::{AMQPValue, FieldTable},
};
use load::{Publisher, Sent, Subscriber, System, Waiting, take_ready, waiting};

use super::{Acknowledged, Kind, Tools, program, turns::Turns};
use crate::process::{Process, free_address};

/// Connections that subscribers share; another one publishes.
const CONNECTIONS: usize = 4;
/// Messages that a consumer holds unacknowledged.
const PREFETCH: u16 = 2_000;

/// What is written into its configuration file, but for the port.
pub(super) const CONFIGURATION: &str =
    "disk_free_limit.absolute = 64MB\nlog.console.level = warning\nlog.file = false\n";

/// The server, and the daemon that it announces its port to.
pub(super) async fn start(tools: &Tools, dir: &Path) -> Result<(Process, Process, Rabbit)> {
    let [listen, distribution, names] = [free_address()?, free_address()?, free_address()?];
    fs::write(dir.join("rabbitmq.conf"), format!("listeners.tcp.default = {listen}\n{CONFIGURATION}"))?;
    fs::write(dir.join("plugins"), "[].\n")?;
    let mut command = program(&tools.erlang()?.join("epmd"));
    command.args(["-address", &Ipv4Addr::LOCALHOST.to_string(), "-port", &names.port().to_string()]);
    let daemon = Process::start(&mut command, names, &dir.join("epmd.log")).await?;
    // It looks for its parts beside itself, so a link to it is of no use.
    let mut command = program(&tools.server(Kind::RabbitQuorum)?.canonicalize()?);
    environment(&mut command, tools.erlang()?, dir, distribution.port(), names.port())?;
    let server = Process::start(&mut command, listen, &dir.join("rabbit.log")).await?;
    Ok((server, daemon, Rabbit::connect(listen).await?))
}

/// Nothing of a RabbitMQ that is installed on this machine is read or written.
fn environment(
    command: &mut tokio::process::Command,
    erlang: &Path,
    dir: &Path,
    distribution: u16,
    names: u16,
) -> Result<()> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths([erlang.to_owned()].into_iter().chain(std::env::split_paths(&path)))?;
    command.env_clear().env("PATH", path).env("LANG", "C.UTF-8").env("HOME", dir).current_dir(dir);
    // So that its script becomes the server instead of starting it, and a signal reaches it.
    command.env("RUNNING_UNDER_SYSTEMD", "true");
    command.env("ERL_EPMD_PORT", names.to_string());
    command.env("ERL_EPMD_ADDRESS", Ipv4Addr::LOCALHOST.to_string());
    command.env("RABBITMQ_NODENAME", "fanfare-bench@localhost");
    command.env("RABBITMQ_DIST_PORT", distribution.to_string());
    command.env("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", "-kernel inet_dist_use_interface {127,0,0,1}");
    command.env("RABBITMQ_LOGS", "-").env("RABBITMQ_CONF_ENV_FILE", "/dev/null");
    let files = [
        ("RABBITMQ_CONFIG_FILE", "rabbitmq.conf"),
        ("RABBITMQ_ENABLED_PLUGINS_FILE", "plugins"),
        ("RABBITMQ_MNESIA_BASE", "mnesia"),
        ("RABBITMQ_GENERATED_CONFIG_DIR", "generated"),
        ("RABBITMQ_PLUGINS_EXPAND_DIR", "expanded"),
        ("RABBITMQ_FEATURE_FLAGS_FILE", "features"),
    ];
    for (variable, file) in files {
        command.env(variable, dir.join(file));
    }
    Ok(())
}

/// It says so only when it runs; the name of its directory says it too.
pub(super) fn version(tools: &Tools) -> Result<String> {
    let program = tools.server(Kind::RabbitQuorum)?.canonicalize()?;
    let directories = program.ancestors().filter_map(|directory| directory.file_name()?.to_str());
    let version = directories.into_iter().find_map(|name| name.strip_prefix("rabbitmq_server-"));
    Ok(format!("RabbitMQ {}", version.unwrap_or("of unknown version")))
}

/// A server.
#[derive(Clone)]
pub(crate) struct Rabbit {
    publishes: Arc<Connection>,
    others: Turns<Connection>,
}

impl Rabbit {
    async fn connect(server: SocketAddr) -> Result<Self> {
        let uri = format!("amqp://guest:guest@{server}/%2f");
        let connect = || Connection::connect(&uri, ConnectionProperties::default());
        let others = stream::iter(0..CONNECTIONS).then(|_| connect()).try_collect().await?;
        Ok(Self { publishes: Arc::new(connect().await?), others: Turns::new(others) })
    }

    /// On the connections in turn.
    async fn channel(&self) -> Result<Channel> {
        Ok(self.others.next().create_channel().await?)
    }

    async fn queue(channel: &Channel, topic: &str, name: &str) -> Result<()> {
        let mut kind = FieldTable::default();
        kind.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
        channel.queue_declare(name.into(), QueueDeclareOptions::durable(), kind).await?;
        let (options, arguments) = (QueueBindOptions::default(), FieldTable::default());
        Ok(channel.queue_bind(name.into(), topic.into(), "".into(), options, arguments).await?)
    }
}

impl System for Rabbit {
    type Publisher = Sender;
    type Receipts = Waiting<Acknowledged>;
    type Subscriber = Consumer;

    /// An exchange keeps nothing: a topic without subscriptions gets one queue, which nobody reads.
    async fn create(&self, topic: &str, subscriptions: &[String]) -> Result<()> {
        let channel = self.channel().await?;
        let durable = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
        channel.exchange_declare(topic.into(), ExchangeKind::Fanout, durable, FieldTable::default()).await?;
        let unread = [format!("{topic}-unread")];
        let names = if subscriptions.is_empty() { &unread[..] } else { subscriptions };
        for name in names {
            Self::queue(&channel, topic, name).await?;
        }
        Ok(channel.close(200, "OK".into()).await?)
    }

    async fn publisher(&self, topic: &str) -> Result<(Sender, Waiting<Acknowledged>)> {
        let channel = self.publishes.create_channel().await?;
        channel.confirm_select(ConfirmSelectOptions::default()).await?;
        let (sent, waiting) = waiting();
        Ok((Sender { channel, exchange: topic.to_owned(), sent }, waiting))
    }

    async fn subscriber(&self, _topic: &str, subscription: &str) -> Result<Consumer> {
        let channel = self.channel().await?;
        channel.basic_qos(PREFETCH, BasicQosOptions::default()).await?;
        let (options, arguments) = (BasicConsumeOptions::default(), FieldTable::default());
        let messages = channel.basic_consume(subscription.into(), "bench".into(), options, arguments).await?;
        Ok(Consumer { channel, messages, last: None })
    }
}

/// A channel that publishes.
pub(crate) struct Sender {
    channel: Channel,
    exchange: String,
    sent: Sent<Acknowledged>,
}

impl Publisher for Sender {
    async fn send(&mut self, body: Bytes) -> Result<()> {
        let persistent = BasicProperties::default().with_delivery_mode(2);
        let (exchange, options) = (self.exchange.as_str().into(), BasicPublishOptions::default());
        let confirm = self.channel.basic_publish(exchange, "".into(), options, &body, persistent).await?;
        self.sent.push(Box::pin(confirm.map(|confirmed| {
            ensure!(confirmed?.is_ack(), "the server refused a message");
            Ok(1)
        })));
        Ok(())
    }

    async fn flush(&mut self) -> Result<()> {
        // The connection writes as soon as there is something to write.
        Ok(())
    }
}

/// A channel that consumes.
pub(crate) struct Consumer {
    channel: Channel,
    messages: lapin::Consumer,
    last: Option<Acker>,
}

impl Subscriber for Consumer {
    async fn receive(&mut self, into: &mut Vec<Bytes>) -> Result<()> {
        take_ready(&mut self.messages, |delivery| {
            let delivery = delivery?;
            into.push(delivery.data.into());
            self.last = Some(delivery.acker);
            Ok(())
        })
        .await
    }

    async fn settle(&mut self) -> Result<()> {
        if let Some(last) = self.last.take() {
            ensure!(last.ack(BasicAckOptions { multiple: true }).await?, "an acknowledgement was not taken");
        }
        Ok(())
    }

    async fn finish(self) -> Result<()> {
        // The server has read everything before when it agrees to close.
        Ok(self.channel.close(200, "OK".into()).await?)
    }
}
