use anyhow::Result;
use futures_util::future::try_join_all;

use super::drive::{Seen, consume_all, publish_all};
use crate::{Body, Clock, Correctness, Latency, Outcome, System};

/// W2: one publisher; every subscription settles every message.
#[derive(Debug, Clone)]
pub struct FanOut {
    /// How many are published.
    pub messages: u64,
    /// Bytes of each.
    pub bytes: usize,
    /// Published and not acknowledged, at most.
    pub outstanding: usize,
    /// Subscriptions, each with one consumer.
    pub subscriptions: usize,
}

impl FanOut {
    /// Runs it on a new topic of this name; the subscriptions are `{topic}-0` and so on.
    ///
    /// # Errors
    /// Those of the system: nothing is tried again.
    pub async fn run(&self, system: &impl System, topic: &str) -> Result<Outcome> {
        let names: Vec<_> = (0..self.subscriptions).map(|number| format!("{topic}-{number}")).collect();
        system.create(topic, &names).await?;
        let clock = Clock::start();
        let mut consumers = Vec::new();
        for name in &names {
            let subscriber = system.subscriber(topic, name).await?;
            consumers.push(tokio::spawn(consume_all(subscriber, self.messages, clock)));
        }
        let mut publisher = system.publisher(topic).await?;
        let filling = Body::filling(self.bytes);
        let started = clock.now();
        let published = publish_all(&mut publisher, self.messages, &filling, self.outstanding, clock).await?;
        let seen = try_join_all(consumers).await?.into_iter().collect::<Result<Vec<_>>>()?;
        let done = seen.iter().map(|seen| seen.done).max().unwrap_or(started);
        let (delivered, latency, correctness) = sum(&seen);
        Ok(Outcome {
            published: self.messages,
            delivered,
            seconds: (done - started).as_secs_f64(),
            publish_latency: published.percentiles(),
            delivery_latency: latency.percentiles(),
            correctness,
        })
    }
}

fn sum(seen: &[Seen]) -> (u64, Latency, Correctness) {
    let mut total = (0, Latency::default(), Correctness::default());
    for Seen { ledger, latency, .. } in seen {
        total.0 += ledger.distinct();
        total.1.add(latency);
        total.2 += ledger.close();
    }
    total
}
