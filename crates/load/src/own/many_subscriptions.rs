//! W6: what filtered subscriptions cost a publisher.

use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use fanfare_client::{
    Client, Message,
    proto::{FilterPolicy, SubscriptionSettings},
    publisher::Publisher,
};
use futures_util::{FutureExt as _, StreamExt as _, TryStreamExt as _, future::BoxFuture, stream};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use crate::{
    Body, Clock, Correctness, Expected, Outcome, Progress, Sent,
    pace::Schedule,
    progress::watched,
    waiting,
    workload::{
        LEAD,
        drive::{Share, await_receipts, send_on_schedule},
        names,
    },
};

/// Subscriptions that are created at a time.
const TOGETHER: usize = 64;
/// The attribute that the policies look at.
const ATTRIBUTE: &str = "group";
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

    /// Runs it on a new topic of this name, with subscriptions `{topic}-0` and so on, which are left there.
    ///
    /// The outcome's correctness counts matches: too few are missing, too many are foreign.
    ///
    /// # Errors
    /// Those of the broker: nothing is tried again; or nothing has moved for [`STALL`](crate::STALL).
    pub async fn run_watched(
        &self,
        client: &Client,
        topic: &str,
        progress: &Arc<Progress>,
    ) -> Result<Outcome> {
        ensure!(self.rate > 0, "a rate of nothing is no load");
        ensure!(self.matching > 0 && self.subscriptions >= self.matching, "nothing would match");
        ensure!(self.subscriptions.is_multiple_of(self.matching), "the groups would differ in size");
        let expected = Expected { published: self.messages(), delivered: 0 };
        watched(progress, expected, self.drive(client, topic, progress)).await
    }

    fn messages(&self) -> u64 {
        self.rate * (self.warm_up_seconds + self.seconds)
    }

    fn groups(&self) -> u64 {
        (self.subscriptions / self.matching) as u64
    }

    async fn drive(&self, client: &Client, topic: &str, progress: &Arc<Progress>) -> Result<Outcome> {
        self.create(client, topic, progress).await?;
        let publisher = client.publisher(topic).max_outstanding_messages(OUTSTANDING).build();
        let ((sent, receipts), found) = (waiting(), Arc::default());
        let groups = self.groups();
        let mut publishers = [Grouped { publisher, sent, groups, matching: self.matching, found }];
        let (filling, messages) = (Body::filling(self.bytes), self.messages());
        progress.begin();
        let clock = Clock::start();
        let schedule = Schedule { start: clock.now() + LEAD, rate: self.rate };
        let counted_from = self.rate * self.warm_up_seconds;
        let share = Share { schedule, turn: 0, turns: 1, messages, counted_from };
        let ((), latency) = tokio::try_join!(
            send_on_schedule(&mut publishers, messages, &filling, (clock, schedule)),
            await_receipts(receipts, share, clock, progress.clone()),
        )?;
        let [Grouped { found, .. }] = publishers;
        let correctness = *found.lock();
        Ok(Outcome {
            published: messages,
            seconds: clock.now().saturating_sub(schedule.start).as_secs_f64(),
            publish_latency: latency.percentiles(),
            correctness,
            ..Outcome::default()
        })
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
}

/// Publishes each message to the group whose turn it is.
struct Grouped {
    publisher: Publisher,
    sent: Sent<BoxFuture<'static, Result<usize>>>,
    groups: u64,
    matching: usize,
    found: Arc<Mutex<Correctness>>,
}

impl crate::Publisher for Grouped {
    async fn send(&mut self, body: Bytes) -> Result<()> {
        let Body { index, .. } = Body::decode(&body).context("it is too short")?;
        let message = Message::new(body).attribute(ATTRIBUTE, format!("g{}", index % self.groups));
        let published = self.publisher.enqueue(message).await?;
        let matched = published.map(|result| Ok(result?.matched_subscriptions as usize));
        self.sent.push(Box::pin(compared(matched, self.matching, self.found.clone())));
        Ok(())
    }

    async fn flush(&mut self) -> Result<()> {
        // A batch goes out by itself, at the latest after a millisecond.
        Ok(())
    }
}

/// Waits for how many subscriptions a message matched, and notes what is wrong with that.
async fn compared(
    matched: impl Future<Output = Result<usize>>,
    matching: usize,
    found: Arc<Mutex<Correctness>>,
) -> Result<usize> {
    let matched = matched.await?;
    let mut found = found.lock();
    found.missing += matching.saturating_sub(matched) as u64;
    found.foreign += matched.saturating_sub(matching) as u64;
    Ok(1)
}

#[cfg(test)]
mod tests {
    use std::future::ready;

    use super::*;

    #[tokio::test]
    async fn a_message_that_matched_too_few_or_too_many_subscriptions_is_found() {
        for (matched, missing, foreign) in [(10, 0, 0), (7, 3, 0), (12, 0, 2), (0, 10, 0)] {
            let found = Arc::<Mutex<Correctness>>::default();
            assert_eq!(compared(ready(Ok(matched)), 10, found.clone()).await.unwrap(), 1);
            assert_eq!(
                *found.lock(),
                Correctness { missing, foreign, ..Correctness::default() },
                "{matched}"
            );
        }
        let refused = ready(Err(anyhow::anyhow!("no")));
        assert!(compared(refused, 10, Arc::default()).await.is_err());
    }
}
