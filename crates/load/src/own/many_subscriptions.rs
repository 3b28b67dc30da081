//! W6: what filtered subscriptions cost a publisher.

use std::{sync::Arc, time::Duration};

use anyhow::{Result, ensure};
use fanfare_client::{
    Client, Message,
    proto::{FilterPolicy, SubscriptionSettings},
    publisher::{PublishFuture, Publisher},
};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use crate::{
    Clock, Expected, Latency, Outcome, Progress,
    pace::{self, Pace as _, Schedule},
    progress::watched,
    workload::names,
};

/// Subscriptions that are created or deleted at a time.
const TOGETHER: usize = 64;
/// The attribute that the policies look at.
const ATTRIBUTE: &str = "group";
const LEAD: Duration = Duration::from_millis(20);
/// Publishes without an answer, at most.
const OUTSTANDING: usize = 10_000;

/// One publisher at a fixed rate to a topic with many subscriptions, each with a filter policy. Of all of them, `matching` get each message; it
/// is another group each time. Nobody consumes. The publish latency is what counts, next to that of a topic which has the matching ones only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManySubscriptions {
    /// Subscriptions of the topic.
    pub subscriptions: usize,
    /// Those that get a message.
    pub matching: usize,
    /// Messages a second.
    pub rate: u64,
    /// How long it is measured.
    pub seconds: u64,
    /// How long it runs before that.
    pub warm_up_seconds: u64,
    /// Bytes of each message.
    pub bytes: usize,
}

impl ManySubscriptions {
    /// 10,000, of which ten get each message.
    pub fn many() -> Self {
        Self { subscriptions: 10_000, ..Self::few() }
    }

    /// Ten, which get every message: what [`many`](Self::many) is compared with.
    pub fn few() -> Self {
        Self { subscriptions: 10, matching: 10, rate: 1_000, seconds: 4, warm_up_seconds: 1, bytes: 1_024 }
    }

    /// Runs it on a new topic of this name, and deletes its subscriptions and the topic.
    ///
    /// The outcome's correctness counts matches: too few are missing, too many are foreign.
    ///
    /// # Errors
    /// Those of the broker: nothing is tried again; or nothing has moved for [`STALL`](crate::STALL).
    pub async fn run(&self, client: &Client, topic: &str) -> Result<Outcome> {
        ensure!(self.rate > 0, "a rate of nothing is no load");
        ensure!(self.matching > 0 && self.subscriptions >= self.matching, "nothing would match");
        ensure!(self.subscriptions.is_multiple_of(self.matching), "the groups would differ in size");
        let progress = Arc::new(Progress::default());
        let expected = Expected { published: self.messages(), delivered: 0 };
        watched(&progress, expected, self.drive(client, topic, &progress)).await
    }

    fn messages(&self) -> u64 {
        self.rate * (self.warm_up_seconds + self.seconds)
    }

    fn groups(&self) -> u64 {
        (self.subscriptions / self.matching) as u64
    }

    async fn drive(&self, client: &Client, topic: &str, progress: &Arc<Progress>) -> Result<Outcome> {
        self.create(client, topic, progress).await?;
        let clock = Clock::start();
        let schedule = Schedule { start: clock.now() + LEAD, rate: self.rate };
        let publisher = client.publisher(topic).build();
        let (futures, published) = mpsc::channel(OUTSTANDING);
        let sending = self.send(&publisher, &futures, (clock, schedule));
        let receiving = self.receive(published, (clock, schedule), progress);
        let ((), mut outcome) = tokio::try_join!(sending, receiving)?;
        outcome.seconds = clock.now().saturating_sub(schedule.start).as_secs_f64();
        publisher.shutdown().await;
        self.delete(client, topic, progress).await?;
        Ok(outcome)
    }

    async fn create(&self, client: &Client, topic: &str, progress: &Progress) -> Result<()> {
        client.topics().create(topic).await?;
        let create = async |(number, name): (u64, String)| {
            // Different policies, although each group asks for the same.
            let group = number % self.groups();
            let json = format!(r#"{{"{ATTRIBUTE}": ["g{group}", "x{number}"]}}"#);
            let filter_policy = Some(FilterPolicy { json, ..FilterPolicy::default() });
            let settings = SubscriptionSettings { filter_policy, ..SubscriptionSettings::default() };
            client.subscriptions().create(name, topic).settings(settings).await?;
            progress.step();
            anyhow::Ok(())
        };
        let all = (0..).zip(names(topic, self.subscriptions));
        stream::iter(all).map(create).buffer_unordered(TOGETHER).try_collect().await
    }

    async fn delete(&self, client: &Client, topic: &str, progress: &Progress) -> Result<()> {
        let delete = async |name: String| {
            client.subscriptions().delete(name).await?;
            progress.step();
            anyhow::Ok(())
        };
        let all = names(topic, self.subscriptions);
        stream::iter(all).map(delete).buffer_unordered(TOGETHER).try_collect::<()>().await?;
        Ok(client.topics().delete(topic, true).await?)
    }

    /// Sends each message when it is due, as long as no more than [`OUTSTANDING`] are under way.
    async fn send(
        &self,
        publisher: &Publisher,
        futures: &mpsc::Sender<PublishFuture>,
        (clock, schedule): (Clock, Schedule),
    ) -> Result<()> {
        let (mut pace, data) = (pace::best()?, vec![0; self.bytes]);
        let mut next = 0;
        while next < self.messages() {
            pace.until(clock, schedule.due(next)).await?;
            let due = schedule.due_by(clock.now()).min(self.messages());
            for index in next..due {
                let group = format!("g{}", index % self.groups());
                let message = Message::new(data.clone()).attribute(ATTRIBUTE, group);
                // Whoever receives has failed if it is gone, and says so.
                _ = futures.send(publisher.enqueue(message).await?).await;
            }
            next = due;
        }
        Ok(())
    }

    async fn receive(
        &self,
        mut futures: mpsc::Receiver<PublishFuture>,
        (clock, schedule): (Clock, Schedule),
        progress: &Progress,
    ) -> Result<Outcome> {
        let (mut outcome, mut latency) = (Outcome::default(), Latency::default());
        for index in 0..self.messages() {
            let Some(future) = futures.recv().await else { break };
            let matched = future.await?.matched_subscriptions as usize;
            let after = clock.now().saturating_sub(schedule.due(index));
            if index >= self.rate * self.warm_up_seconds {
                latency.record(after);
            }
            outcome.correctness.missing += self.matching.saturating_sub(matched) as u64;
            outcome.correctness.foreign += matched.saturating_sub(self.matching) as u64;
            outcome.published += 1;
            progress.add_published(1);
        }
        outcome.publish_latency = latency.percentiles();
        Ok(outcome)
    }
}
