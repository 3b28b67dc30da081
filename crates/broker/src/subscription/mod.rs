//! One subscription: its queue behind a lock, and the consumers that wait for it.
//!
//! # Limits
//! An idle subscription is this struct and an empty queue: no task, no timer, no buffer.

mod blocks;
mod change;
mod consume;
mod counting;
mod due;
mod endpoint;
mod endpoint_change;
mod intake;
mod reading;
mod refilter;
mod report;
mod settle;
mod stats;
mod stretches;
mod tally;

use std::sync::{
    Arc, Weak,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

pub use consume::Consumer;
pub(crate) use counting::BLOCKS_A_ROUND;
use counting::Count;
pub(crate) use endpoint::Endpoint;
use journal::{AppendError, Appended};
use parking_lot::{Mutex, MutexGuard};
use queue::{Queue, Record};
pub(crate) use reading::{Era, Reading, TooManyPolicies};
pub(crate) use refilter::{FilterChange, PolicyChange};
pub use settle::{Settling, Subscriber};
use tally::Tally;
use tokio::sync::Notify;
use types::{Position, SubscriptionName, SubscriptionUid, Timestamp, TopicName, push::EndpointStatus};

use crate::{
    PolicyInForce, SubscriptionInfo, SubscriptionNotFound, Unavailable,
    record::write_queue,
    shared::{Shared, count},
    topic::{Block, Topic},
};

/// So many waiting consumers are woken together.
const FEW: usize = 16;

pub(crate) struct Subscription {
    pub(crate) uid: SubscriptionUid,
    pub(crate) name: SubscriptionName,
    pub(crate) created_at: Timestamp,
    topic: Weak<Topic>,
    shared: Arc<Shared>,
    state: Mutex<State>,
    /// One permit: there is, or may be, something to lease.
    wake: Notify,
    /// Consumers there are, and how many of them wait.
    consumers: AtomicUsize,
    waiting: AtomicUsize,
    /// In the topic's list of those to wake on the next message. Changed only under that list's lock.
    pub(crate) listed: AtomicBool,
}

/// What the subscription's lock protects.
pub(crate) struct State {
    pub(crate) queue: Queue,
    /// How far it has come, and what decides on what comes next.
    pub(crate) reading: Reading,
    /// What its filter policy has made of the messages.
    pub(crate) tally: Tally,
    /// Its push endpoint, if its settings have one.
    pub(crate) endpoint: Option<Box<Endpoint>>,
    /// A count of an era under way.
    count: Option<Count>,
    /// Where the latest change took effect.
    pub(crate) position: Position,
    /// The position after the last record that was appended under this lock.
    pub(crate) end: Position,
    pub(crate) deleted: bool,
    pub(crate) last_used: Timestamp,
    /// What it reads for itself while it is behind the shared cache.
    block: Option<Block>,
    /// A delivery mark is on its way to the disk; nothing is leased until it is there.
    mark_pending: bool,
    /// The deadline that the broker knows of.
    armed: Timestamp,
}

impl Subscription {
    #[expect(clippy::too_many_arguments, reason = "the one place that builds one, live and in recovery")]
    pub(crate) fn new(
        uid: SubscriptionUid,
        name: SubscriptionName,
        created_at: Timestamp,
        topic: &Weak<Topic>,
        shared: &Arc<Shared>,
        queue: Queue,
        reading: Reading,
        position: Position,
    ) -> Arc<Self> {
        let state = State {
            endpoint: Endpoint::of(queue.settings()),
            queue,
            reading,
            tally: Tally::default(),
            count: None,
            position,
            end: position + 1,
            deleted: false,
            last_used: shared.time.now(),
            block: None,
            mark_pending: false,
            armed: Timestamp::MAX,
        };
        Arc::new(Self {
            uid,
            name,
            created_at,
            topic: topic.clone(),
            shared: shared.clone(),
            state: Mutex::new(state),
            wake: Notify::new(),
            consumers: AtomicUsize::new(0),
            waiting: AtomicUsize::new(0),
            listed: AtomicBool::new(false),
        })
    }

    /// The state, deleted or not: for looking, for recovery and for checkpoints.
    pub(crate) fn peek(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    /// The state of a subscription that still exists.
    fn lock(&self) -> Result<MutexGuard<'_, State>, SubscriptionNotFound> {
        let state = self.state.lock();
        if state.deleted { Err(self.not_found()) } else { Ok(state) }
    }

    pub(crate) fn topic(&self) -> Result<Arc<Topic>, SubscriptionNotFound> {
        self.topic.upgrade().ok_or_else(|| self.not_found())
    }

    fn not_found(&self) -> SubscriptionNotFound {
        SubscriptionNotFound(self.name.clone())
    }

    pub(crate) fn info(&self) -> Result<SubscriptionInfo, SubscriptionNotFound> {
        let topic = self.topic()?;
        let state = self.lock()?;
        Ok(SubscriptionInfo {
            name: self.name.clone(),
            topic: topic.name.clone(),
            uid: self.uid,
            settings: state.queue.settings().clone(),
            created_at: self.created_at,
            paused: state.queue.is_paused(),
            endpoint: state.endpoint_status().cloned(),
            position: state.position,
        })
    }

    pub(crate) fn policy_in_force(&self) -> Result<PolicyInForce, SubscriptionNotFound> {
        let topic = self.topic()?.name.clone();
        let state = self.lock()?;
        let policy = state.reading.filter().map(|filter| filter.checked.policy.clone());
        Ok(PolicyInForce { topic, policy, position: state.reading.policy_position() })
    }

    pub(crate) fn check_serving(&self) -> Result<(), Unavailable> {
        self.shared.check_serving()
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.shared.time.now()
    }

    pub(crate) fn reads(&self, topic: &TopicName) -> bool {
        self.topic.upgrade().is_some_and(|found| found.name == *topic)
    }

    /// Nobody has used it for as long as its settings allow. One whose endpoint is active is in use, also while no worker has it.
    pub(crate) fn is_unused(&self, now: Timestamp) -> bool {
        let state = self.state.lock();
        let unused = state.queue.settings().expire_unused_after;
        let is_pushed = state.endpoint_status() == Some(&EndpointStatus::Active);
        let idle = !is_pushed && self.consumers.load(Ordering::Relaxed) == 0;
        idle && !state.deleted && unused.is_some_and(|unused| state.last_used.plus(unused) <= now)
    }

    /// It was read back from the log: the broker minds its deadlines again, and its time without use starts anew.
    pub(crate) fn recovered(self: &Arc<Self>, topic: &Topic, published: u64) {
        let mut state = self.state.lock();
        state.pass_spent_eras(topic);
        let figures = topic.routing.figures(state.reading.filter(), published);
        state.tally = Tally::from(figures);
        state.last_used = self.shared.time.now();
        self.list_endpoint(topic, &state);
        self.arm(&mut state);
    }

    pub(super) fn has_consumers(&self) -> bool {
        self.consumers.load(Ordering::Acquire) > 0
    }

    pub(super) fn keep_block(&self, block: Block) {
        self.state.lock().block = Some(block);
    }

    /// Ends it in memory; consumers find out.
    pub(crate) fn delete(&self) {
        let mut state = self.state.lock();
        state.deleted = true;
        self.shared.deadlines.clear(state.armed, self.uid);
        self.shared.endpoints.remove(self.uid);
        if let Some(topic) = self.topic.upgrade() {
            topic.forget_waiting(self, state.reading.filter());
        }
        drop(state);
        self.wake.notify_waiters();
    }

    /// New messages may have come. True if more consumers may be waiting, now or for the next ones.
    pub(crate) fn new_messages(&self) -> bool {
        self.wake_next();
        self.waiting.load(Ordering::Acquire) > 0
    }

    /// As [`Self::new_messages`], from a list of those that wait: false if it need not stay on it. Under the list's lock.
    pub(crate) fn told(&self) -> bool {
        let stays = self.new_messages();
        self.listed.store(stays, Ordering::Release);
        stays
    }

    /// Consumers look again, each of them: the broker is being shut down.
    pub(crate) fn wake_all(&self) {
        self.wake.notify_waiters();
    }

    /// Appends queue records as one batch and applies them. Under the subscription's lock.
    fn append(
        &self,
        topic: &Topic,
        state: &mut State,
        now: Timestamp,
        records: &[Record],
    ) -> Result<Appended, AppendError> {
        self.append_moving(topic, state, now, records, 0)
    }

    /// The same for a record that moves the cursor to where the topic had accepted `ordinal` messages.
    fn append_moving(
        &self,
        topic: &Topic,
        state: &mut State,
        now: Timestamp,
        records: &[Record],
        ordinal: u64,
    ) -> Result<Appended, AppendError> {
        let appended = topic.append(now, |batch| {
            for record in records {
                batch.push(|out| write_queue(out, self.uid, ordinal, record));
            }
        })?;
        state.end = appended.first + records.len() as u64;
        for (record, position) in records.iter().zip(appended.first..) {
            state.apply(record, ordinal, position);
            self.count(record);
        }
        Ok(appended)
    }

    fn count(&self, record: &Record) {
        let totals = &self.shared.totals;
        match record {
            Record::Settled { .. } | Record::SettledRuns { .. } => {
                count(&totals.acked, record.acknowledged());
            }
            Record::AttemptFailed { .. } | Record::Dropped { .. } => count(&totals.failed_attempts, 1),
            Record::DeadLettered { .. } => {
                count(&totals.failed_attempts, 1);
                count(&totals.dead_lettered, 1);
            }
            _ => {}
        }
    }

    /// Something changed under the lock: has the broker look again in time, and wakes a consumer if there is something for it.
    fn changed(self: &Arc<Self>, state: &mut State, now: Timestamp) {
        self.arm(state);
        if self.waiting.load(Ordering::Acquire) > 0 && !state.mark_pending && self.has_more(state, now) {
            self.wake_next();
        }
    }

    /// Wakes the consumer that has waited longest. One that is busy elsewhere (its client does not read) may be woken and not look
    /// for long; so where only a few wait, all of them look.
    fn wake_next(&self) {
        if (2..=FEW).contains(&self.waiting.load(Ordering::Acquire)) {
            self.wake.notify_waiters();
        } else {
            self.wake.notify_one();
        }
    }

    /// There is something to lease, or there are messages to read on to.
    fn has_more(&self, state: &mut State, now: Timestamp) -> bool {
        let readable = self.topic.upgrade().map_or(0, |topic| topic.readable());
        let unread = state.queue.cursor() < readable;
        state.queue.leasable(now) > 0 || (unread && state.queue.takes_more())
    }

    /// Sees to it that the broker looks at this subscription when its next deadline comes. A later one than it knows of is left to
    /// be found then, so that an ack does not move the entry.
    fn arm(self: &Arc<Self>, state: &mut State) {
        if let Some(at) = state.queue.next_deadline().filter(|at| *at < state.armed) {
            self.shared.deadlines.set(state.armed, at, self);
            state.armed = at;
        }
    }
}

impl State {
    /// Applies a record, live or in recovery. `ordinal` goes with the cursor to which the record may move the queue.
    pub(crate) fn apply(&mut self, record: &Record, ordinal: u64, position: Position) {
        let cursor = self.queue.cursor();
        self.queue.apply(record);
        match record {
            Record::Sought { to } => self.reading.sought(*to, ordinal, position),
            Record::Trimmed { below, .. } if *below > cursor => {
                self.reading.trimmed(*below, ordinal, position);
            }
            _ => return,
        }
        self.block = None;
    }

    /// Passes over the eras of which nothing is left but what is known to be settled: a replay does not read as far as was read before.
    fn pass_spent_eras(&mut self, topic: &Topic) {
        let visible = topic.visible();
        let spent = |state: &Self| state.reading.spent_era(|end| state.queue.settled_ahead_below(end));
        while let Some(end) = spent(self).filter(|end| *end <= visible) {
            self.queue.read_on(&[], end);
            self.reading.rule(end);
        }
    }

    /// It gets everything from its cursor on.
    pub(crate) fn reads_plainly(&self) -> bool {
        self.reading.is_plain(self.queue.cursor())
    }
}

impl std::fmt::Debug for Subscription {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Subscription")
            .field("name", &self.name)
            .field("uid", &self.uid)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_idle_subscription_takes_less_than_4_kib() {
        // The queue has nothing on the heap while it is idle (tested there); what is left is the name, the settings' labels and
        // this struct, with what two references and a place in each of two maps cost.
        let longest_name = 2 * types::limits::NAME_BYTES;
        let maps = 4 * (size_of::<SubscriptionName>() + size_of::<Arc<Subscription>>());
        assert!(size_of::<Subscription>() + longest_name + maps < 2_048, "{}", size_of::<Subscription>());
    }
}
