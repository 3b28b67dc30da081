//! Follows the durable end of the log and wakes the subscriptions that wait for it. One task a topic.

use std::sync::{Arc, Weak, atomic::Ordering};

use tokio::sync::watch;
use tokio_stream::{StreamExt as _, wrappers::WatchStream};
use types::Position;

use super::{Filter, Topic};
use crate::{route::wake, subscription::Subscription};

impl Topic {
    /// Starts following. Ends by itself once the topic is gone.
    pub(crate) fn start_pump(self: &Arc<Self>) {
        tokio::spawn(pump(Arc::downgrade(self), self.log.tail()));
    }

    /// From now on new messages that it gets wake this subscription, for as long as a consumer of it waits.
    pub(crate) fn wake_on_next(&self, subscription: &Arc<Subscription>) {
        // Under the subscription's lock, so that its filter policy does not change before it is on the list.
        let state = subscription.peek();
        if state.deleted {
            return;
        }
        self.list_waiting(subscription, state.reading.filter());
    }

    /// Puts it on the list of those that wait for what this filter lets in. Under the subscription's lock.
    pub(crate) fn list_waiting(&self, subscription: &Arc<Subscription>, filter: Option<&Filter>) {
        let mut waiting = filter.map_or(&self.waiting, |filter| &filter.route.waiting).lock();
        if !subscription.listed.swap(true, Ordering::AcqRel) {
            waiting.push(Arc::downgrade(subscription));
        }
        drop(waiting);
        if let Some(filter) = filter {
            self.routing.awaits(filter);
        }
    }

    /// It gets other messages from now on: takes it off the list that it is on. Under the subscription's lock.
    pub(crate) fn forget_waiting(&self, subscription: &Subscription, filter: Option<&Filter>) {
        let mut waiting = filter.map_or(&self.waiting, |filter| &filter.route.waiting).lock();
        if subscription.listed.swap(false, Ordering::AcqRel) {
            waiting.retain(|other| other.upgrade().is_some_and(|other| other.uid != subscription.uid));
        }
    }

    fn wake_waiting(&self, readable: Position) {
        wake(&self.waiting);
        self.routing.tell(readable);
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
            topic.wake_waiting(readable);
        }
    }
}
