use std::sync::Arc;

use anyhow::Result;
use serde::{Deserialize, Serialize};

use super::{Backlog, Drive, names};
use crate::{Clock, Expected, Outcome, Progress, System};

/// W4: two subscriptions, one of them (`{topic}-1`) offline while everything is published and settled by the other (`{topic}-0`); then how long the
/// offline one takes to receive and settle it all. The load begins with the drain, and of the outcome `seconds` and `delivered` are of it; the
/// correctness is of both.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drain {
    /// How many are published.
    pub messages: u64,
    /// Bytes of each.
    pub bytes: usize,
    /// Published and not acknowledged, at most.
    pub outstanding: usize,
}

impl Drive for Drain {
    fn expected(&self) -> Expected {
        Expected { published: self.messages, delivered: 2 * self.messages }
    }

    async fn drive(&self, system: &impl System, topic: &str, progress: &Arc<Progress>) -> Result<Outcome> {
        let Self { messages, bytes, outstanding } = *self;
        let (names, backlog) = (names(topic, 2), Backlog { messages, bytes, outstanding });
        system.create(topic, &names).await?;
        let clock = Clock::start();
        let mut publisher = system.publisher(topic).await?;
        let publishing = backlog.fill(&mut publisher, (clock, progress));
        let settling = backlog.empty(system, (topic, &names[0]), (clock, progress));
        let (published, online) = tokio::try_join!(publishing, settling)?;
        progress.begin();
        let started = clock.now();
        let offline = backlog.empty(system, (topic, &names[1]), (clock, progress)).await?;
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
