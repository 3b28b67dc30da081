use anyhow::Result;

use super::drive::publish_all;
use crate::{Body, Clock, Outcome, System};

/// W1: one publisher, no subscription.
#[derive(Debug, Clone)]
pub struct Publish {
    /// How many.
    pub messages: u64,
    /// Bytes of each.
    pub bytes: usize,
    /// Published and not acknowledged, at most.
    pub outstanding: usize,
}

impl Publish {
    /// Runs it on a new topic of this name.
    ///
    /// # Errors
    /// Those of the system: nothing is tried again.
    pub async fn run(&self, system: &impl System, topic: &str) -> Result<Outcome> {
        system.create(topic, &[]).await?;
        let mut publisher = system.publisher(topic).await?;
        let (clock, filling) = (Clock::start(), Body::filling(self.bytes));
        let latency = publish_all(&mut publisher, self.messages, &filling, self.outstanding, clock).await?;
        Ok(Outcome {
            published: self.messages,
            seconds: clock.now().as_secs_f64(),
            publish_latency: latency.percentiles(),
            ..Outcome::default()
        })
    }
}
