//! Follows the durable end of the log and wakes the subscriptions that wait for it. One task a topic.

use std::sync::{Arc, Weak, atomic::Ordering};

use tokio::sync::watch;
use types::Position;

use super::Topic;
use crate::subscription::Subscription;

impl Topic {
    /// Starts following. Ends by itself once the topic is gone.
    pub(crate) fn start_pump(self: &Arc<Self>) {
        tokio::spawn(pump(Arc::downgrade(self), self.log.tail()));
    }

    /// From now on new messages wake this subscription, for as long as a consumer of it waits.
    pub(crate) fn wake_on_next(&self, subscription: &Arc<Subscription>) {
        let mut waiting = self.waiting.lock();
        if !subscription.listed.swap(true, Ordering::AcqRel) {
            waiting.push(subscription.clone());
        }
    }

    fn wake_waiting(&self) {
        self.waiting.lock().retain(|subscription| {
            let keep = subscription.new_messages();
            subscription.listed.store(keep, Ordering::Release);
            keep
        });
    }
}

async fn pump(topic: Weak<Topic>, mut tail: watch::Receiver<Position>) {
    while tail.changed().await.is_ok() {
        let Some(topic) = topic.upgrade() else { return };
        if topic.is_deleted() {
            return;
        }
        topic.wake_waiting();
    }
}
