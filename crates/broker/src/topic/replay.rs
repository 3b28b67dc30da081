//! Reading a topic's log back: each record to the part that does not reflect it yet.

use std::sync::Arc;

use journal::{Frame, ReadError};
use types::{Invalid, Position, SubscriptionUid, Timestamp, push::EndpointStatus};

use super::{Topic, checkpoint::FilterPart, recover::Creation};
use crate::{
    OpenError,
    deduplication::Ids,
    record::{Message, Record, SubscriptionEvent, TopicEvent},
    subscription::{FilterChange, PolicyChange, Subscription},
};

/// Bytes read at a time.
const READ_BYTES: usize = 1 << 20;

/// Subscriptions whose messages a checkpoint has counted up to a position that the replay has not come to.
#[derive(Default)]
pub(super) struct Uncounted {
    subscriptions: Vec<(Position, u64, Arc<Subscription>)>,
    /// The lowest of those positions.
    next: Position,
}

impl Uncounted {
    pub(super) fn add(&mut self, subscription: Arc<Subscription>, part: &FilterPart) {
        self.next =
            if self.subscriptions.is_empty() { part.counted_to } else { self.next.min(part.counted_to) };
        self.subscriptions.push((part.counted_to, part.unread, subscription));
    }

    /// Every message below `position` was listed again, and no other: from there on messages count.
    fn come_to(&mut self, position: Position) {
        if self.subscriptions.is_empty() || position < self.next {
            return;
        }
        self.subscriptions.retain(|(counted_to, unread, subscription)| {
            let reached = *counted_to <= position;
            if reached {
                subscription.peek().reading.set_unread(*unread);
            }
            !reached
        });
        self.next = self.subscriptions.iter().map(|(counted_to, ..)| *counted_to).min().unwrap_or(0);
    }
}

/// Applies the log's records, each to the part that does not reflect it yet.
pub(super) struct Replay<'a> {
    pub(super) topic: &'a Arc<Topic>,
    pub(super) topic_as_of: Position,
    pub(super) uncounted: Uncounted,
    pub(super) last_at: Timestamp,
    pub(super) ids: Ids,
}

impl Replay<'_> {
    pub(super) async fn run(mut self, from: Position, end: Position) -> Result<(), OpenError> {
        let mut at = from;
        while at < end {
            match self.topic.log.read(at, READ_BYTES).await {
                Ok(frames) => {
                    for frame in &frames {
                        self.frame(frame, at)?;
                    }
                    at = frames.last().map_or(end, Frame::end);
                }
                Err(ReadError::Corrupt { from, to }) => {
                    tracing::error!(topic = %self.topic.name, from, to, "positions of the log are damaged and are passed over");
                    at = to;
                }
                Err(ReadError::Trimmed { first }) => at = first,
                Err(error) => return Err(error.into()),
            }
        }
        self.uncounted.come_to(Position::MAX);
        self.topic.shared.time.not_before(self.last_at);
        Ok(())
    }

    fn frame(&mut self, frame: &Frame, from: Position) -> Result<(), OpenError> {
        self.last_at = self.last_at.max(frame.at);
        self.topic.written(frame.batch.bytes().len());
        for (position, record) in
            (frame.first..).zip(frame.batch.records()).filter(|(position, _)| *position >= from)
        {
            let read = Record::read(&record).map_err(|error| OpenError::Damaged {
                log: self.topic.id.0,
                position,
                what: error.to_string(),
            })?;
            self.record(position, frame.at, read).map_err(|invalid| OpenError::Damaged {
                log: self.topic.id.0,
                position,
                what: invalid.to_string(),
            })?;
        }
        Ok(())
    }

    fn record(&mut self, position: Position, at: Timestamp, record: Record) -> Result<(), Invalid> {
        self.uncounted.come_to(position);
        match record {
            Record::Queue { uid, ordinal, record } => {
                self.queue_record(position, uid, ordinal, &record);
                Ok(())
            }
            Record::Subscription(event @ SubscriptionEvent::Updated { .. }) => self.updated(position, event),
            Record::Subscription(SubscriptionEvent::Endpoint { uid, status }) => {
                self.endpoint_status(position, uid, status);
                Ok(())
            }
            // For those who read the log back: it has changed nothing.
            Record::Attempt { .. } => Ok(()),
            Record::Message(message) => {
                self.topic.routing.list_again(&*self.topic.shared.contents, &message.payload, position);
                if position >= self.topic_as_of {
                    self.message(position, at, &message);
                }
                Ok(())
            }
            _ if position < self.topic_as_of => Ok(()),
            record => self.topic_record(position, record),
        }
    }

    fn message(&mut self, position: Position, at: Timestamp, message: &Message) {
        let mut state = self.topic.state.lock();
        state.end = position + 1;
        state.published = message.ordinal + 1;
        // As it was done when the message came.
        let window = state.settings.deduplication_window;
        state.deduplication.forget_old(at, window);
        if let Some(id) = message.deduplication_id.as_deref().filter(|_| !window.is_zero()) {
            state.deduplication.remember(self.ids.id(id), at, position);
        }
    }

    /// Any other record that is appended under the topic's lock.
    fn topic_record(&self, position: Position, record: Record) -> Result<(), Invalid> {
        let mut state = self.topic.state.lock();
        state.end = position + 1;
        match record {
            Record::Carried { sequence, .. } => {
                state.carried.insert(sequence, position);
            }
            Record::Topic(TopicEvent::Updated { settings }) => {
                self.topic.set_settings(&mut state, settings, position);
            }
            Record::Subscription(SubscriptionEvent::Deleted { uid }) => {
                state.remove(&self.topic.routing, uid);
            }
            Record::Subscription(event) => {
                if let Some(creation) = Creation::of(&event)? {
                    self.topic.create(&mut state, position, &creation);
                }
            }
            Record::Message(_) | Record::Queue { .. } | Record::Attempt { .. } => {}
        }
        Ok(())
    }

    fn queue_record(&self, position: Position, uid: SubscriptionUid, ordinal: u64, record: &queue::Record) {
        let Some(subscription) = self.subscription(uid) else { return };
        let mut state = subscription.peek();
        if position < state.end {
            return;
        }
        state.end = position + 1;
        state.apply(record, ordinal, position);
        if matches!(record, queue::Record::Sought { .. } | queue::Record::Paused | queue::Record::Resumed) {
            state.position = position;
        }
    }

    /// The settings were changed, the filter policy perhaps.
    fn updated(&self, position: Position, event: SubscriptionEvent) -> Result<(), Invalid> {
        let SubscriptionEvent::Updated { uid, settings, backlog, published } = event else { return Ok(()) };
        let Some(subscription) = self.subscription(uid) else { return Ok(()) };
        let mut topic_state = self.topic.state.lock();
        let mut state = subscription.peek();
        if position < state.end {
            return Ok(());
        }
        state.end = position + 1;
        state.position = position;
        let filter = FilterChange::of(state.queue.settings(), &settings, backlog)?;
        let change = PolicyChange { position, published, filter, backlog };
        subscription.change_policy(self.topic, &mut topic_state, &mut state, change);
        state.set_settings(settings);
        Ok(())
    }

    fn endpoint_status(&self, position: Position, uid: SubscriptionUid, status: EndpointStatus) {
        let Some(subscription) = self.subscription(uid) else { return };
        let mut state = subscription.peek();
        if position < state.end {
            return;
        }
        state.end = position + 1;
        state.position = position;
        state.set_endpoint_status(status);
    }

    /// One that is deleted by now is of no interest.
    fn subscription(&self, uid: SubscriptionUid) -> Option<Arc<Subscription>> {
        self.topic.state.lock().subscriptions.get(&uid).cloned()
    }
}
