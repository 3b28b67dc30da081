//! A fixed load in one process and one thread, for a count of the instructions that it takes: `.ci/instructions` runs it under callgrind.
//!
//! `instructions broker 2000` publishes so many messages to the broker itself, of which four subscriptions lease and acknowledge each, in
//! batches of a hundred; `instructions whole 2000` does it through the client library, a connection and the gRPC services. The logs are in memory.
//!
//! Ends with an error unless everything was delivered. What depends on chance is small: hashes with a random start, and in `whole` how much
//! comes together in a read.

#![forbid(unsafe_code)]

use std::sync::Arc;

use anyhow::{Context as _, Result, bail, ensure};
use broker::{Ask, Broker, Consumer, LeaseRun, NewMessage, StartPosition, Subscriber};
use bytes::Bytes;
use fanfare_client::Client;
use fanfare_proto::v1;
use grpc::ServerInfo;
use journal::MemoryJournal;
use load::{Body, Fanfare, Workload, workload::FanOut};
use prost::Message as _;
use tokio::net::TcpListener;
use types::{
    ManualClock, MessageMeta, SubscriptionName, SubscriptionSettings, Timestamp, TopicName, TopicSettings,
};

const SUBSCRIPTIONS: usize = 4;
const BYTES: usize = 1_024;
const BATCH: u64 = 100;

fn main() -> Result<()> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [what, messages] = &arguments[..] else { bail!("usage: instructions broker|whole MESSAGES") };
    let messages = messages.parse()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        match what.as_str() {
            "broker" => of_the_broker(messages).await,
            "whole" => of_the_whole(messages).await,
            _ => bail!("{what} is neither `broker` nor `whole`"),
        }
    })
}

async fn open() -> Result<Broker> {
    let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1)));
    let journal = Arc::new(MemoryJournal::default());
    Ok(Broker::open(journal, clock, Arc::new(grpc::StoredMessages), broker::Config::default()).await?)
}

async fn of_the_broker(messages: u64) -> Result<()> {
    let (broker, topic) = (open().await?, "t".parse::<TopicName>()?);
    broker.create_topic(topic.clone(), TopicSettings::default()).await?;
    let mut consumers = Vec::new();
    for number in 0..SUBSCRIPTIONS {
        let name: SubscriptionName = format!("s{number}").parse()?;
        let settings = SubscriptionSettings::default();
        broker.create_subscription(name.clone(), &topic, settings, StartPosition::Latest).await?;
        let subscriber = broker.subscriber(&name)?;
        consumers.push((subscriber.consumer()?, subscriber));
    }
    let filling = Body::filling(BYTES);
    for first in (0..messages).step_by(usize::try_from(BATCH)?) {
        let batch: Vec<_> =
            (first..messages.min(first + BATCH)).map(|index| message(index, &filling)).collect();
        let count = batch.len();
        broker.publish(&topic, batch).await?;
        for (consumer, subscriber) in &mut consumers {
            settle(consumer, subscriber, count).await?;
        }
    }
    Ok(())
}

fn message(number: u64, filling: &[u8]) -> NewMessage {
    let message = v1::Message { data: Bytes::copy_from_slice(filling), ..v1::Message::default() };
    let meta = MessageMeta {
        correlation_id: format!("c-{number}").into(),
        // As the client library numbers them.
        deduplication_id: Some(format!("publisher-{number}").into()),
        ..MessageMeta::default()
    };
    NewMessage { meta, payload: message.encode_to_vec().into() }
}

/// Leases and acknowledges so many.
async fn settle(consumer: &mut Consumer, subscriber: &Subscriber, messages: usize) -> Result<()> {
    let mut settled = 0;
    while settled < messages {
        let blocks = consumer.next_blocks(Ask { max_messages: 1_000, max_bytes: 1 << 20 }).await?;
        ensure!(blocks.iter().all(|block| !block.wrapped.is_empty()), "a block without bytes");
        let runs: Vec<_> = blocks
            .iter()
            .map(|block| LeaseRun { first_lease: block.first_lease, messages: &block.messages })
            .collect();
        let refused = subscriber.acknowledge_runs(&runs).await?.durable().await?;
        ensure!(refused.is_empty(), "{refused:?}");
        settled += blocks.iter().map(|block| block.messages.len()).sum::<usize>();
    }
    Ok(())
}

async fn of_the_whole(messages: u64) -> Result<()> {
    let (broker, listener) = (open().await?, TcpListener::bind("127.0.0.1:0").await?);
    let address = listener.local_addr()?;
    let info = ServerInfo {
        version: String::new(),
        engine: "memory".to_owned(),
        durability: "none".to_owned(),
        started_at: broker.now(),
    };
    let serving = grpc::serve(listener, broker, info, grpc::Config::default(), std::future::pending());
    let serving = tokio::spawn(serving);
    let system = Fanfare::new(vec![Client::connect(format!("http://{address}"))?]);
    let fan_out = FanOut { messages, bytes: BYTES, outstanding: 1_000, subscriptions: SUBSCRIPTIONS };
    let workload = Workload::FanOut(fan_out);
    let outcome = tokio::select! {
        outcome = workload.run(&system, "t") => outcome?,
        ended = serving => bail!("the server ended: {:?}", ended.map(|served| served.map(|_| ()))),
    };
    ensure!(outcome.correctness.is_perfect(), "{:?}", outcome.correctness);
    outcome.publish_latency.context("nothing was published")?;
    Ok(())
}
