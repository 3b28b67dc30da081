use std::sync::Arc;

use anyhow::Result;
use serde::{Deserialize, Serialize};

use super::{Drive, drive::publish_all};
use crate::{Body, Clock, Expected, Outcome, Progress, System};

/// W1: one publisher, no subscription.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Publish {
    /// How many.
    pub messages: u64,
    /// Bytes of each.
    pub bytes: usize,
    /// Published and not acknowledged, at most.
    pub outstanding: usize,
}

impl Drive for Publish {
    fn expected(&self) -> Expected {
        Expected { published: self.messages, delivered: 0 }
    }

    async fn drive(&self, system: &impl System, topic: &str, progress: &Arc<Progress>) -> Result<Outcome> {
        system.create(topic, &[]).await?;
        let mut publisher = system.publisher(topic).await?;
        let filling = Body::filling(self.bytes);
        progress.begin();
        let clock = Clock::start();
        let watch = (clock, &**progress);
        let latency = publish_all(&mut publisher, self.messages, &filling, self.outstanding, watch).await?;
        Ok(Outcome {
            published: self.messages,
            seconds: clock.now().as_secs_f64(),
            publish_latency: latency.percentiles(),
            ..Outcome::default()
        })
    }
}
