//! Redis Streams, through the redis crate: a stream for each topic, a consumer group for each subscription.
//!
//! Publishes go out in pipelines, several of them in flight on one connection. A consumer's acknowledgement and its next read are one round trip: a
//! pipeline of XACK and XREADGROUP.

use std::{net::SocketAddr, path::Path};

use ::redis::{AsyncConnectionConfig, Client, Pipeline, Value, aio::MultiplexedConnection, cmd};
use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use futures_util::FutureExt as _;
use load::{Publisher, Sent, Subscriber, System, Waiting, waiting};

use super::{Acknowledged, Kind, Tools, program};
use crate::process::{Process, free_address};

/// Messages in one pipeline, at most, and messages that a consumer reads at once.
const PIPELINE: usize = 200;
const COUNT: usize = 1_000;
/// How long a read waits for a first message.
const BLOCK_MS: usize = 5_000;
/// Pipelines that wait for the connection's task: more than a workload can have outstanding.
const IN_FLIGHT: usize = 10_000;

/// What is given on its command line.
pub(super) fn configuration(kind: Kind) -> [(&'static str, &'static str); 5] {
    let fsync = if kind == Kind::RedisFsync { "always" } else { "everysec" };
    // A rewrite of the append-only file in the middle of a run would be measured with it.
    [
        ("appendonly", "yes"),
        ("appendfsync", fsync),
        ("auto-aof-rewrite-percentage", "0"),
        ("save", ""),
        ("maxclients", "4064"),
    ]
}

pub(super) async fn start(kind: Kind, tools: &Tools, dir: &Path) -> Result<(Process, Redis)> {
    let listen = free_address()?;
    let mut command = program(tools.server(kind)?);
    command.args(["--bind", "127.0.0.1", "--port", &listen.port().to_string(), "--dir"]).arg(dir);
    for (key, value) in configuration(kind) {
        command.args([&format!("--{key}"), value]);
    }
    let process = Process::start(&mut command, listen, &dir.join("redis.log")).await?;
    Ok((process, Redis::connect(listen).await?))
}

/// A server.
#[derive(Debug, Clone)]
pub(crate) struct Redis {
    client: Client,
    shared: MultiplexedConnection,
}

impl Redis {
    async fn connect(server: SocketAddr) -> Result<Self> {
        let client = Client::open(format!("redis://{server}/"))?;
        let shared = connection(&client).await?;
        Ok(Self { client, shared })
    }
}

async fn connection(client: &Client) -> Result<MultiplexedConnection> {
    let config = AsyncConnectionConfig::new().set_response_timeout(None).set_pipeline_buffer_size(IN_FLIGHT);
    Ok(client.get_multiplexed_async_connection_with_config(&config).await?)
}

impl System for Redis {
    type Publisher = Sender;
    type Receipts = Waiting<Acknowledged>;
    type Subscriber = Consumer;

    async fn create(&self, topic: &str, subscriptions: &[String]) -> Result<()> {
        let mut connection = self.shared.clone();
        for subscription in subscriptions {
            let mut create = cmd("XGROUP");
            create.arg("CREATE").arg(topic).arg(subscription).arg("0").arg("MKSTREAM");
            create.exec_async(&mut connection).await?;
        }
        Ok(())
    }

    async fn publisher(&self, topic: &str) -> Result<(Sender, Waiting<Acknowledged>)> {
        let (sent, waiting) = waiting();
        let (connection, pipeline) = (self.shared.clone(), Pipeline::with_capacity(PIPELINE));
        Ok((Sender { connection, topic: topic.to_owned(), pipeline, sent }, waiting))
    }

    async fn subscriber(&self, topic: &str, subscription: &str) -> Result<Consumer> {
        // One of its own: a read that waits blocks a connection.
        let connection = connection(&self.client).await?;
        Ok(Consumer { connection, topic: topic.to_owned(), group: subscription.to_owned(), held: Vec::new() })
    }
}

/// A publisher.
pub(crate) struct Sender {
    connection: MultiplexedConnection,
    topic: String,
    pipeline: Pipeline,
    sent: Sent<Acknowledged>,
}

impl Publisher for Sender {
    async fn send(&mut self, body: Bytes) -> Result<()> {
        self.pipeline.cmd("XADD").arg(&self.topic).arg("*").arg("b").arg(&body[..]);
        if self.pipeline.len() >= PIPELINE {
            self.flush().await?;
        }
        Ok(())
    }

    async fn flush(&mut self) -> Result<()> {
        if self.pipeline.is_empty() {
            return Ok(());
        }
        let pipeline = std::mem::replace(&mut self.pipeline, Pipeline::with_capacity(PIPELINE));
        let (mut connection, messages) = (self.connection.clone(), pipeline.len());
        let answers = async move { connection.send_packed_commands(&pipeline, 0, messages).await };
        let mut added = Box::pin(answers.map(move |answers| counted(&answers?, messages)));
        // Looked at once, it is handed to the connection, which keeps the order.
        match added.as_mut().now_or_never() {
            Some(result) => self.sent.push(Box::pin(std::future::ready(result))),
            None => self.sent.push(added),
        }
        Ok(())
    }
}

/// Every command has an answer, and none of them is an error.
fn counted(answers: &[Value], commands: usize) -> Result<usize> {
    for answer in answers {
        if let Value::ServerError(error) = answer {
            bail!("refused: {error:?}");
        }
    }
    anyhow::ensure!(answers.len() == commands, "{} answers to {commands} commands", answers.len());
    Ok(commands)
}

/// The consumer of a group.
pub(crate) struct Consumer {
    connection: MultiplexedConnection,
    topic: String,
    group: String,
    /// Entries that are not acknowledged yet.
    held: Vec<Vec<u8>>,
}

impl Consumer {
    fn acknowledge(&mut self, pipeline: &mut Pipeline) {
        if self.held.is_empty() {
            return;
        }
        let command = pipeline.cmd("XACK").arg(&self.topic).arg(&self.group);
        for id in self.held.drain(..) {
            command.arg(id);
        }
    }

    async fn run(&mut self, pipeline: &Pipeline) -> Result<Option<Value>> {
        let commands = pipeline.len();
        let mut answers = self.connection.send_packed_commands(pipeline, 0, commands).await?;
        let last = answers.pop();
        counted(&answers, commands.saturating_sub(1))?;
        Ok(last)
    }
}

impl Subscriber for Consumer {
    async fn receive(&mut self, into: &mut Vec<Bytes>) -> Result<()> {
        let before = into.len();
        while into.len() == before {
            let mut pipeline = Pipeline::with_capacity(2);
            self.acknowledge(&mut pipeline);
            let read = pipeline.cmd("XREADGROUP").arg("GROUP").arg(&self.group).arg("bench");
            read.arg("COUNT").arg(COUNT).arg("BLOCK").arg(BLOCK_MS).arg("STREAMS").arg(&self.topic).arg(">");
            let answer = self.run(&pipeline).await?.context("no answer")?;
            entries(answer, into, &mut self.held)?;
        }
        Ok(())
    }

    async fn settle(&mut self) -> Result<()> {
        // With the next read.
        Ok(())
    }

    async fn finish(mut self) -> Result<()> {
        let mut pipeline = Pipeline::new();
        self.acknowledge(&mut pipeline);
        if let Some(answer) = self.run(&pipeline).await? {
            counted(&[answer], 1)?;
        }
        Ok(())
    }
}

/// Takes the answer of XREADGROUP apart: `[[stream, [[id, [field, body]], ..]]]`, or nil if there was nothing in time.
fn entries(answer: Value, bodies: &mut Vec<Bytes>, ids: &mut Vec<Vec<u8>>) -> Result<()> {
    if answer == Value::Nil {
        return Ok(());
    }
    let [stream] = items::<1>(answer)?;
    let [_, Value::Array(entries)] = items::<2>(stream)? else { bail!("no list of entries") };
    for entry in entries {
        let [Value::BulkString(id), fields] = items::<2>(entry)? else { bail!("an entry without an ID") };
        let [_, Value::BulkString(body)] = items::<2>(fields)? else { bail!("an entry without a body") };
        ids.push(id);
        bodies.push(body.into());
    }
    Ok(())
}

fn items<const N: usize>(value: Value) -> Result<[Value; N]> {
    match value {
        Value::Array(items) => items.try_into().ok().context("an answer of another length"),
        other => bail!("not a list: {other:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Value {
        Value::BulkString(text.into())
    }

    #[test]
    fn an_answer_is_taken_apart_and_anything_else_is_an_error() {
        let entry = |id, body| Value::Array(vec![text(id), Value::Array(vec![text("b"), text(body)])]);
        let of = |entries| Value::Array(vec![Value::Array(vec![text("topic"), entries])]);
        let (mut bodies, mut ids) = (Vec::new(), Vec::new());
        let answer = of(Value::Array(vec![entry("1-0", "one"), entry("2-0", "two")]));
        entries(answer, &mut bodies, &mut ids).unwrap();
        assert_eq!((bodies, ids), (vec!["one".into(), "two".into()], vec![b"1-0".to_vec(), b"2-0".to_vec()]));
        for bad in [text("x"), Value::Array(vec![]), of(Value::Nil), of(Value::Array(vec![text("x")]))] {
            assert!(entries(bad, &mut Vec::new(), &mut Vec::new()).is_err());
        }
    }

    #[test]
    fn a_command_that_was_refused_or_not_answered_is_an_error() {
        let id = || text("1-0");
        assert_eq!(counted(&[id(), id()], 2).unwrap(), 2);
        assert!(counted(&[id()], 2).is_err());
        let refused = ::redis::parse_redis_value(b"-ERR full\r\n").unwrap();
        assert!(counted(&[id(), refused], 2).is_err());
    }
}
