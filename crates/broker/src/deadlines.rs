//! When which subscription has something to do by itself. One list for the whole broker, so that an idle subscription has no timer.
//!
//! # Limits
//! One entry a subscription, at most.

use std::{
    collections::BTreeMap,
    sync::{Arc, Weak},
};

use parking_lot::Mutex;
use tokio::sync::Notify;
use types::{SubscriptionUid, Timestamp};

use crate::subscription::Subscription;

#[derive(Debug, Default)]
pub(crate) struct Deadlines {
    by_time: Mutex<BTreeMap<(Timestamp, SubscriptionUid), Weak<Subscription>>>,
    /// An earlier deadline than all before came in.
    earlier: Arc<Notify>,
}

impl Deadlines {
    /// Has the subscription looked at then, instead of at `before`.
    pub(crate) fn set(&self, before: Timestamp, at: Timestamp, subscription: &Arc<Subscription>) {
        let mut by_time = self.by_time.lock();
        by_time.remove(&(before, subscription.uid));
        let earliest = by_time.first_key_value().is_none_or(|((first, _), _)| at < *first);
        by_time.insert((at, subscription.uid), Arc::downgrade(subscription));
        if earliest {
            self.earlier.notify_one();
        }
    }

    /// The subscription has nothing to do any more.
    pub(crate) fn clear(&self, at: Timestamp, uid: SubscriptionUid) {
        self.by_time.lock().remove(&(at, uid));
    }

    /// The earliest deadline.
    pub(crate) fn next(&self) -> Option<Timestamp> {
        self.by_time.lock().first_key_value().map(|((at, _), _)| *at)
    }

    /// Takes one subscription whose deadline has come.
    pub(crate) fn pop_due(&self, now: Timestamp) -> Option<Arc<Subscription>> {
        let mut by_time = self.by_time.lock();
        while by_time.first_key_value().is_some_and(|((at, _), _)| *at <= now) {
            let (_, subscription) = by_time.pop_first()?;
            if let Some(subscription) = subscription.upgrade() {
                return Some(subscription);
            }
        }
        None
    }

    /// Is told when a deadline comes in that is earlier than all there were.
    pub(crate) fn earlier(&self) -> Arc<Notify> {
        self.earlier.clone()
    }

    /// Entries there are.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.by_time.lock().len()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;
    use journal::MemoryJournal;
    use types::{ManualClock, MessageMeta, SubscriptionSettings, TopicName, TopicSettings};

    use super::*;
    use crate::{Ask, Broker, Config, NewMessage, StartPosition};

    #[tokio::test]
    async fn a_subscription_has_one_deadline_however_often_its_leases_change() {
        let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1_000)));
        let broker = Broker::open(
            Arc::new(MemoryJournal::default()),
            clock.clone(),
            Arc::new(crate::PlainBodies),
            Config::default(),
        )
        .await
        .unwrap();
        let topic: TopicName = "t".parse().unwrap();
        broker.create_topic(topic.clone(), TopicSettings::default()).await.unwrap();
        let name = "s".parse().unwrap();
        let start = StartPosition::Latest;
        broker.create_subscription(name, &topic, SubscriptionSettings::default(), start).await.unwrap();
        let subscriber = broker.subscriber(&"s".parse().unwrap()).unwrap();
        let later = MessageMeta { deliver_at: broker.now().plus(Duration::from_secs(86_400)), ..meta() };
        for meta in [later, meta()] {
            broker
                .publish(&topic, vec![NewMessage { meta, payload: Bytes::from_static(b"x") }])
                .await
                .unwrap();
        }
        let ask = Ask { max_messages: 10, max_bytes: u64::MAX };
        let leased = subscriber.consumer().unwrap().next(ask).await.unwrap();
        for step in 0..1_000 {
            let by = Duration::from_secs(40_000 - step);
            subscriber.extend(&[leased[0].ack_id], by).unwrap()[0].unwrap();
            clock.advance(Duration::from_secs(31));
            broker.run_due().await.unwrap();
            assert!(broker.inner.shared.deadlines.len() <= 1);
        }
    }

    fn meta() -> MessageMeta {
        MessageMeta { correlation_id: "c".into(), ..MessageMeta::default() }
    }
}
