//! What the handle offers to push workers.

use std::{fmt, pin::Pin, sync::Arc};

use types::{
    Invalid, MessageId, SubscriptionName, SubscriptionUid, TopicName,
    push::{Attempt, AttemptReport, DisabledReason, EndpointReport, EndpointStatus, PushSettings},
};

use crate::{
    Broker, ConfirmError, JoinPushError, SettleError, Settling, Subscriber, SubscriptionInfo,
    SubscriptionNotFound, TestFilterError, UpdateSubscriptionError,
};

/// Which endpoints a worker takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PushRole {
    /// Those that are topics.
    Forwarder,
    /// All others.
    Deliverer,
}

/// An endpoint to work on.
#[derive(Debug, Clone, PartialEq)]
pub struct AssignedEndpoint {
    /// The subscription.
    pub subscription: SubscriptionName,
    /// Its topic.
    pub topic: TopicName,
    /// Its incarnation.
    pub uid: SubscriptionUid,
    /// Its settings, secrets included.
    pub push: Arc<PushSettings>,
    /// Whether it gets messages.
    pub status: EndpointStatus,
}

/// How a push endpoint is.
#[derive(Debug, Clone, PartialEq)]
pub struct PushFigures {
    /// Whether it gets messages.
    pub status: EndpointStatus,
    /// A worker has it.
    pub has_worker: bool,
    /// What the worker said last.
    pub report: EndpointReport,
}

/// Looks at an endpoint when someone names it: whether it may be connected to, and whether it can.
pub trait CheckEndpoint: Send + Sync + fmt::Debug {
    /// The error's field is a path from the push settings.
    fn check<'a>(
        &'a self,
        push: &'a PushSettings,
    ) -> Pin<Box<dyn Future<Output = Result<(), Invalid>> + Send + 'a>>;
}

/// A place among the workers that share the endpoints, until dropped.
#[derive(Debug)]
pub struct PushWorker {}

impl PushWorker {
    /// Waits until its share may have changed since the last call; the first does not wait.
    pub async fn changed(&mut self) {
        todo!()
    }

    /// Its share at the moment.
    pub fn assigned(&self) -> Vec<AssignedEndpoint> {
        todo!()
    }
}

impl Broker {
    /// Has every endpoint looked at from now on when a subscription is created with it or changed to it.
    pub fn guard_endpoints(&self, _guard: Arc<dyn CheckEndpoint>) {
        todo!()
    }

    /// Joins the workers that share the endpoints of a role.
    ///
    /// # Errors
    /// There are as many as it takes, or it is being shut down.
    pub fn join_push(&self, _role: PushRole) -> Result<PushWorker, JoinPushError> {
        todo!()
    }

    /// Confirms an endpoint with the token that was sent to it. Durable when it is answered.
    ///
    /// # Errors
    /// See [`ConfirmError`].
    pub async fn confirm_subscription(
        &self,
        _name: &SubscriptionName,
        _token: &str,
    ) -> Result<SubscriptionInfo, ConfirmError> {
        todo!()
    }

    /// Asks for leave to ask a pending endpoint for its consent with this token; false if it is too early, or not pending, or another
    /// endpoint by now. Durable when it is answered.
    ///
    /// # Errors
    /// See [`UpdateSubscriptionError`].
    pub async fn begin_confirmation(
        &self,
        _name: &SubscriptionName,
        _endpoint: &str,
        _token: &str,
    ) -> Result<bool, UpdateSubscriptionError> {
        todo!()
    }

    /// The endpoint has confirmed, or the operator vouches for it. Does nothing unless it is this one and pending.
    ///
    /// # Errors
    /// See [`UpdateSubscriptionError`].
    pub async fn endpoint_confirmed(
        &self,
        _name: &SubscriptionName,
        _endpoint: &str,
    ) -> Result<(), UpdateSubscriptionError> {
        todo!()
    }

    /// The endpoint gets nothing more until it is resumed. Does nothing unless it is this one and not disabled.
    ///
    /// # Errors
    /// See [`UpdateSubscriptionError`].
    pub async fn disable_endpoint(
        &self,
        _name: &SubscriptionName,
        _endpoint: &str,
        _reason: DisabledReason,
    ) -> Result<(), UpdateSubscriptionError> {
        todo!()
    }

    /// Takes over what a worker says of its endpoint, for the statistics.
    ///
    /// # Errors
    /// There is no such subscription.
    pub fn report_endpoint(
        &self,
        _name: &SubscriptionName,
        _report: EndpointReport,
    ) -> Result<(), SubscriptionNotFound> {
        todo!()
    }

    /// The attempts to push a message that the log still has, in order; the latest 1,000.
    ///
    /// # Errors
    /// See [`TestFilterError`].
    pub async fn attempts(
        &self,
        _name: &SubscriptionName,
        _message: MessageId,
    ) -> Result<Vec<Attempt>, TestFilterError> {
        todo!()
    }
}

impl Subscriber {
    /// Settles leases by what came of the attempts to push them, and records these in the log.
    ///
    /// # Errors
    /// The request as a whole; then nothing changed.
    pub async fn report(&self, _reports: &[AttemptReport]) -> Result<Settling, SettleError> {
        todo!()
    }
}
