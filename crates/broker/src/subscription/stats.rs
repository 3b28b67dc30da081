//! A subscription in figures.

use std::sync::atomic::Ordering;

use types::Timestamp;

use super::{State, Subscription};
use crate::{SubscriptionNotFound, SubscriptionStats, topic::Topic};

impl Subscription {
    /// In figures.
    pub(crate) async fn stats(&self) -> Result<SubscriptionStats, SubscriptionNotFound> {
        let topic = self.topic()?;
        if let Err(error) = self.count_unread(&topic, usize::MAX).await {
            tracing::warn!(subscription = %self.name, %error, "the backlog could not be counted: the log was not read");
        }
        let mut stats = self.figures()?;
        if stats.backlog > 0 {
            stats.oldest_unsettled_at = self.oldest_unsettled_at(&topic).await;
        }
        Ok(stats)
    }

    async fn oldest_unsettled_at(&self, topic: &Topic) -> Option<Timestamp> {
        if !self.peek().reads_plainly() {
            // The next message of the log need not be the next one of this subscription.
            let in_hand = |state: &State| (state.queue.in_window(0).next().is_some()).then_some(true);
            self.read_until(topic, in_hand).await.ok()?;
        }
        let oldest = self.peek().queue.oldest_unsettled();
        topic.published_at(oldest).await
    }

    /// What memory knows: all but the time of the oldest unsettled message. A backlog under earlier filter policies that is not counted
    /// yet is left out; upkeep counts it.
    pub(crate) fn figures(&self) -> Result<SubscriptionStats, SubscriptionNotFound> {
        let topic = self.topic()?;
        let published = topic.state.lock().published;
        let state = self.lock()?;
        let now = self.shared.time.now();
        let filter = state.reading.filter();
        Ok(SubscriptionStats {
            backlog: state.backlog(published, now).0,
            oldest_unsettled_at: None,
            consumers: self.consumers.load(Ordering::Relaxed) as u64,
            counts: state.queue.counts(now),
            filter: state.tally.stats(filter, topic.routing.figures(filter, published)),
            push: self.push_figures(&state),
        })
    }
}

impl State {
    /// Messages neither settled nor dead-lettered. `false`: what an earlier filter policy decides on is not counted yet.
    pub(crate) fn backlog(&self, published: u64, now: Timestamp) -> (u64, bool) {
        let counts = self.queue.counts(now);
        let window =
            counts.ready + counts.leased + counts.delayed + counts.backing_off + counts.waiting_for_key;
        let unread = self.reading.unread(published);
        (unread.unwrap_or(0).saturating_sub(counts.settled_ahead) + window, unread.is_some())
    }
}
