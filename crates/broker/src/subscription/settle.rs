//! Acks, nacks and lease extensions. What push workers report is in `report`.

use std::{sync::Arc, time::Duration};

use journal::{AppendError, Appended, Durable};
use queue::{LeaseError, LeaseRef, LeaseRun, Record};
use types::{AckId, LogId, MessageId, SubscriptionSettings, SubscriptionUid, Timestamp};

use super::{Consumer, State, Subscription};
use crate::{ConsumeError, Outcome, SettleError, SubscriptionNotFound, Unavailable, topic::Topic};

/// A handle for consuming and settling. Cheap to clone. Answers `NotFound` once the subscription is deleted, even if another
/// of the same name exists by then.
#[derive(Debug, Clone)]
pub struct Subscriber {
    pub(crate) subscription: Arc<Subscription>,
}

/// Decided, and on its way to the disk.
#[derive(Debug)]
#[must_use = "what is settled is not durable before `durable` says so"]
pub struct Settling<T = Vec<Outcome>> {
    /// One outcome an ack ID, in their order; or what [`Subscriber::acknowledge_runs`] says.
    pub outcomes: T,
    pub(super) durable: Option<Durable>,
}

impl<T> Settling<T> {
    /// Waits until it survives a crash.
    ///
    /// # Errors
    /// The journal failed: whether it survives is unknown.
    pub async fn durable(self) -> Result<T, SettleError> {
        if let Some(durable) = self.durable {
            durable.wait().await.map_err(Unavailable::Poisoned)?;
        }
        Ok(self.outcomes)
    }
}

impl Subscriber {
    pub(crate) fn new(subscription: Arc<Subscription>) -> Self {
        Self { subscription }
    }

    /// Counts as a consumer until dropped. Several share the subscription fairly.
    ///
    /// # Errors
    /// It is deleted or has as many as it takes, or the broker is being shut down.
    pub fn consumer(&self) -> Result<Consumer, ConsumeError> {
        Consumer::new(self.subscription.clone())
    }

    /// Whose ack IDs it takes.
    pub fn uid(&self) -> SubscriptionUid {
        self.subscription.uid
    }

    /// Its settings at the moment.
    pub fn settings(&self) -> SubscriptionSettings {
        self.subscription.peek().queue.settings().clone()
    }

    /// Acknowledges: messages whose lease holds are settled.
    ///
    /// # Errors
    /// The request as a whole; then nothing was settled.
    pub async fn acknowledge(&self, ids: &[AckId]) -> Result<Settling, SettleError> {
        let claims = self.claims(ids.iter())?;
        self.settle(|state, now, outcomes| {
            state.queue.decide_ack(now, &claims, outcomes).into_iter().collect()
        })
        .await
    }

    /// The same for leases that were given out together, as the [blocks](crate::DeliveryBlock) say it: for high rates. Any order is right;
    /// that of the deliveries costs least. The outcomes are those that do not hold: the place among all claims of the call, one run
    /// after the other, and why. Ascending. All others are settled.
    ///
    /// # Errors
    /// As [`Subscriber::acknowledge`].
    pub async fn acknowledge_runs(
        &self,
        runs: &[LeaseRun<'_>],
    ) -> Result<Settling<Vec<(usize, LeaseError)>>, SettleError> {
        self.settle(|state, now, refused| {
            state.queue.decide_ack_runs(now, runs, refused).into_iter().collect()
        })
        .await
    }

    /// Gives messages back: the attempt failed. With a delay, the next attempt is not before it is over; without, the
    /// subscription's retry policy says when.
    ///
    /// # Errors
    /// The request as a whole; then nothing changed.
    pub async fn nack(&self, ids: &[(AckId, Option<Duration>)]) -> Result<Settling, SettleError> {
        let claims = self.claims(ids.iter().map(|(id, _)| id))?;
        let claims: Vec<_> = claims.into_iter().zip(ids.iter().map(|(_, delay)| *delay)).collect();
        self.settle(|state, now, outcomes| state.queue.decide_nack(now, &claims, outcomes)).await
    }

    /// Moves the end of leases to `by` from now. Leases are volatile, so there is nothing to wait for.
    ///
    /// # Errors
    /// The request as a whole; then nothing changed.
    pub fn extend(
        &self,
        ids: &[AckId],
        by: Duration,
    ) -> Result<Vec<Result<Timestamp, LeaseError>>, SettleError> {
        let claims = self.claims(ids.iter())?;
        let mut state = self.subscription.lock()?;
        let now = self.subscription.shared.time.now();
        state.last_used = now;
        let ends = claims.into_iter().map(|claim| state.queue.extend(now, claim, by)).collect();
        self.subscription.arm(&mut state);
        Ok(ends)
    }

    /// Ack IDs are this subscription's or the whole request is refused.
    pub(super) fn claims<'a>(
        &self,
        ids: impl Iterator<Item = &'a AckId>,
    ) -> Result<Vec<LeaseRef>, SettleError> {
        ids.enumerate()
            .map(|(index, id)| {
                if id.subscription != self.subscription.uid {
                    return Err(SettleError::OtherSubscription { index });
                }
                Ok(LeaseRef { sequence: id.sequence, lease: id.lease })
            })
            .collect()
    }

    async fn settle<T: Default>(
        &self,
        decide: impl Fn(&State, Timestamp, &mut T) -> Vec<Record>,
    ) -> Result<Settling<T>, SettleError> {
        let topic = self.subscription.topic()?;
        let (settling, records) = topic
            .retry_when_busy(|| {
                let mut outcomes = T::default();
                let appended =
                    self.subscription.try_settle(&topic, |state, now| decide(state, now, &mut outcomes))?;
                Ok::<_, SettleError>(appended.map(|(appended, records)| {
                    (Settling { outcomes, durable: appended.map(|appended| appended.durable) }, records)
                }))
            })
            .await?;
        self.subscription.report(&topic, records);
        Ok(settling)
    }
}

/// Messages of one request that are named in the log when they are exhausted; a client cannot make it longer.
const REPORTED: usize = 10;

type Settled = (Option<Appended>, Vec<Record>);

impl Subscription {
    /// Decides, appends and applies under the lock.
    pub(super) fn try_settle(
        self: &Arc<Self>,
        topic: &Topic,
        decide: impl FnOnce(&State, Timestamp) -> Vec<Record>,
    ) -> Result<Result<Settled, AppendError>, SubscriptionNotFound> {
        let mut state = self.lock()?;
        let now = self.shared.time.now();
        let records = decide(&state, now);
        if records.is_empty() {
            return Ok(Ok((None, records)));
        }
        let appended = self.append(topic, &mut state, now, &records);
        self.changed(&mut state, now);
        Ok(appended.map(|appended| (Some(appended), records)))
    }

    /// Tells the operator of messages that were given up or dead-lettered, with their correlation IDs.
    pub(super) fn report(self: &Arc<Self>, topic: &Arc<Topic>, records: Vec<Record>) {
        let ended: Vec<_> = records
            .into_iter()
            .filter(|record| matches!(record, Record::DeadLettered { .. } | Record::Dropped { .. }))
            .collect();
        if ended.is_empty() {
            return;
        }
        let (subscription, topic) = (self.clone(), topic.clone());
        tokio::spawn(async move {
            for record in ended.iter().take(REPORTED) {
                subscription.report_one(&topic, record).await;
            }
            if let Some(more) = ended.len().checked_sub(REPORTED).filter(|more| *more > 0) {
                tracing::warn!(subscription = %subscription.name, more, "more messages of the same request were exhausted");
            }
        });
    }

    async fn report_one(&self, topic: &Topic, record: &Record) {
        let (what, sequence, failure) = match record {
            Record::DeadLettered { sequence, failure } => ("message dead-lettered", *sequence, failure),
            Record::Dropped { sequence, failure } => {
                ("message dropped after its last attempt", *sequence, failure)
            }
            _ => return,
        };
        let message = topic.read_message(sequence).await.ok().flatten();
        let correlation_id = message
            .as_ref()
            .map_or("unknown".into(), |(message, _)| String::from_utf8_lossy(&message.correlation_id));
        let message_id = MessageId { log: LogId(topic.id.0), sequence };
        tracing::warn!(subscription = %self.name, %message_id, %correlation_id, cause = ?failure.cause, "{what}");
    }
}
