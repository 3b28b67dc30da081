//! Publishes the events, slowly enough to be watched.

use std::{
    collections::HashSet,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use fanfare_client::{
    Client,
    publisher::{PublishError, Published},
};
use tokio::time::{MissedTickBehavior, interval};

use super::{events::Event, story::TOPIC};

/// So many at a time, and the time from one time to the next: 100 a second.
const STEP: usize = 15;
const PACE: Duration = Duration::from_millis(150);

/// What the broker answered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Answers {
    /// Different messages that it stored.
    pub(super) stored: HashSet<String>,
    /// Subscriptions that they go to, in all.
    pub(super) matched: u64,
}

impl Answers {
    fn add(&mut self, published: Published) {
        if !published.deduplicated {
            self.stored.insert(published.message_id);
            self.matched += u64::from(published.matched_subscriptions);
        }
    }
}

/// Publishes all events in their order; `progress` counts those that are answered.
pub(super) async fn publish(
    client: &Client,
    events: &[Event],
    progress: &AtomicU64,
) -> Result<Answers, PublishError> {
    let publisher = client.publisher(TOPIC).build();
    let mut answers = Answers::default();
    let mut pace = interval(PACE);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for step in events.chunks(STEP) {
        pace.tick().await;
        let mut futures = Vec::with_capacity(STEP);
        for event in step {
            futures.push(publisher.enqueue(event.message.clone()).await?);
        }
        for future in futures {
            answers.add(future.await?);
            progress.fetch_add(1, Ordering::Relaxed);
        }
    }
    publisher.shutdown().await;
    Ok(answers)
}
