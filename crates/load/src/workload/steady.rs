use std::{sync::Arc, time::Duration};

use anyhow::Result;
use serde::{Deserialize, Serialize};

use super::{
    Drive,
    drive::{Consumers, Share, await_receipts, send_on_schedule},
    names,
};
use crate::{Body, Clock, Expected, Outcome, Progress, System, pace::Schedule};

/// From the last preparation to the first message.
pub(crate) const LEAD: Duration = Duration::from_millis(20);

/// W3: one publisher at a fixed rate, which does not wait for anything; every subscription (`{topic}-0` and so on) settles every message.
/// Latencies are from when a message was due, so that a system that stands still pays for all that should have been sent meanwhile. The outcome's
/// counts are with the warm-up, its latencies without.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Steady {
    /// Messages a second.
    pub rate: u64,
    /// How long it is measured.
    pub seconds: u64,
    /// How long it runs before that.
    pub warm_up_seconds: u64,
    /// Bytes of each message.
    pub bytes: usize,
    /// Subscriptions, each with one consumer.
    pub subscriptions: usize,
}

impl Steady {
    fn messages(&self) -> u64 {
        self.rate * (self.warm_up_seconds + self.seconds)
    }
}

impl Drive for Steady {
    fn expected(&self) -> Expected {
        let published = self.messages();
        Expected { published, delivered: published * self.subscriptions as u64 }
    }

    async fn drive(&self, system: &impl System, topic: &str, progress: &Arc<Progress>) -> Result<Outcome> {
        anyhow::ensure!(self.rate > 0, "a rate of nothing is no load");
        let (names, messages) = (names(topic, self.subscriptions), self.messages());
        let counted_from = self.rate * self.warm_up_seconds;
        system.create(topic, &names).await?;
        let clock = Clock::start();
        let mut consumers = Consumers::new(clock, progress);
        for name in &names {
            consumers.start(system, (topic, name), messages, counted_from).await?;
        }
        let (publisher, receipts) = system.publisher(topic).await?;
        let filling = Body::filling(self.bytes);
        progress.begin();
        let schedule = Schedule { start: clock.now() + LEAD, rate: self.rate };
        let share = Share { schedule, turn: 0, turns: 1, messages, counted_from };
        let mut publishers = [publisher];
        let ((), published, total) = tokio::try_join!(
            send_on_schedule(&mut publishers, messages, &filling, (clock, schedule)),
            await_receipts(receipts, share, clock, progress.clone()),
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
