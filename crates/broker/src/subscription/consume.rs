//! Leasing messages to consumers. The consumer's own task does the work: it reads on, leases and fetches the stored bytes, so a
//! consumer that does not ask costs nobody anything.

use std::sync::{Arc, atomic::Ordering};

use bytes::Bytes;
use journal::AppendError;
use queue::{Ask, ExpiryReason, LeaseRef, Leased, LeasedRun, Record};
use types::{AckId, LogId, MessageId, Position, Timestamp, limits};

use super::{State, Subscription, blocks, intake::ReadOn, stretches::Stretch};
use crate::{ConsumeError, Delivery, DeliveryBlock, Unavailable, shared::count, topic::Topic};

/// One of the consumers of a subscription, until dropped.
#[derive(Debug)]
pub struct Consumer {
    subscription: Arc<Subscription>,
    topic: Arc<Topic>,
}

/// Leased, and where it lies.
type Found = (LeasedRun, Vec<Stretch>);

/// What a consumer gets.
enum Taken {
    Found(Vec<Found>),
    /// Some of it was read for it.
    Read(Vec<Delivery>),
}

/// What a look at the queue came to.
enum Look {
    /// All of it is in memory.
    Found(Vec<Found>),
    /// Not all of it is in memory.
    Leased(Vec<LeasedRun>),
    Nothing,
    /// There may be something once a delivery mark is on the disk.
    Soon,
    /// The next messages are not in memory.
    Behind(Position),
    /// The log's buffer is full.
    Busy,
    /// Much was read and little let in; there may be more.
    Again,
}

impl Consumer {
    pub(super) fn new(subscription: Arc<Subscription>) -> Result<Self, ConsumeError> {
        let topic = subscription.topic()?;
        subscription.shared.check_serving()?;
        let before = subscription.consumers.fetch_add(1, Ordering::AcqRel);
        // From here on dropping `consumer` counts back.
        let consumer = Self { subscription, topic };
        if before >= limits::CONSUMERS_PER_SUBSCRIPTION {
            return Err(ConsumeError::TooManyConsumers { limit: limits::CONSUMERS_PER_SUBSCRIPTION });
        }
        Ok(consumer)
    }

    /// Waits until there is at least one message, then leases up to `ask`, or a fair share of what there is if other
    /// consumers wait too. A call that is dropped leases nothing.
    ///
    /// # Errors
    /// The subscription was deleted, or the broker is being shut down or cannot read its log. Nothing is leased.
    pub async fn next(&mut self, ask: Ask) -> Result<Vec<Delivery>, ConsumeError> {
        Ok(self.one_by_one(self.take(ask, true).await?))
    }

    /// The same without waiting for messages: empty if there is nothing to lease at the moment.
    ///
    /// # Errors
    /// As [`Consumer::next`].
    pub async fn try_next(&mut self, ask: Ask) -> Result<Vec<Delivery>, ConsumeError> {
        Ok(self.one_by_one(self.take(ask, false).await?))
    }

    async fn take(&self, ask: Ask, waits_for_messages: bool) -> Result<Taken, ConsumeError> {
        let subscription = self.subscription.clone();
        let mut waits: Option<Waits<'_>> = None;
        loop {
            let notified = subscription.wake.notified();
            tokio::pin!(notified);
            notified.as_mut().enable();
            match subscription.look(&self.topic, ask, waits.is_some())? {
                Look::Found(found) => {
                    let messages = found.iter().map(|(run, _)| run.messages.len() as u64).sum();
                    count(&subscription.shared.totals.deliveries, messages);
                    return Ok(Taken::Found(found));
                }
                Look::Leased(runs) => {
                    let leased = runs.iter().flat_map(LeasedRun::deliveries).collect();
                    let deliveries = self.deliver(leased).await?;
                    if !deliveries.is_empty() {
                        return Ok(Taken::Read(deliveries));
                    }
                }
                Look::Behind(cursor) => {
                    let block = self.topic.read_block(cursor).await?;
                    subscription.keep_block(block);
                }
                Look::Busy => self.topic.room().await?,
                Look::Again => tokio::task::yield_now().await,
                Look::Nothing if !waits_for_messages => return Ok(Taken::Read(Vec::new())),
                // Once it counts as waiting and is listed, one more look finds what came in between.
                Look::Nothing | Look::Soon if waits.is_none() => {
                    waits = Some(Waits::new(&subscription));
                    self.topic.wake_on_next(&subscription);
                }
                Look::Nothing | Look::Soon => notified.await,
            }
        }
    }

    /// The same as [`Consumer::next`], in blocks.
    ///
    /// # Errors
    /// As [`Consumer::next`].
    pub async fn next_blocks(&mut self, ask: Ask) -> Result<Vec<DeliveryBlock>, ConsumeError> {
        let contents = &*self.topic.shared.contents;
        Ok(match self.take(ask, true).await? {
            Taken::Found(found) => {
                let of_run = |(run, stretches): Found| blocks::of_run(run, &stretches, contents);
                found.into_iter().map(of_run).collect()
            }
            Taken::Read(deliveries) => blocks::of(&deliveries, contents),
        })
    }

    fn one_by_one(&self, taken: Taken) -> Vec<Delivery> {
        let found = match taken {
            Taken::Found(found) => found,
            Taken::Read(deliveries) => return deliveries,
        };
        let mut deliveries = Vec::with_capacity(found.iter().map(|(run, _)| run.messages.len()).sum());
        for (run, stretches) in found {
            let mut leased = run.deliveries();
            for stretch in stretches {
                let payloads = stretch.frame.payloads();
                for (index, lease) in stretch.messages.zip(&mut leased) {
                    let payload = payloads.slice(&stretch.frame.messages, index);
                    let at = stretch.frame.at;
                    deliveries.push(self.subscription.delivery(&self.topic, &lease, payload, at));
                }
            }
        }
        deliveries
    }

    /// The log of its topic: part of every message's identity.
    pub fn log(&self) -> LogId {
        self.topic.id
    }

    /// Gives back deliveries that could not be sent: they are delivered again at once, and no attempt is counted.
    pub fn release(&self, deliveries: &[AckId]) {
        let claims: Vec<_> =
            deliveries.iter().map(|id| LeaseRef { sequence: id.sequence, lease: id.lease }).collect();
        self.subscription.release(&claims);
    }

    /// Fetches the stored bytes of what was leased, from memory where they are.
    async fn deliver(&self, leased: Vec<Leased>) -> Result<Vec<Delivery>, ConsumeError> {
        let subscription = &self.subscription;
        let guard = ReleaseOnDrop::new(subscription, &leased);
        let (mut deliveries, missing) = subscription.fetch(&self.topic, leased);
        if !missing.is_empty() {
            let position = subscription.peek().position;
            for lease in missing {
                match self.topic.read_message(lease.sequence).await? {
                    Some((message, at)) => {
                        deliveries.push(subscription.delivery(&self.topic, &lease, message.payload, at));
                    }
                    None => subscription.give_up(&self.topic, &lease).await?,
                }
            }
            deliveries.sort_unstable_by_key(|delivery| delivery.message_id);
            // Reading took time: a pause, a seek or the deletion may have been answered meanwhile. What was leased before goes back.
            if subscription.lock()?.position != position {
                return Ok(Vec::new());
            }
        }
        guard.disarm();
        count(&subscription.shared.totals.deliveries, deliveries.len() as u64);
        Ok(deliveries)
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        let mut state = self.subscription.peek();
        // One that has waited for long has used it until now. Under the lock: nobody sees it unused in between.
        state.last_used = self.subscription.shared.time.now();
        if self.subscription.consumers.fetch_sub(1, Ordering::AcqRel) == 1 {
            state.block = None;
        }
    }
}

impl Subscription {
    /// Reads on as far as needed and leases what is due.
    fn look(self: &Arc<Self>, topic: &Topic, ask: Ask, is_waiting: bool) -> Result<Look, ConsumeError> {
        self.shared.check_serving()?;
        let mut state = self.lock()?;
        let now = self.shared.time.now();
        state.last_used = now;
        if state.mark_pending {
            return Ok(Look::Soon);
        }
        match state.read_on(topic, now, ask.max_messages) {
            ReadOn::Behind(cursor) => return Ok(Look::Behind(cursor)),
            ReadOn::Again => return Ok(Look::Again),
            ReadOn::Done => {}
        }
        if let Some(mark) = state.queue.decide_mark() {
            return self.write_mark(topic, &mut state, now, mark);
        }
        let mut runs = Vec::new();
        let share = self.share(&mut state, now, ask, is_waiting);
        state.queue.lease(now, share, &mut runs);
        self.changed(&mut state, now);
        Ok(if runs.is_empty() { Look::Nothing } else { state.find(topic, runs) })
    }

    /// What this consumer may take, so that those who wait get as much.
    fn share(&self, state: &mut State, now: Timestamp, ask: Ask, is_waiting: bool) -> Ask {
        let others = self.waiting.load(Ordering::Relaxed).saturating_sub(usize::from(is_waiting));
        if others == 0 {
            return ask;
        }
        let fair = state.queue.leasable(now).div_ceil(others + 1).max(1);
        Ask { max_messages: ask.max_messages.min(fair), ..ask }
    }

    /// Makes the mark durable before anything at or above the old one is leased.
    fn write_mark(
        self: &Arc<Self>,
        topic: &Topic,
        state: &mut State,
        now: Timestamp,
        mark: Record,
    ) -> Result<Look, ConsumeError> {
        let appended = match self.append(topic, state, now, &[mark]) {
            Ok(appended) => appended,
            Err(AppendError::Busy) => return Ok(Look::Busy),
            Err(error) => return Err(Unavailable::from(error).into()),
        };
        state.mark_pending = true;
        let subscription = self.clone();
        tokio::spawn(async move {
            // A mark that does not become durable means that the journal has failed: nothing may be leased any more.
            if appended.durable.wait().await.is_ok() {
                subscription.peek().mark_pending = false;
            }
            subscription.wake_next();
        });
        Ok(Look::Soon)
    }

    fn release(self: &Arc<Self>, claims: &[LeaseRef]) {
        let mut state = self.peek();
        for claim in claims {
            state.queue.release(*claim);
        }
        let now = self.shared.time.now();
        self.changed(&mut state, now);
    }

    /// The deliveries whose bytes are in memory, and the leases whose are not.
    fn fetch(&self, topic: &Topic, leased: Vec<Leased>) -> (Vec<Delivery>, Vec<Leased>) {
        let mut deliveries = Vec::with_capacity(leased.len());
        let mut missing = Vec::new();
        let state = self.peek();
        let frames = topic.cache.lock();
        for lease in leased {
            let block = || state.block.as_ref()?.holding(lease.sequence);
            let frame = frames.holding(lease.sequence).or_else(block);
            let payload =
                frame.and_then(|frame| Some((frame.payload(frame.find(lease.sequence)?), frame.at)));
            match payload {
                Some((payload, at)) => deliveries.push(self.delivery(topic, &lease, payload, at)),
                None => missing.push(lease),
            }
        }
        (deliveries, missing)
    }

    fn delivery(&self, topic: &Topic, lease: &Leased, payload: Bytes, published_at: Timestamp) -> Delivery {
        Delivery {
            ack_id: AckId { subscription: self.uid, sequence: lease.sequence, lease: lease.lease },
            message_id: MessageId { log: topic.id, sequence: lease.sequence },
            published_at,
            deadline: lease.deadline,
            attempt: lease.attempt,
            first_delivery: lease.first_delivery,
            payload,
        }
    }

    /// A leased message cannot be read any more: it counts as expired, and the others go on.
    async fn give_up(self: &Arc<Self>, topic: &Topic, lease: &Leased) -> Result<(), Unavailable> {
        tracing::error!(subscription = %self.name, sequence = lease.sequence, "a message cannot be read and is passed over");
        let record = Record::Expired { sequences: vec![lease.sequence], reason: ExpiryReason::Damaged };
        topic
            .retry_when_busy(|| {
                // Deleted meanwhile: nobody misses it.
                let Ok(mut state) = self.lock() else { return Ok(Ok(())) };
                let now = self.shared.time.now();
                let appended = self.append(topic, &mut state, now, std::slice::from_ref(&record));
                self.changed(&mut state, now);
                Ok::<_, Unavailable>(appended.map(drop))
            })
            .await
    }
}

impl State {
    /// Where in memory what was leased is.
    fn find(&self, topic: &Topic, runs: Vec<LeasedRun>) -> Look {
        let cached = topic.cache.lock();
        let found: Option<Vec<_>> = runs.iter().map(|run| self.stretches(run, &cached)).collect();
        match found {
            Some(found) => Look::Found(runs.into_iter().zip(found).collect()),
            None => Look::Leased(runs),
        }
    }
}

/// Counts a consumer as waiting, from before it is listed until it has what it wants.
struct Waits<'a>(&'a Subscription);

impl<'a> Waits<'a> {
    fn new(subscription: &'a Subscription) -> Self {
        subscription.waiting.fetch_add(1, Ordering::AcqRel);
        Self(subscription)
    }
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        // It may have been woken and not have looked: then the next one has to.
        if self.0.waiting.fetch_sub(1, Ordering::AcqRel) > 1 {
            self.0.wake_next();
        }
    }
}

/// Gives leases back if the call that took them is dropped before it could answer.
struct ReleaseOnDrop<'a> {
    subscription: &'a Arc<Subscription>,
    claims: Vec<LeaseRef>,
}

impl<'a> ReleaseOnDrop<'a> {
    fn new(subscription: &'a Arc<Subscription>, leased: &[Leased]) -> Self {
        let claims =
            leased.iter().map(|lease| LeaseRef { sequence: lease.sequence, lease: lease.lease }).collect();
        Self { subscription, claims }
    }

    fn disarm(mut self) {
        self.claims.clear();
    }
}

impl Drop for ReleaseOnDrop<'_> {
    fn drop(&mut self) {
        if !self.claims.is_empty() {
            self.subscription.release(&self.claims);
        }
    }
}
