//! Opening a topic: the latest checkpoint, then every record after it.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize},
    },
};

use journal::Log;
use parking_lot::Mutex;
use queue::Queue;
use types::{
    Invalid, LogId, Position, SubscriptionName, SubscriptionSettings, SubscriptionUid, Timestamp, TopicName,
    TopicSettings,
};

use super::{
    Checked, Routing, Topic, TopicState,
    checkpoint::{EraPart, FilterPart, Progress, SubscriptionPart, TopicPart},
    replay::{Replay, Uncounted},
};
use crate::{
    OpenError,
    cache::TailCache,
    deduplication::{Deduplication, Ids},
    record::{Start, SubscriptionEvent},
    shared::Shared,
    subscription::{Reading, Subscription},
};

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
        let uncounted = part.map_or_else(|| Ok(Uncounted::default()), |part| topic.take_over(part, from))?;
        let replay = Replay {
            topic: &topic,
            topic_as_of: as_of,
            uncounted,
            last_at: Timestamp::EPOCH,
            ids: Ids::default(),
        };
        replay.run(from, end).await?;
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
            filtered: 0,
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
            routing: Routing::new(shared.hash_seed ^ opening.id.0, shared.listed.clone()),
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

    /// Takes a checkpoint's state. The log is read from `from` on.
    fn take_over(self: &Arc<Self>, part: TopicPart, from: Position) -> Result<Uncounted, OpenError> {
        let damaged = |what| OpenError::Damaged { log: self.id.0, position: part.as_of, what };
        self.shared.time.not_before(part.at);
        let mut state = self.state.lock();
        self.set_settings(&mut state, part.topic_settings().map_err(damaged)?, part.position);
        state.published = part.published;
        state.end = part.end;
        state.deduplication = Deduplication::restore(&part.deduplication, &part.deduplication_runs);
        let mut filters: BTreeMap<_, _> = part.filters.into_iter().map(|part| (part.uid, part)).collect();
        let endpoints: BTreeMap<_, _> = part.endpoints.iter().map(|part| (part.uid, part)).collect();
        let mut uncounted = Uncounted::default();
        for subscription in part.subscriptions {
            let filter = filters.remove(&subscription.uid);
            let endpoint = endpoints.get(&subscription.uid).map(|part| part.status());
            let restored = self.restore(subscription, filter.as_ref(), from)?;
            if let Some(status) = endpoint.transpose().map_err(damaged)? {
                restored.peek().set_endpoint_status(status);
            }
            if let Some(filter) = filter.filter(|_| restored.peek().reading.filter().is_some()) {
                uncounted.add(restored.clone(), &filter);
            }
            state.insert(restored);
        }
        state.carried = part.carried;
        Ok(uncounted)
    }

    fn restore(
        self: &Arc<Self>,
        part: SubscriptionPart,
        filter: Option<&FilterPart>,
        from: Position,
    ) -> Result<Arc<Subscription>, OpenError> {
        let damaged = |what| OpenError::Damaged { log: self.id.0, position: part.as_of, what };
        let settings = part.subscription_settings().map_err(damaged)?;
        let reading = self.restore_reading(&settings, part.ordinal, filter, from).map_err(damaged)?;
        let queue = Queue::restore(part.uid, settings, part.queue, self.shared.boot);
        let me = Arc::downgrade(self);
        let restored = Subscription::new(
            part.uid,
            part.name,
            part.created_at,
            &me,
            &self.shared,
            queue,
            reading,
            part.position,
        );
        restored.peek().end = part.as_of;
        Ok(restored)
    }

    fn restore_reading(
        &self,
        settings: &SubscriptionSettings,
        seen: u64,
        part: Option<&FilterPart>,
        from: Position,
    ) -> Result<Reading, String> {
        let checked = Checked::of_settings(settings).map_err(|invalid| invalid.to_string())?;
        let filter = checked.map(|checked| self.routing.join(checked, from));
        let eras = part.into_iter().flat_map(|part| &part.eras).map(EraPart::to_era);
        let eras = eras.collect::<Result<Vec<_>, _>>()?;
        let (policy_position, since) = part.map_or((0, 0), |part| (part.policy_position, part.since));
        Ok(Reading::restored(filter, policy_position, since, seen, eras))
    }

    /// Adds a subscription as its creation record says; `position` is that record's. None if the log has no identifiers left.
    pub(crate) fn create(
        self: &Arc<Self>,
        state: &mut TopicState,
        position: Position,
        creation: &Creation<'_>,
    ) -> Option<Arc<Subscription>> {
        let Creation { name, settings, created_at, start, filter } = creation;
        let uid = subscription_uid(self.id, position)?;
        let latest = Start { cursor: position + 1, ordinal: state.published };
        let Start { cursor, ordinal } = start.unwrap_or(latest);
        let filter = filter.clone().map(|checked| self.routing.join(checked, position + 1));
        let reading = Reading::new(filter, cursor, ordinal, position);
        let queue = Queue::new(uid, (*settings).clone(), cursor, self.shared.boot);
        let me = Arc::downgrade(self);
        let name = (*name).clone();
        let created = Subscription::new(uid, name, *created_at, &me, &self.shared, queue, reading, position);
        let figures = self.routing.figures(created.peek().reading.filter(), state.published);
        created.peek().tally.begin(figures);
        state.insert(created.clone());
        Some(created)
    }
}

/// What a creation record says.
pub(crate) struct Creation<'a> {
    name: &'a SubscriptionName,
    settings: &'a SubscriptionSettings,
    created_at: Timestamp,
    start: Option<Start>,
    filter: Option<Checked>,
}

impl<'a> Creation<'a> {
    /// None if the event is another one.
    ///
    /// # Errors
    /// Its filter policy breaks a rule.
    pub(crate) fn of(event: &'a SubscriptionEvent) -> Result<Option<Self>, Invalid> {
        let SubscriptionEvent::Created { name, settings, created_at, start } = event else { return Ok(None) };
        let filter = Checked::of_settings(settings)?;
        Ok(Some(Self { name, settings, created_at: *created_at, start: *start, filter }))
    }
}
