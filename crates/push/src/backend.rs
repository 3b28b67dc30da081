//! What a worker needs of the broker, in the same process or another.

use std::time::Duration;

use broker::{AssignedEndpoint, Delivery, Outcome};
use types::{
    AckId, SubscriptionName, SubscriptionUid,
    push::{AttemptReport, DisabledReason, EndpointReport},
};

/// Why the broker did not do what the worker asked. The worker drops the endpoint and takes it up again later, if it is still its own.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BackendError {
    /// The subscription is gone, or is another by now.
    #[error("the subscription is gone")]
    Gone,
    /// The broker is shutting down, or cannot be reached, or has no room.
    #[error("the broker is not available: {0}")]
    Unavailable(String),
    /// The broker does not let this worker in.
    #[error("the broker refuses this worker: {0}")]
    Refused(String),
}

/// What the worker has learnt about an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndpointChange {
    /// It has confirmed, or the operator vouches for it.
    Confirmed,
    /// It gets nothing more.
    Disabled(DisabledReason),
}

/// The broker as a worker sees it.
pub trait Backend: Clone + Send + Sync + 'static {
    /// A worker's share of the endpoints.
    type Assignments: Assignments;
    /// The leases of one endpoint's subscription.
    type Leases: Leases;

    /// Joins the workers. Dropping what it gives leaves them.
    fn join(&self) -> impl Future<Output = Result<Self::Assignments, BackendError>> + Send;

    /// Becomes a consumer of an endpoint's subscription.
    fn leases(
        &self,
        endpoint: &AssignedEndpoint,
    ) -> impl Future<Output = Result<Self::Leases, BackendError>> + Send;

    /// Asks for leave to ask the endpoint for its consent, with this token. False if it is too early.
    fn begin_confirmation(
        &self,
        endpoint: &AssignedEndpoint,
        token: &str,
    ) -> impl Future<Output = Result<bool, BackendError>> + Send;

    /// Says what has become of the endpoint; durable when it is answered. Does nothing if the subscription has another one by now.
    fn change(
        &self,
        endpoint: &AssignedEndpoint,
        change: EndpointChange,
    ) -> impl Future<Output = Result<(), BackendError>> + Send;

    /// Says how endpoints are at the moment. Errors do not matter: there will be another report.
    fn report(&self, figures: Vec<EndpointFigures>) -> impl Future<Output = ()> + Send;
}

/// How an endpoint is at the moment.
#[derive(Debug, Clone, PartialEq)]
pub struct EndpointFigures {
    /// Whose it is.
    pub subscription: SubscriptionName,
    /// That subscription's incarnation.
    pub uid: SubscriptionUid,
    /// What there is to say.
    pub report: EndpointReport,
}

/// What has changed in a worker's share.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Changes {
    /// Endpoints that are new or have changed.
    pub assigned: Vec<AssignedEndpoint>,
    /// Subscriptions whose endpoints are no longer this worker's.
    pub withdrawn: Vec<SubscriptionUid>,
    /// With these, all of its share has been told since it joined: what it had before and has not been told of is no longer its own.
    pub is_complete: bool,
}

/// A worker's share of the endpoints.
pub trait Assignments: Send + 'static {
    /// Waits for the next changes. The first ones have all of the share, up to the first that is complete, and may be empty.
    fn next(&mut self) -> impl Future<Output = Result<Changes, BackendError>> + Send;
}

/// The leases of one endpoint's subscription. Dropping it gives up being a consumer; the leases run on. Settling does not wait for leasing.
pub trait Leases: Send + Sync + 'static {
    /// Waits until there is at least one message, then leases up to so many. One that is dropped leases nothing, or gives it back. One
    /// call of this and [`Self::try_next`] at a time.
    fn next(
        &self,
        max_messages: usize,
        max_bytes: u64,
    ) -> impl Future<Output = Result<Vec<Delivery>, BackendError>> + Send;

    /// The same without waiting: empty if there is nothing due.
    fn try_next(
        &self,
        max_messages: usize,
        max_bytes: u64,
    ) -> impl Future<Output = Result<Vec<Delivery>, BackendError>> + Send;

    /// The leases end so long from now. One that is not held is passed over.
    fn extend(&self, ids: &[AckId], by: Duration) -> impl Future<Output = Result<(), BackendError>> + Send;

    /// Settles leases by what came of the attempts: durable when it is answered, one outcome a report.
    fn report(
        &self,
        reports: Vec<AttemptReport>,
    ) -> impl Future<Output = Result<Vec<Outcome>, BackendError>> + Send;
}
