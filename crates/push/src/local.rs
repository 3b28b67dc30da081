//! The broker in the same process.

use std::{collections::HashMap, time::Duration};

use broker::{
    Ask, AssignedEndpoint, Broker, ConsumeError, Consumer, Delivery, JoinPushError, Outcome, PushRole,
    PushWorker, SettleError, Subscriber, SubscriptionNotFound, UpdateSubscriptionError,
};
use tokio::sync::Mutex;
use types::{AckId, SubscriptionUid, push::AttemptReport};

use crate::{Assignments, Backend, BackendError, Changes, EndpointChange, EndpointFigures, Leases};

/// A broker in the same process, for the endpoints of one role.
#[derive(Debug, Clone)]
pub struct Local {
    broker: Broker,
    role: PushRole,
}

impl Local {
    /// For these endpoints.
    pub fn new(broker: Broker, role: PushRole) -> Self {
        Self { broker, role }
    }
}

impl Backend for Local {
    type Assignments = LocalAssignments;
    type Leases = LocalLeases;

    async fn join(&self) -> Result<LocalAssignments, BackendError> {
        let worker = self.broker.join_push(self.role)?;
        Ok(LocalAssignments { worker, known: HashMap::new(), is_first: true })
    }

    async fn leases(&self, endpoint: &AssignedEndpoint) -> Result<LocalLeases, BackendError> {
        let subscriber = self.broker.subscriber_of(&endpoint.subscription, endpoint.uid)?;
        let consumer = Mutex::new(subscriber.consumer()?);
        Ok(LocalLeases { subscriber, consumer })
    }

    async fn begin_confirmation(
        &self,
        endpoint: &AssignedEndpoint,
        token: &str,
    ) -> Result<bool, BackendError> {
        let subscriber = self.broker.subscriber_of(&endpoint.subscription, endpoint.uid)?;
        Ok(subscriber.begin_confirmation(&endpoint.push.endpoint, token).await?)
    }

    async fn change(&self, endpoint: &AssignedEndpoint, change: EndpointChange) -> Result<(), BackendError> {
        let subscriber = self.broker.subscriber_of(&endpoint.subscription, endpoint.uid)?;
        let address = &endpoint.push.endpoint;
        match change {
            EndpointChange::Confirmed => subscriber.endpoint_confirmed(address).await?,
            EndpointChange::Disabled(reason) => subscriber.disable_endpoint(address, reason).await?,
        }
        Ok(())
    }

    async fn report(&self, figures: Vec<EndpointFigures>) {
        for EndpointFigures { subscription, uid, report } in figures {
            // Deleted meanwhile: nobody wants to know.
            if let Ok(subscriber) = self.broker.subscriber_of(&subscription, uid) {
                let _ = subscriber.report_endpoint(report);
            }
        }
    }
}

/// See [`Local`].
#[derive(Debug)]
pub struct LocalAssignments {
    worker: PushWorker,
    known: HashMap<SubscriptionUid, AssignedEndpoint>,
    is_first: bool,
}

impl Assignments for LocalAssignments {
    async fn next(&mut self) -> Result<Changes, BackendError> {
        loop {
            self.worker.changed().await;
            let changes = self.compare(self.worker.assigned());
            let is_news = !changes.assigned.is_empty() || !changes.withdrawn.is_empty();
            if std::mem::take(&mut self.is_first) || is_news {
                return Ok(changes);
            }
        }
    }
}

impl LocalAssignments {
    /// Takes over the share as it is now.
    fn compare(&mut self, share: Vec<AssignedEndpoint>) -> Changes {
        let share: HashMap<_, _> = share.into_iter().map(|endpoint| (endpoint.uid, endpoint)).collect();
        let is_new = |endpoint: &&AssignedEndpoint| self.known.get(&endpoint.uid) != Some(endpoint);
        let assigned = share.values().filter(is_new).cloned().collect();
        let withdrawn = self.known.keys().filter(|uid| !share.contains_key(uid)).copied().collect();
        self.known = share;
        Changes { assigned, withdrawn, is_complete: true }
    }
}

/// See [`Local`].
#[derive(Debug)]
pub struct LocalLeases {
    subscriber: Subscriber,
    consumer: Mutex<Consumer>,
}

impl Leases for LocalLeases {
    async fn next(&self, max_messages: usize, max_bytes: u64) -> Result<Vec<Delivery>, BackendError> {
        Ok(self.consumer.lock().await.next(Ask { max_messages, max_bytes }).await?)
    }

    async fn try_next(&self, max_messages: usize, max_bytes: u64) -> Result<Vec<Delivery>, BackendError> {
        Ok(self.consumer.lock().await.try_next(Ask { max_messages, max_bytes }).await?)
    }

    async fn extend(&self, ids: &[AckId], by: Duration) -> Result<(), BackendError> {
        self.subscriber.extend(ids, by)?;
        Ok(())
    }

    async fn report(&self, reports: Vec<AttemptReport>) -> Result<Vec<Outcome>, BackendError> {
        Ok(self.subscriber.report(&reports).await?.durable().await?)
    }
}

impl From<SubscriptionNotFound> for BackendError {
    fn from(_: SubscriptionNotFound) -> Self {
        Self::Gone
    }
}

impl From<JoinPushError> for BackendError {
    fn from(error: JoinPushError) -> Self {
        Self::Unavailable(error.to_string())
    }
}

impl From<ConsumeError> for BackendError {
    fn from(error: ConsumeError) -> Self {
        match error {
            ConsumeError::NotFound(_) => Self::Gone,
            error => Self::Unavailable(error.to_string()),
        }
    }
}

impl From<SettleError> for BackendError {
    fn from(error: SettleError) -> Self {
        match error {
            // Ack IDs of another are those of the one before.
            SettleError::NotFound(_) | SettleError::OtherSubscription { .. } => Self::Gone,
            SettleError::Invalid(invalid) => Self::Refused(invalid.to_string()),
            error @ SettleError::Unavailable(_) => Self::Unavailable(error.to_string()),
        }
    }
}

impl From<UpdateSubscriptionError> for BackendError {
    fn from(error: UpdateSubscriptionError) -> Self {
        match error {
            UpdateSubscriptionError::NotFound(_) => Self::Gone,
            UpdateSubscriptionError::Invalid(invalid) => Self::Refused(invalid.to_string()),
            error => Self::Unavailable(error.to_string()),
        }
    }
}
