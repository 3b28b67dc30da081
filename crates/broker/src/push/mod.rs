//! What the handle offers to push workers, and to those who create and confirm endpoints.
//!
//! # Invariants
//!
//! - Every endpoint has one worker at a time, and each worker can say which are its own without asking the others.
//! - An endpoint's status changes only by a record in its topic's log (see `subscription::endpoint`).
//! - No two topics forward to each other, whichever way round, as long as they are the same topics.
//!
//! # Limits
//! [`types::limits::PUSH_WORKERS`] workers. An endpoint costs an entry in one map; a worker's share is computed when it asks.

mod attempts;
mod check;
mod endpoints;
mod workers;

use std::sync::Arc;

pub use check::CheckEndpoint;
pub(crate) use check::EndpointCheck;
pub(crate) use endpoints::Endpoints;
use types::{
    SubscriptionName, SubscriptionUid, TopicName,
    push::{DisabledReason, EndpointReport, EndpointStatus, PushSettings},
};
pub use workers::PushWorker;

use crate::{
    Broker, ConfirmError, Subscriber, SubscriptionInfo, SubscriptionNotFound, UpdateSubscriptionError,
};

/// Which endpoints a worker takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PushRole {
    /// Those that are topics.
    Forwarder,
    /// All others.
    Deliverer,
}

impl PushRole {
    /// Whose business an endpoint is.
    pub(crate) fn of(push: &PushSettings) -> Self {
        if matches!(push.topic(), Ok(None)) { Self::Deliverer } else { Self::Forwarder }
    }
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
    /// What the worker said last; without a worker nothing is under way.
    pub report: EndpointReport,
}

impl Broker {
    /// Confirms an endpoint with the token that was sent to it. Durable when it is answered.
    ///
    /// # Errors
    /// See [`ConfirmError`].
    pub async fn confirm_subscription(
        &self,
        name: &SubscriptionName,
        token: &str,
    ) -> Result<SubscriptionInfo, ConfirmError> {
        self.inner.shared.check_serving()?;
        self.inner.subscription(name)?.confirm(token).await
    }
}

impl Subscriber {
    /// Asks for leave to ask a pending endpoint for its consent with this token; false if it is too early, or not pending, or another
    /// endpoint by now. Durable when it is answered.
    ///
    /// # Errors
    /// See [`UpdateSubscriptionError`].
    pub async fn begin_confirmation(
        &self,
        endpoint: &str,
        token: &str,
    ) -> Result<bool, UpdateSubscriptionError> {
        self.subscription.check_serving()?;
        self.subscription.begin_confirmation(endpoint, token).await
    }

    /// The endpoint has confirmed, or the operator vouches for it. Does nothing unless it is this one and pending.
    ///
    /// # Errors
    /// See [`UpdateSubscriptionError`].
    pub async fn endpoint_confirmed(&self, endpoint: &str) -> Result<(), UpdateSubscriptionError> {
        self.subscription.endpoint_confirmed(endpoint).await
    }

    /// The endpoint gets nothing more until it is resumed. Does nothing unless it is this one and not disabled.
    ///
    /// # Errors
    /// See [`UpdateSubscriptionError`].
    pub async fn disable_endpoint(
        &self,
        endpoint: &str,
        reason: DisabledReason,
    ) -> Result<(), UpdateSubscriptionError> {
        self.subscription.disable_endpoint(endpoint, reason).await
    }

    /// Takes over what a worker says of its endpoint, for the statistics. Of a subscription without an endpoint nothing is kept.
    ///
    /// # Errors
    /// It is deleted.
    pub fn report_endpoint(&self, report: EndpointReport) -> Result<(), SubscriptionNotFound> {
        self.subscription.keep_report(report)
    }
}
