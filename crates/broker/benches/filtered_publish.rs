//! What filter policies cost a publisher: the same batches published to a topic with ten subscriptions that get everything, and with
//! 10,000 filtered ones of which ten get each message. The ratio is what counts; the memory engine, so that no disk is measured.
//! `cargo bench -p broker` measures; with `-- --test` each bench runs once.

#![allow(clippy::unwrap_used, reason = "a benchmark that cannot go on fails")]

use std::{hint::black_box, sync::Arc, time::Duration};

use broker::{Broker, Config, NewMessage, ReadContent, StartPosition};
use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use filter::{Attribute, Content, Scalar};
use journal::MemoryJournal;
use tokio::runtime::{Builder, Runtime};
use types::{
    FilterPolicy, FilterScope, ManualClock, MessageMeta, SubscriptionSettings, Timestamp, TopicName,
    TopicSettings,
};

const BATCH: u32 = 128;
const FILTERED: u32 = 10_000;
const MATCHING: u32 = 10;

/// The payload is the value of the attribute `tenant`.
#[derive(Debug)]
struct Tenant;

impl ReadContent for Tenant {
    fn read(&self, payload: &[u8], show: &mut dyn FnMut(&Content<'_>)) {
        let Ok(tenant) = std::str::from_utf8(payload) else { return };
        let attributes = [("tenant", Attribute::Scalar(Scalar::String(tenant.into())))];
        show(&Content { attributes: &attributes, body: b"" });
    }
}

fn topic() -> TopicName {
    "orders".parse().unwrap()
}

async fn broker(subscriptions: u32, filter: impl Fn(u32) -> Option<FilterPolicy>) -> Broker {
    let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1)));
    let journal = Arc::new(MemoryJournal::default());
    let broker = Broker::open(journal, clock, Arc::new(Tenant), Config::default()).await.unwrap();
    broker.create_topic(topic(), TopicSettings::default()).await.unwrap();
    for index in 0..subscriptions {
        let settings = SubscriptionSettings { filter: filter(index), ..SubscriptionSettings::default() };
        let name = format!("s{index}").parse().unwrap();
        broker.create_subscription(name, &topic(), settings, StartPosition::Latest).await.unwrap();
    }
    broker
}

fn batch(first: u32) -> Vec<NewMessage> {
    let message = |index: u32| {
        let tenant = (first + index) % (FILTERED / MATCHING);
        let meta = MessageMeta { correlation_id: "c".into(), ..MessageMeta::default() };
        NewMessage { meta, payload: Bytes::from(format!("t{tenant}")) }
    };
    (0..BATCH).map(message).collect()
}

fn publish(criterion: &mut Criterion, name: &str, runtime: &Runtime, broker: &Broker, matched: u32) {
    let mut group = criterion.benchmark_group("publish");
    group.throughput(Throughput::Elements(BATCH.into())).sample_size(10);
    group.measurement_time(Duration::from_secs(2)).warm_up_time(Duration::from_millis(500));
    let mut first = 0;
    group.bench_function(name, |bencher| {
        bencher.iter(|| {
            first += BATCH;
            let published = runtime.block_on(broker.publish(&topic(), batch(first))).unwrap();
            assert_eq!(published[0].matched, matched);
            black_box(published)
        });
    });
    group.finish();
}

fn filtered_and_not(criterion: &mut Criterion) {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let broker_of_ten = runtime.block_on(broker(MATCHING, |_| None));
    publish(criterion, "10 subscriptions without a policy", &runtime, &broker_of_ten, MATCHING);
    let policy = |index: u32| {
        // Different policies, although ten ask for the same tenant.
        let json = format!(r#"{{"tenant": ["t{}", "x{index}"]}}"#, index % (FILTERED / MATCHING));
        Some(FilterPolicy { json: json.into(), scope: FilterScope::Attributes })
    };
    let broker_of_many = runtime.block_on(broker(FILTERED, policy));
    publish(criterion, "10 of 10,000 subscriptions with a policy", &runtime, &broker_of_many, MATCHING);
}

criterion_group!(benches, filtered_and_not);
criterion_main!(benches);
