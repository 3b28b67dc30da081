use std::sync::Arc;

use anyhow::Result;

use super::drive::{Consumers, Total, publish_all};
use crate::{
    Body, Clock, Correctness, Expected, Latency, Progress, Publisher, Receipts, System, progress::watched,
};

/// What waits for a subscription that is away, in two halves: between them a caller does to the system what it wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backlog {
    /// How many are published.
    pub messages: u64,
    /// Bytes of each.
    pub bytes: usize,
    /// Published and not acknowledged, at most.
    pub outstanding: usize,
}

impl Backlog {
    /// Publishes it to a new topic with this one subscription. Every message is acknowledged when it returns.
    ///
    /// # Errors
    /// Those of the system: nothing is tried again; or nothing has moved for [`STALL`](crate::STALL).
    pub async fn publish(&self, system: &impl System, (topic, subscription): (&str, &str)) -> Result<()> {
        let progress = Progress::default();
        let expected = Expected { published: self.messages, delivered: 0 };
        let work = async {
            system.create(topic, &[subscription.to_owned()]).await?;
            let mut publisher = system.publisher(topic).await?;
            self.fill(&mut publisher, (Clock::start(), &progress)).await
        };
        watched(&progress, expected, work).await.map(|_| ())
    }

    /// Receives and settles all of it.
    ///
    /// # Errors
    /// Those of the system: nothing is tried again; or nothing has moved for [`STALL`](crate::STALL), which is how a message that was lost is found.
    pub async fn drain(&self, system: &impl System, of: (&str, &str)) -> Result<Correctness> {
        let progress = Arc::<Progress>::default();
        let expected = Expected { published: 0, delivered: self.messages };
        let work = self.empty(system, of, (Clock::start(), &progress));
        Ok(watched(&progress, expected, work).await?.correctness)
    }

    pub(super) async fn fill(
        &self,
        publisher: &mut (impl Publisher, impl Receipts),
        watch: (Clock, &Progress),
    ) -> Result<Latency> {
        publish_all(publisher, self.messages, &Body::filling(self.bytes), self.outstanding, watch).await
    }

    pub(super) async fn empty(
        &self,
        system: &impl System,
        of: (&str, &str),
        (clock, progress): (Clock, &Arc<Progress>),
    ) -> Result<Total> {
        let mut consumers = Consumers::new(clock, progress);
        consumers.start(system, of, self.messages, 0).await?;
        consumers.all().await
    }
}
