//! Opening a topic: the latest checkpoint, then every record after it.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize},
    },
};

use journal::{Frame, Log, ReadError};
use parking_lot::Mutex;
use queue::Queue;
use types::{LogId, Position, SubscriptionUid, Timestamp, TopicName, TopicSettings};

use super::{
    Topic, TopicState,
    checkpoint::{Progress, SubscriptionPart, TopicPart},
};
use crate::{
    OpenError,
    cache::TailCache,
    deduplication::{Deduplication, fingerprint},
    record::{Record, Start, SubscriptionEvent, TopicEvent},
    shared::Shared,
    subscription::Subscription,
};

/// Bytes read at a time.
const READ_BYTES: usize = 1 << 20;

/// A topic as the catalog knows it.
#[derive(Debug, Clone)]
pub(crate) struct Opening {
    pub(crate) id: LogId,
    pub(crate) name: TopicName,
    pub(crate) created_at: Timestamp,
    /// As it was created; the log knows of changes.
    pub(crate) settings: TopicSettings,
}

/// A subscription's identifier follows from where it was created, so no two ever share one.
///
/// # Errors
/// More than 2^24 topics were ever created, or 2^40 records written to one.
pub(crate) fn subscription_uid(log: LogId, position: Position) -> Option<SubscriptionUid> {
    (log.0 < 1 << 24 && position < 1 << 40).then_some(SubscriptionUid(log.0 << 40 | position))
}

impl Topic {
    /// Reads the topic back from its log.
    pub(crate) async fn recover(
        opening: Opening,
        log: Arc<dyn Log>,
        shared: &Arc<Shared>,
    ) -> Result<Arc<Self>, OpenError> {
        let end = *log.tail().borrow();
        let checkpoint = log.load_checkpoint().await?;
        let damaged = |what| OpenError::Damaged { log: opening.id.0, position: 0, what };
        let part = checkpoint.as_ref().map(|c| TopicPart::decode(&c.state)).transpose().map_err(damaged)?;
        let first = log.segments().first().map_or(1, |segment| segment.first);
        let from = checkpoint.map_or(first, |checkpoint| checkpoint.replay_from.max(first));
        let as_of = part.as_ref().map_or(first, |part| part.as_of);
        let topic = Arc::new(Self::new(opening, log, shared, end));
        if let Some(part) = part {
            topic.take_over(part)?;
        }
        Replay { topic: &topic, topic_as_of: as_of, last_at: Timestamp::EPOCH }.run(from, end).await?;
        Ok(topic)
    }

    fn new(opening: Opening, log: Arc<dyn Log>, shared: &Arc<Shared>, end: Position) -> Self {
        let state = TopicState {
            settings: opening.settings.clone(),
            position: 1,
            deduplication: Deduplication::default(),
            published: 0,
            deduplicated: 0,
            subscriptions: BTreeMap::new(),
            end: 1,
            closed: false,
            carried: BTreeMap::new(),
            moving: BTreeMap::new(),
        };
        let topic = Self {
            name: opening.name,
            id: opening.id,
            created_at: opening.created_at,
            cache: TailCache::new(shared.cache.clone(), end),
            shared: shared.clone(),
            state: Mutex::new(state),
            tail: log.tail(),
            waiting: Mutex::default(),
            upkeep: tokio::sync::Mutex::new(Progress::default()),
            deleted: AtomicBool::new(false),
            messages_end: AtomicU64::new(end),
            age_check_due: AtomicBool::new(false),
            first: AtomicU64::new(log.segments().first().map_or(1, |segment| segment.first)),
            log,
            refused_bytes: AtomicUsize::new(0),
            written: AtomicU64::new(0),
            max_age: AtomicU64::new(0),
        };
        topic.set_settings(&mut topic.state.lock(), opening.settings, 1);
        topic
    }

    /// Takes a checkpoint's state.
    fn take_over(self: &Arc<Self>, part: TopicPart) -> Result<(), OpenError> {
        let damaged = |what| OpenError::Damaged { log: self.id.0, position: part.as_of, what };
        self.shared.time.not_before(part.at);
        let mut state = self.state.lock();
        self.set_settings(&mut state, part.topic_settings().map_err(damaged)?, part.position);
        state.published = part.published;
        state.end = part.end;
        for (id, at, sequence) in &part.deduplication {
            state.deduplication.remember(*id, *at, *sequence);
        }
        for subscription in part.subscriptions {
            let restored = self.restore(subscription)?;
            state.subscriptions.insert(restored.uid, restored);
        }
        state.carried = part.carried;
        Ok(())
    }

    fn restore(self: &Arc<Self>, part: SubscriptionPart) -> Result<Arc<Subscription>, OpenError> {
        let settings = part.subscription_settings();
        let settings =
            settings.map_err(|what| OpenError::Damaged { log: self.id.0, position: part.as_of, what })?;
        let queue = Queue::restore(part.uid, settings, part.queue, self.shared.boot);
        let me = Arc::downgrade(self);
        let restored = Subscription::new(
            part.uid,
            part.name,
            part.created_at,
            &me,
            &self.shared,
            queue,
            part.ordinal,
            part.position,
        );
        restored.peek().end = part.as_of;
        Ok(restored)
    }

    /// A subscription as its creation record says; `position` is that record's.
    pub(crate) fn create(
        self: &Arc<Self>,
        position: Position,
        published: u64,
        event: &SubscriptionEvent,
    ) -> Option<Arc<Subscription>> {
        let SubscriptionEvent::Created { name, settings, created_at, start } = event else { return None };
        let uid = subscription_uid(self.id, position)?;
        let Start { cursor, ordinal } = start.unwrap_or(Start { cursor: position + 1, ordinal: published });
        let queue = Queue::new(uid, settings.clone(), cursor, self.shared.boot);
        let me = Arc::downgrade(self);
        Some(Subscription::new(uid, name.clone(), *created_at, &me, &self.shared, queue, ordinal, position))
    }
}

/// Applies the log's records, each to the part that does not reflect it yet.
struct Replay<'a> {
    topic: &'a Arc<Topic>,
    topic_as_of: Position,
    last_at: Timestamp,
}

impl Replay<'_> {
    async fn run(mut self, from: Position, end: Position) -> Result<(), OpenError> {
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
        self.topic.shared.time.not_before(self.last_at);
        Ok(())
    }

    fn frame(&mut self, frame: &Frame, from: Position) -> Result<(), OpenError> {
        self.last_at = self.last_at.max(frame.at);
        self.topic.written(&frame.batch);
        for (position, record) in
            (frame.first..).zip(frame.batch.records()).filter(|(position, _)| *position >= from)
        {
            let read = Record::read(&record).map_err(|error| OpenError::Damaged {
                log: self.topic.id.0,
                position,
                what: error.to_string(),
            })?;
            self.record(position, frame.at, read);
        }
        Ok(())
    }

    fn record(&self, position: Position, at: Timestamp, record: Record) {
        match record {
            Record::Queue { uid, ordinal, record } => self.queue_record(position, uid, ordinal, &record),
            Record::Subscription(SubscriptionEvent::Updated { uid, settings }) => {
                self.with_subscription(position, uid, |state| {
                    state.queue.set_settings(settings.clone());
                    state.position = position;
                });
            }
            _ if position < self.topic_as_of => {}
            record => self.topic_record(position, at, record),
        }
    }

    /// A record that is appended under the topic's lock.
    fn topic_record(&self, position: Position, at: Timestamp, record: Record) {
        let mut state = self.topic.state.lock();
        state.end = position + 1;
        match record {
            Record::Message(message) => {
                state.published = message.ordinal + 1;
                if let Some(id) = &message.deduplication_id {
                    state.deduplication.remember(fingerprint(id), at, position);
                }
            }
            Record::Carried { sequence, .. } => {
                state.carried.insert(sequence, position);
            }
            Record::Topic(TopicEvent::Updated { settings }) => {
                self.topic.set_settings(&mut state, settings, position);
            }
            Record::Subscription(event @ SubscriptionEvent::Created { .. }) => {
                if let Some(created) = self.topic.create(position, state.published, &event) {
                    state.subscriptions.insert(created.uid, created);
                }
            }
            Record::Subscription(SubscriptionEvent::Deleted { uid }) => {
                state.subscriptions.remove(&uid);
            }
            Record::Subscription(SubscriptionEvent::Updated { .. }) | Record::Queue { .. } => {}
        }
    }

    fn queue_record(&self, position: Position, uid: SubscriptionUid, ordinal: u64, record: &queue::Record) {
        self.with_subscription(position, uid, |state| {
            state.apply(record, ordinal);
            if matches!(record, queue::Record::Sought { .. } | queue::Record::Paused | queue::Record::Resumed)
            {
                state.position = position;
            }
        });
    }

    /// A record that is appended under the subscription's lock. One of a subscription that is deleted by now is of no interest.
    fn with_subscription(
        &self,
        position: Position,
        uid: SubscriptionUid,
        apply: impl FnOnce(&mut crate::subscription::State),
    ) {
        let subscription = self.topic.state.lock().subscriptions.get(&uid).cloned();
        let Some(subscription) = subscription else { return };
        let mut state = subscription.peek();
        if position >= state.end {
            state.end = position + 1;
            apply(&mut state);
        }
    }
}
