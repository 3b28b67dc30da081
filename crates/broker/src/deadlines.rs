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
