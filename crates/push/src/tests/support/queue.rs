use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use broker::{Delivery, LeaseError, Outcome};
use parking_lot::Mutex;
use tokio::{
    sync::Notify,
    time::{Instant, timeout},
};
use types::{
    AckId, LeaseId, LogId, MessageId, SubscriptionUid, Timestamp,
    push::{AttemptReport, AttemptVerdict},
};

use super::now;
use crate::BackendError;

/// Of each message.
pub(in crate::tests) const BYTES: u64 = 1_000;

/// One subscription's messages, with the rules that matter here. Cheap to clone.
#[derive(Clone)]
pub(in crate::tests) struct Queue(Arc<Shared>);

struct Shared {
    uid: SubscriptionUid,
    state: Mutex<State>,
    wake: Notify,
}

#[derive(Default)]
struct State {
    messages: BTreeMap<u64, Message>,
    /// By key, those that wait for the one before.
    behind: HashMap<u64, VecDeque<u64>>,
    fresh: BTreeSet<u64>,
    waiting: BTreeSet<(Instant, u64)>,
    last: u64,
    leases: u64,
    retry_after: Duration,
    is_away: bool,
    log: Vec<AttemptReport>,
    calls: Vec<usize>,
    reporting: usize,
    extended: Vec<Duration>,
    refused: usize,
    dead: usize,
    asked: usize,
    most_bytes_asked: u64,
}

struct Message {
    key: Option<u64>,
    failed: u32,
    lease: Option<u64>,
}

impl Queue {
    pub(super) fn new(uid: SubscriptionUid) -> Self {
        let state = State { retry_after: Duration::from_secs(1), ..State::default() };
        Self(Arc::new(Shared { uid, state: Mutex::new(state), wake: Notify::new() }))
    }

    /// Publishes so many messages.
    pub(in crate::tests) fn publish(&self, count: u64) {
        (0..count).for_each(|_| self.publish_one(None));
        self.0.wake.notify_one();
    }

    /// Publishes one with an ordering key.
    pub(in crate::tests) fn publish_key(&self, key: u64) {
        self.publish_one(Some(key));
        self.0.wake.notify_one();
    }

    fn publish_one(&self, key: Option<u64>) {
        let state = &mut *self.0.state.lock();
        state.last += 1;
        let sequence = state.last;
        let is_first = key.is_none_or(|key| !state.messages.values().any(|other| other.key == Some(key)));
        state.messages.insert(sequence, Message { key, failed: 0, lease: None });
        match key {
            Some(key) if !is_first => state.behind.entry(key).or_default().push_back(sequence),
            _ => {
                state.fresh.insert(sequence);
            }
        }
    }

    /// The wait until the next attempt.
    pub(in crate::tests) fn retry_after(&self, wait: Duration) {
        self.0.state.lock().retry_after = wait;
    }

    /// The broker does not answer, or does again.
    pub(in crate::tests) fn is_away(&self, is_away: bool) {
        self.0.state.lock().is_away = is_away;
        self.0.wake.notify_one();
    }

    /// Messages that are not settled.
    pub(in crate::tests) fn open(&self) -> usize {
        self.0.state.lock().messages.len()
    }

    /// Messages under a lease.
    pub(in crate::tests) fn leased(&self) -> usize {
        self.0.state.lock().messages.values().filter(|message| message.lease.is_some()).count()
    }

    /// All that was reported, in order.
    pub(in crate::tests) fn log(&self) -> Vec<AttemptReport> {
        self.0.state.lock().log.clone()
    }

    /// How many reports each call had.
    pub(in crate::tests) fn calls(&self) -> Vec<usize> {
        self.0.state.lock().calls.clone()
    }

    /// How far leases were extended.
    pub(in crate::tests) fn extended(&self) -> Vec<Duration> {
        self.0.state.lock().extended.clone()
    }

    /// Reports that the queue refused, and messages that are dead letters.
    pub(in crate::tests) fn refused_and_dead(&self) -> (usize, usize) {
        let state = self.0.state.lock();
        (state.refused, state.dead)
    }

    /// Times that it was asked for messages.
    pub(in crate::tests) fn asked(&self) -> usize {
        self.0.state.lock().asked
    }

    /// Bytes that were asked for at a time, at most.
    pub(in crate::tests) fn most_bytes_asked(&self) -> u64 {
        self.0.state.lock().most_bytes_asked
    }

    pub(super) async fn next(&self, most: usize, bytes: u64) -> Result<Vec<Delivery>, BackendError> {
        loop {
            let leased = self.try_next(most, bytes)?;
            if !leased.is_empty() {
                return Ok(leased);
            }
            let due = self.0.state.lock().waiting.first().map(|(at, _)| *at);
            let wait = due.map_or(Duration::from_secs(3_600), |at| at.saturating_duration_since(now()));
            let _ = timeout(wait, self.0.wake.notified()).await;
        }
    }

    pub(super) fn try_next(&self, most: usize, bytes: u64) -> Result<Vec<Delivery>, BackendError> {
        let state = &mut *self.0.state.lock();
        state.asked += 1;
        state.most_bytes_asked = state.most_bytes_asked.max(bytes);
        state.check()?;
        let now = now();
        while state.waiting.first().is_some_and(|(at, _)| *at <= now) {
            let (_, sequence) = state.waiting.pop_first().unwrap();
            state.fresh.insert(sequence);
        }
        let mut leased = Vec::new();
        // A first message that is larger comes alone.
        let most = most.min(usize::try_from(bytes / BYTES).unwrap()).max(1);
        while leased.len() < most {
            let Some(sequence) = state.fresh.pop_first() else { break };
            state.leases += 1;
            let lease = state.leases;
            let message = state.messages.get_mut(&sequence).unwrap();
            assert_eq!(message.lease.replace(lease), None);
            leased.push(delivery(self.0.uid, sequence, lease, message.failed + 1));
        }
        Ok(leased)
    }

    pub(super) fn extend(&self, by: Duration) -> Result<(), BackendError> {
        let state = &mut *self.0.state.lock();
        state.check()?;
        state.extended.push(by);
        Ok(())
    }

    pub(super) async fn report(&self, reports: Vec<AttemptReport>) -> Result<Vec<Outcome>, BackendError> {
        {
            let state = &mut *self.0.state.lock();
            state.check()?;
            state.reporting += 1;
            assert_eq!(state.reporting, 1, "one call at a time");
            state.calls.push(reports.len());
        }
        // A write to the disk.
        super::pass(Duration::from_millis(2)).await;
        let state = &mut *self.0.state.lock();
        state.reporting -= 1;
        let outcomes = reports.iter().map(|report| state.settle(report)).collect();
        state.log.extend(reports);
        self.0.wake.notify_one();
        Ok(outcomes)
    }
}

impl State {
    fn check(&self) -> Result<(), BackendError> {
        if self.is_away { Err(BackendError::Unavailable("away".to_owned())) } else { Ok(()) }
    }

    fn settle(&mut self, report: &AttemptReport) -> Outcome {
        let outcome = self.apply(report);
        self.refused += usize::from(outcome.is_err());
        outcome
    }

    fn apply(&mut self, report: &AttemptReport) -> Outcome {
        let AckId { sequence, lease, .. } = report.ack_id;
        let retry_after = self.retry_after;
        let message = self.messages.get_mut(&sequence).ok_or(LeaseError::AlreadySettled)?;
        if let AttemptVerdict::AcknowledgeLate { failed_attempts } = report.verdict {
            if message.lease.is_some() || message.failed != failed_attempts {
                return Err(LeaseError::Superseded);
            }
            self.remove(sequence);
            return Ok(());
        }
        message.lease.take_if(|held| *held == lease.0).ok_or(LeaseError::Superseded)?;
        match report.verdict {
            AttemptVerdict::Retry { at_least } => {
                message.failed += 1;
                let wait = retry_after.max(at_least.unwrap_or_default());
                self.waiting.insert((now() + wait, sequence));
            }
            AttemptVerdict::Release { after } => {
                self.waiting.insert((now() + after, sequence));
            }
            AttemptVerdict::Reject => {
                self.dead += 1;
                self.remove(sequence);
            }
            AttemptVerdict::Acknowledge | AttemptVerdict::AcknowledgeLate { .. } => self.remove(sequence),
        }
        Ok(())
    }

    fn remove(&mut self, sequence: u64) {
        let message = self.messages.remove(&sequence).unwrap();
        self.fresh.remove(&sequence);
        self.waiting.retain(|(_, waiting)| *waiting != sequence);
        let behind = message.key.and_then(|key| self.behind.get_mut(&key));
        if let Some(next) = behind.and_then(VecDeque::pop_front) {
            self.fresh.insert(next);
        }
    }
}

fn delivery(uid: SubscriptionUid, sequence: u64, lease: u64, attempt: u32) -> Delivery {
    Delivery {
        ack_id: AckId { subscription: uid, sequence, lease: LeaseId(lease) },
        message_id: MessageId { log: LogId(1), sequence },
        published_at: Timestamp::EPOCH,
        deadline: Timestamp::EPOCH,
        attempt,
        first_delivery: attempt == 1,
        payload: vec![0; usize::try_from(BYTES).unwrap()].into(),
    }
}
