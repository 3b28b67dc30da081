//! Follows the durable end of the log and wakes the subscriptions that wait for it. One task a topic.

use std::sync::{Arc, Weak, atomic::Ordering};

use tokio::sync::watch;
use tokio_stream::{StreamExt as _, wrappers::WatchStream};
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

    /// There is no message from here on that may be delivered.
    pub(crate) fn readable(&self) -> Position {
        self.messages_end.load(Ordering::Acquire).min(self.visible())
    }
}

/// Only messages wake anybody: the acks of one subscription are no news to the others.
async fn pump(topic: Weak<Topic>, tail: watch::Receiver<Position>) {
    let mut announced = *tail.borrow();
    let mut moves = WatchStream::from_changes(tail);
    while moves.next().await.is_some() {
        let Some(topic) = topic.upgrade() else { return };
        if topic.is_deleted() {
            return;
        }
        // Under the lock: whoever appended what is durable now has noted that it is messages.
        let readable = {
            let _published = topic.state.lock();
            topic.readable()
        };
        if readable > announced {
            announced = readable;
            topic.wake_waiting();
        }
    }
}
