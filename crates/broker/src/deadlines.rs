//! When which subscription has something to do by itself. One heap for the whole broker, so that an idle subscription has no timer.

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    sync::{Arc, Weak},
};

use parking_lot::Mutex;
use tokio::sync::Notify;
use types::Timestamp;

use crate::subscription::Subscription;

#[derive(Debug, Default)]
pub(crate) struct Deadlines {
    heap: Mutex<BinaryHeap<Reverse<Entry>>>,
    /// An earlier deadline than all before came in.
    earlier: Notify,
}

#[derive(Debug)]
struct Entry {
    at: Timestamp,
    subscription: Weak<Subscription>,
}

impl Deadlines {
    /// Has the subscription looked at then. Each subscription sees to it that it has at most a few entries (see `Subscription::arm`).
    pub(crate) fn push(&self, at: Timestamp, subscription: &Arc<Subscription>) {
        let mut heap = self.heap.lock();
        let earliest = heap.peek().is_none_or(|Reverse(first)| at < first.at);
        heap.push(Reverse(Entry { at, subscription: Arc::downgrade(subscription) }));
        if earliest {
            self.earlier.notify_one();
        }
    }

    /// The earliest deadline.
    pub(crate) fn next(&self) -> Option<Timestamp> {
        self.heap.lock().peek().map(|Reverse(entry)| entry.at)
    }

    /// Takes one subscription whose deadline has come.
    pub(crate) fn pop_due(&self, now: Timestamp) -> Option<(Timestamp, Arc<Subscription>)> {
        let mut heap = self.heap.lock();
        while heap.peek().is_some_and(|Reverse(entry)| entry.at <= now) {
            let Reverse(entry) = heap.pop()?;
            if let Some(subscription) = entry.subscription.upgrade() {
                return Some((entry.at, subscription));
            }
        }
        None
    }

    /// Returns when a deadline came in that is earlier than all there were.
    pub(crate) async fn earlier(&self) {
        self.earlier.notified().await;
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.at == other.at
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.at.cmp(&other.at)
    }
}
