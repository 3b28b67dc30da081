use std::sync::Arc;

use anyhow::Result;
use serde::{Deserialize, Serialize};

use super::{
    Drive,
    drive::{Consumers, publish_all},
    names,
};
use crate::{Body, Clock, Expected, Outcome, Progress, System, Workload};

/// W4: two subscriptions, one of them offline while everything is published and settled by the other; then how long the offline one takes to
/// receive and settle it all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drain {
    /// How many are published.
    pub messages: u64,
    /// Bytes of each.
    pub bytes: usize,
    /// Published and not acknowledged, at most.
    pub outstanding: usize,
}

impl Drain {
    /// Runs it on a new topic of this name; `{topic}-0` is online, `{topic}-1` offline. Of the outcome, `seconds` and `delivered` are of the drain;
    /// the correctness is of both.
    ///
    /// # Errors
    /// Those of the system: nothing is tried again; or nothing has moved for [`STALL`](crate::STALL).
    pub async fn run(&self, system: &impl System, topic: &str) -> Result<Outcome> {
        Workload::Drain(self.clone()).run(system, topic).await
    }
}

impl Drive for Drain {
    fn expected(&self) -> Expected {
        Expected { published: self.messages, delivered: 2 * self.messages }
    }

    async fn drive(&self, system: &impl System, topic: &str, progress: &Arc<Progress>) -> Result<Outcome> {
        let names = names(topic, 2);
        system.create(topic, &names).await?;
        let clock = Clock::start();
        let mut online = Consumers::new(clock, progress);
        online.start(system, (topic, &names[0]), self.messages, 0).await?;
        let mut publisher = system.publisher(topic).await?;
        let filling = Body::filling(self.bytes);
        let watch = (clock, &**progress);
        let publishing = publish_all(&mut publisher, self.messages, &filling, self.outstanding, watch);
        let (published, online) = tokio::try_join!(publishing, online.all())?;
        let started = clock.now();
        let mut offline = Consumers::new(clock, progress);
        offline.start(system, (topic, &names[1]), self.messages, 0).await?;
        let offline = offline.all().await?;
        let mut correctness = online.correctness;
        correctness += offline.correctness;
        Ok(Outcome {
            published: self.messages,
            delivered: offline.delivered,
            seconds: offline.done.saturating_sub(started).as_secs_f64(),
            publish_latency: published.percentiles(),
            delivery_latency: None,
            correctness,
        })
    }
}
