//! All topics and subscriptions in figures, for metrics: one look at each, none of them stopped for longer than that.

use types::{SubscriptionName, TopicName};

use crate::{Broker, SubscriptionStats, TopicStats};

impl Broker {
    /// Every topic, in the order of names.
    pub fn survey_topics(&self, mut each: impl FnMut(&TopicName, &TopicStats)) {
        let mut topics = self.inner.all_topics();
        topics.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        for topic in topics {
            each(&topic.name, &topic.stats());
        }
    }

    /// Every subscription, in the order of names; without `oldest_unsettled_at`, for which the log would have to be read.
    pub fn survey_subscriptions(&self, mut each: impl FnMut(&SubscriptionName, &SubscriptionStats)) {
        let mut subscriptions: Vec<_> = self.inner.subscriptions.iter().map(|s| s.clone()).collect();
        subscriptions.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        for subscription in subscriptions {
            // One that was deleted since has no figures.
            if let Ok(stats) = subscription.figures() {
                each(&subscription.name, &stats);
            }
        }
    }
}
