//! One topic: its log, its tail in memory, its subscriptions.

mod checkpoint;
mod publish;
mod pump;
mod read;
mod recover;
mod replay;
mod retention;
mod routing;

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
};

use std::time::Duration;

use bytes::BytesMut;
use journal::{AppendError, Appended, BatchBuilder, Log, Priority};
use parking_lot::Mutex;
pub(crate) use publish::Acceptance;
pub(crate) use read::Block;
pub(crate) use recover::{Creation, Opening};
pub(crate) use routing::{Checked, Figures, Filter, Routing, Unmatchable, matches_all};
use tokio::sync::watch;
use types::{LogId, Position, Sequence, SubscriptionUid, Timestamp, TopicName, TopicSettings};

use crate::{
    TopicInfo, TopicStats, Unavailable, cache::TailCache, deduplication::Deduplication, route::Waiting,
    shared::Shared, subscription::Subscription,
};

pub(crate) struct Topic {
    pub(crate) name: TopicName,
    pub(crate) id: LogId,
    pub(crate) created_at: Timestamp,
    pub(crate) log: Arc<dyn Log>,
    pub(crate) cache: Arc<TailCache>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) state: Mutex<TopicState>,
    /// Follows the durable end: everything below may be delivered.
    tail: watch::Receiver<Position>,
    /// Who gets which message. Its policies change under the topic's lock.
    pub(crate) routing: Routing,
    /// Subscriptions without a filter policy whose consumers wait for the next message; the pump empties it.
    waiting: Waiting,
    /// Held (across awaits) by whatever moves the beginning of the log or depends on it standing still: retention,
    /// checkpoints, seeks, subscriptions that start in the past.
    pub(crate) upkeep: tokio::sync::Mutex<checkpoint::Progress>,
    deleted: AtomicBool,
    /// The first position that is kept.
    first: AtomicU64,
    /// The settings changed: upkeep looks at ages again.
    pub(crate) age_check_due: AtomicBool,
    /// Bytes of the largest batch of state records that found no room since somebody last asked for room.
    refused_bytes: AtomicUsize,
    /// The position after the last message.
    messages_end: AtomicU64,
    /// Bytes appended since the last checkpoint, about.
    written: AtomicU64,
    /// `settings.retention.max_age` in microseconds, for readers that hold a subscription's lock.
    max_age: AtomicU64,
}

/// What the topic's lock protects.
#[derive(Debug)]
pub(crate) struct TopicState {
    pub(crate) settings: TopicSettings,
    /// The position from which the settings are in force.
    pub(crate) position: Position,
    pub(crate) deduplication: Deduplication,
    /// Messages ever accepted.
    pub(crate) published: u64,
    /// Publishes that were duplicates, since the process started.
    pub(crate) deduplicated: u64,
    pub(crate) subscriptions: BTreeMap<SubscriptionUid, Arc<Subscription>>,
    /// How many of them have a filter policy.
    pub(crate) filtered: u32,
    /// The position after the last record that was appended under this lock: every message accepted so far is below it,
    /// every later one is not.
    pub(crate) end: Position,
    /// It is about to be deleted: no publish is accepted.
    pub(crate) closed: bool,
    /// Messages that retention carried forward: their present places.
    pub(crate) carried: BTreeMap<Sequence, Position>,
    /// Where those can still be read that are being carried: their new places are not durable yet.
    pub(crate) moving: BTreeMap<Sequence, Position>,
}

impl TopicState {
    pub(crate) fn insert(&mut self, subscription: Arc<Subscription>) {
        self.filtered += u32::from(subscription.peek().reading.filter().is_some());
        self.subscriptions.insert(subscription.uid, subscription);
    }

    /// Nobody else matches its filter policy for it any more.
    pub(crate) fn remove(&mut self, routing: &Routing, uid: SubscriptionUid) {
        let Some(subscription) = self.subscriptions.remove(&uid) else { return };
        if let Some(filter) = subscription.peek().reading.filter() {
            self.filtered -= 1;
            routing.leave(filter);
        }
    }

    /// Where a message can be read.
    pub(crate) fn place_of(&self, sequence: Sequence) -> Position {
        let place = self.moving.get(&sequence).or_else(|| self.carried.get(&sequence));
        place.copied().unwrap_or(sequence)
    }
}

impl Topic {
    pub(crate) fn info(&self) -> TopicInfo {
        let state = self.state.lock();
        TopicInfo {
            name: self.name.clone(),
            log: self.id,
            settings: state.settings.clone(),
            created_at: self.created_at,
            position: state.position,
        }
    }

    pub(crate) fn stats(&self) -> TopicStats {
        let segments = self.log.segments();
        let state = self.state.lock();
        TopicStats {
            subscriptions: state.subscriptions.len() as u64,
            published: state.published,
            deduplicated: state.deduplicated,
            first_position: segments.first().map_or(1, |segment| segment.first),
            next_position: self.visible(),
            log_bytes: segments.iter().map(|segment| segment.bytes).sum(),
            segments: segments.len() as u64,
        }
    }

    /// Everything below is durable. An append that was answered is below.
    pub(crate) fn visible(&self) -> Position {
        *self.tail.borrow()
    }

    /// The first position that is kept.
    pub(crate) fn first_position(&self) -> Position {
        self.first.load(Ordering::Acquire)
    }

    /// How old an unsettled message may become.
    pub(crate) fn retention_age(&self) -> Duration {
        Duration::from_micros(self.max_age.load(Ordering::Relaxed))
    }

    /// Takes over changed settings. Under the topic's lock.
    pub(crate) fn set_settings(&self, state: &mut TopicState, settings: TopicSettings, position: Position) {
        let micros = u64::try_from(settings.retention.max_age.as_micros()).unwrap_or(u64::MAX);
        self.max_age.store(micros, Ordering::Relaxed);
        state.settings = settings;
        state.position = position;
    }

    pub(crate) fn is_deleted(&self) -> bool {
        self.deleted.load(Ordering::Acquire)
    }

    /// Ends the topic in memory: no publish or append is accepted any more, and consumers find out.
    pub(crate) fn delete(&self) {
        let state = self.state.lock();
        self.deleted.store(true, Ordering::Release);
        for subscription in state.subscriptions.values() {
            subscription.delete();
        }
    }

    /// Appends state records as one batch. To be called under the lock that protects the state they change.
    ///
    /// # Errors
    /// [`AppendError::Busy`]: wait with [`Self::room`], outside the lock, and decide again.
    pub(crate) fn append(
        &self,
        now: Timestamp,
        write: impl FnOnce(&mut RecordWriter),
    ) -> Result<Appended, AppendError> {
        let mut writer = RecordWriter::default();
        write(&mut writer);
        let batch = writer.0.finish();
        let bytes = batch.bytes().len();
        let appended = self.log.append(now, batch, Priority::State);
        match &appended {
            Ok(_) => self.written(bytes),
            Err(AppendError::Busy) => _ = self.refused_bytes.fetch_max(bytes, Ordering::Relaxed),
            Err(_) => {}
        }
        appended
    }

    /// Bytes that are in the log count towards the next checkpoint.
    fn written(&self, bytes: usize) {
        let bytes = bytes as u64;
        let before = self.written.fetch_add(bytes, Ordering::Relaxed);
        let limit = self.late_after();
        if before < limit && before + bytes >= limit {
            self.shared.upkeep_due.notify_one();
        }
    }

    /// Its log has grown too much to wait for the next round of upkeep.
    pub(crate) fn is_late(&self) -> bool {
        self.written.load(Ordering::Relaxed) >= self.late_after()
    }

    fn late_after(&self) -> u64 {
        self.shared.config.checkpoint_bytes.saturating_mul(CHECKPOINTS_LATE)
    }

    /// Waits until a state record has a chance.
    pub(crate) async fn room(&self) -> Result<(), Unavailable> {
        let bytes = self.refused_bytes.swap(0, Ordering::Relaxed).max(STATE_BYTES);
        Ok(self.log.room(bytes, Priority::State).await?)
    }

    /// Appends state records, as often as it takes; `decide` runs under the lock of its choice and appends.
    pub(crate) async fn retry_when_busy<T, E: From<Unavailable>>(
        &self,
        mut decide: impl FnMut() -> Result<Result<T, AppendError>, E>,
    ) -> Result<T, E> {
        loop {
            match decide()? {
                Ok(done) => return Ok(done),
                Err(AppendError::Busy) => self.room().await?,
                Err(error) => return Err(Unavailable::from(error).into()),
            }
        }
    }
}

/// A topic is looked after before the next round where so many checkpoints are due by the bytes that were written: a fast publisher writes gigabytes between
/// two rounds, and all of it would be read again at the next start.
const CHECKPOINTS_LATE: u64 = 8;

/// Room to ask for, at the least, before a state record is tried again.
const STATE_BYTES: usize = 64 << 10;

/// Builds a batch of state records.
#[derive(Debug, Default)]
pub(crate) struct RecordWriter(BatchBuilder);

impl RecordWriter {
    pub(crate) fn push(&mut self, write: impl FnOnce(&mut BytesMut)) {
        self.0.push(write);
    }
}

impl From<AppendError> for Unavailable {
    fn from(error: AppendError) -> Self {
        match error {
            AppendError::OutOfSpace => Self::OutOfSpace,
            AppendError::Poisoned(poisoned) => Self::Poisoned(poisoned),
            AppendError::Fenced => Self::Draining,
            AppendError::Busy | AppendError::TooLarge { .. } => Self::Read(error.to_string()),
        }
    }
}

impl std::fmt::Debug for Topic {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Topic").field("name", &self.name).field("id", &self.id).finish_non_exhaustive()
    }
}
