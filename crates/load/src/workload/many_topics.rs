use std::sync::Arc;

use anyhow::Result;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

use super::{
    Drive,
    drive::{Consumers, Share, await_receipts, send_on_schedule},
    names,
    steady::LEAD,
};
use crate::{Body, Clock, Expected, Latency, Outcome, Progress, System, pace::Schedule};

/// Topics that are created at a time.
const TOGETHER: usize = 16;

/// W5: many topics (`{topic}-0` and so on), each with one subscription (`{topic}-0-0`) and one publisher that sends a message a second. They take
/// turns, evenly over the second. The outcome's counts are with the warm-up, its latencies without.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManyTopics {
    /// How many topics, and messages a second over all of them.
    pub topics: usize,
    /// How long it is measured, which is how many messages each topic gets.
    pub seconds: u64,
    /// How long it runs before that.
    pub warm_up_seconds: u64,
    /// Bytes of each message.
    pub bytes: usize,
}

impl ManyTopics {
    fn each(&self) -> u64 {
        self.warm_up_seconds + self.seconds
    }

    /// All that is needed before the first message, and what sends it.
    async fn prepare<S: System>(
        &self,
        system: &S,
        topics: &[String],
        consumers: &mut Consumers,
        progress: &Progress,
    ) -> Result<Vec<(S::Publisher, S::Receipts)>> {
        let create = async |topic: &String| {
            system.create(topic, &names(topic, 1)).await?;
            progress.step();
            anyhow::Ok(())
        };
        stream::iter(topics).map(create).buffer_unordered(TOGETHER).try_collect::<()>().await?;
        let mut ends = Vec::with_capacity(topics.len());
        for topic in topics {
            let [subscription] = &names(topic, 1)[..] else { unreachable!("one was asked for") };
            consumers.start(system, (topic, subscription), self.each(), self.warm_up_seconds).await?;
            ends.push(system.publisher(topic).await?);
            progress.step();
        }
        Ok(ends)
    }
}

impl Drive for ManyTopics {
    fn expected(&self) -> Expected {
        let published = self.each() * self.topics as u64;
        Expected { published, delivered: published }
    }

    async fn drive(&self, system: &impl System, topic: &str, progress: &Arc<Progress>) -> Result<Outcome> {
        anyhow::ensure!(self.topics > 0, "no topic is no load");
        let (clock, topics) = (Clock::start(), names(topic, self.topics));
        let mut consumers = Consumers::new(clock, progress);
        let ends = self.prepare(system, &topics, &mut consumers, progress).await?;
        let filling = Body::filling(self.bytes);
        progress.begin();
        let schedule = Schedule { start: clock.now() + LEAD, rate: self.topics as u64 };
        let (mut publishers, mut receipts) = (Vec::with_capacity(ends.len()), JoinSet::new());
        for ((publisher, of_it), turn) in ends.into_iter().zip(0..) {
            let turns = self.topics as u64;
            let share =
                Share { schedule, turn, turns, messages: self.each(), counted_from: self.warm_up_seconds };
            receipts.spawn(await_receipts(of_it, share, clock, progress.clone()));
            publishers.push(publisher);
        }
        let messages = self.expected().published;
        let ((), published, total) = tokio::try_join!(
            send_on_schedule(&mut publishers, messages, &filling, (clock, schedule)),
            sum(receipts),
            consumers.all(),
        )?;
        Ok(Outcome {
            published: messages,
            delivered: total.delivered,
            seconds: clock.now().saturating_sub(schedule.start).as_secs_f64(),
            publish_latency: published.percentiles(),
            delivery_latency: total.latency.percentiles(),
            correctness: total.correctness,
        })
    }
}

async fn sum(mut tasks: JoinSet<Result<Latency>>) -> Result<Latency> {
    let mut sum = Latency::default();
    while let Some(latency) = tasks.join_next().await {
        sum.add(&latency??);
    }
    Ok(sum)
}
