use std::sync::Arc;

use anyhow::Result;
use serde::{Deserialize, Serialize};

use super::{
    Drive,
    drive::{Consumers, publish_all},
    names,
};
use crate::{Body, Clock, Expected, Outcome, Progress, System};

/// W2: one publisher; every subscription (`{topic}-0` and so on) settles every message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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

impl Drive for FanOut {
    fn expected(&self) -> Expected {
        Expected { published: self.messages, delivered: self.messages * self.subscriptions as u64 }
    }

    async fn drive(&self, system: &impl System, topic: &str, progress: &Arc<Progress>) -> Result<Outcome> {
        let names = names(topic, self.subscriptions);
        system.create(topic, &names).await?;
        let clock = Clock::start();
        let mut consumers = Consumers::new(clock, progress);
        for name in &names {
            consumers.start(system, (topic, name), self.messages, 0).await?;
        }
        let mut publisher = system.publisher(topic).await?;
        let filling = Body::filling(self.bytes);
        progress.begin();
        let started = clock.now();
        let watch = (clock, &**progress);
        let publishing = publish_all(&mut publisher, self.messages, &filling, self.outstanding, watch);
        let (published, total) = tokio::try_join!(publishing, consumers.all())?;
        let done = if names.is_empty() { clock.now() } else { total.done };
        Ok(Outcome {
            published: self.messages,
            delivered: total.delivered,
            seconds: done.saturating_sub(started).as_secs_f64(),
            publish_latency: published.percentiles(),
            delivery_latency: total.latency.percentiles(),
            correctness: total.correctness,
        })
    }
}
