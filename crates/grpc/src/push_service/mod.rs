//! `PushService`: for push workers in processes of their own.
//!
//! # Invariants
//!
//! - It hands out secrets, so no call does or says anything before its token was checked ([`Admission`]); without a token in the
//!   configuration nobody is let in.
//! - What one worker holds of the broker is its place ([`broker::PushWorker`]), for as long as its `Work` stream lasts.
//!
//! # Limits
//!
//! [`limits::ATTEMPT_REPORTS`] attempts or [`limits::PUSH_ENDPOINT_PAGE`] endpoints a call, and as many, or about 3 MiB, an answer of `Work`.

mod admission;
mod assignments;

use std::pin::Pin;

use broker::{Broker, PushRole, SettleError, Subscriber};
use fanfare_proto::{server::push_service_server::PushService, undecoded, v1};
use futures_util::Stream;
use tonic::{Request, Response, Status};
use types::{AckId, SubscriptionName, SubscriptionUid, limits, push::EndpointReport};

pub(crate) use admission::Admission;
use assignments::Assignments;

use crate::{
    answer, bounds, check,
    convert::{outcome, push},
    refusal::Refusal,
};

/// `fanfare.v1.PushService` over the broker.
#[derive(Debug, Clone)]
pub(crate) struct Workers {
    pub(crate) broker: Broker,
    pub(crate) admission: Admission,
}

/// What a worker is told, until the stream ends.
type WorkStream = Pin<Box<dyn Stream<Item = Result<v1::WorkResponse, Status>> + Send>>;

#[tonic::async_trait]
impl PushService for Workers {
    type WorkStream = WorkStream;

    async fn work(&self, request: Request<v1::WorkRequest>) -> Result<Response<WorkStream>, Status> {
        answer("Work", self.join(&request))
    }

    async fn report_attempts(
        &self,
        request: Request<undecoded::ReportAttemptsRequest>,
    ) -> Result<Response<v1::ReportAttemptsResponse>, Status> {
        answer("ReportAttempts", self.settle(request).await)
    }

    async fn begin_confirmation(
        &self,
        request: Request<v1::BeginConfirmationRequest>,
    ) -> Result<Response<v1::BeginConfirmationResponse>, Status> {
        answer("BeginConfirmation", self.begin(request).await)
    }

    async fn set_endpoint_state(
        &self,
        request: Request<v1::SetEndpointStateRequest>,
    ) -> Result<Response<v1::SetEndpointStateResponse>, Status> {
        answer("SetEndpointState", self.set_state(request).await)
    }

    async fn report_endpoints(
        &self,
        request: Request<undecoded::ReportEndpointsRequest>,
    ) -> Result<Response<v1::ReportEndpointsResponse>, Status> {
        answer("ReportEndpoints", self.take_figures(request))
    }
}

impl Workers {
    /// The body of a request whose sender is let in.
    fn admit<T>(&self, request: Request<T>) -> Result<T, Refusal> {
        self.admission.check(request.metadata())?;
        Ok(request.into_inner())
    }

    fn join(&self, request: &Request<v1::WorkRequest>) -> Result<WorkStream, Refusal> {
        self.admission.check(request.metadata())?;
        let place = self.broker.join_push(PushRole::Deliverer)?;
        Ok(Box::pin(Assignments::new(place, self.broker.health()).stream()))
    }

    async fn settle(
        &self,
        request: Request<undecoded::ReportAttemptsRequest>,
    ) -> Result<v1::ReportAttemptsResponse, Refusal> {
        let request = bounds::open(self.admit(request)?)?;
        let name = check::subscription("subscription", &request.subscription)?;
        check::length("reports", request.reports.len(), 1..=limits::ATTEMPT_REPORTS)?;
        let reports = reports(request.reports, push::attempt_report)?;
        let subscriber = self.broker.subscriber(&name)?;
        let outcomes = subscriber.report(&reports).await.map_err(not_reported)?.durable().await?;
        let ack_ids = reports.iter().map(|report| AckId::to_string(&report.ack_id)).collect();
        Ok(v1::ReportAttemptsResponse { results: outcome::settled(ack_ids, outcomes) })
    }

    async fn begin(
        &self,
        request: Request<v1::BeginConfirmationRequest>,
    ) -> Result<v1::BeginConfirmationResponse, Refusal> {
        let request = self.admit(request)?;
        let name = check::subscription("subscription", &request.subscription)?;
        endpoint(&request.endpoint)?;
        check::confirmation_token("token", &request.token)?;
        let subscriber = self.incarnation(&name, &request.incarnation)?;
        let granted = subscriber.begin_confirmation(&request.endpoint, &request.token).await?;
        Ok(v1::BeginConfirmationResponse { granted })
    }

    async fn set_state(
        &self,
        request: Request<v1::SetEndpointStateRequest>,
    ) -> Result<v1::SetEndpointStateResponse, Refusal> {
        let request = self.admit(request)?;
        let name = check::subscription("subscription", &request.subscription)?;
        endpoint(&request.endpoint)?;
        let subscriber = self.incarnation(&name, &request.incarnation)?;
        match check::known("state", request.state)? {
            v1::PushEndpointState::Active => subscriber.endpoint_confirmed(&request.endpoint).await?,
            v1::PushEndpointState::Disabled => {
                let reason = push::disabled_reason("disabled_reason", request.disabled_reason)?;
                subscriber.disable_endpoint(&request.endpoint, reason).await?;
            }
            v1::PushEndpointState::Unspecified | v1::PushEndpointState::Pending => {
                let why = "must be PUSH_ENDPOINT_STATE_ACTIVE or PUSH_ENDPOINT_STATE_DISABLED";
                return Err(Refusal::field("state", why));
            }
        }
        Ok(v1::SetEndpointStateResponse {})
    }

    fn take_figures(
        &self,
        request: Request<undecoded::ReportEndpointsRequest>,
    ) -> Result<v1::ReportEndpointsResponse, Refusal> {
        let request = bounds::open(self.admit(request)?)?;
        for (name, uid, report) in reports(request.reports, figures)? {
            // One that was deleted meanwhile is no fault of the report.
            if let Ok(subscriber) = self.broker.subscriber_of(&name, uid) {
                let _ = subscriber.report_endpoint(report);
            }
        }
        Ok(v1::ReportEndpointsResponse {})
    }

    /// The subscription that the worker means, and not a later one of the same name.
    fn incarnation(&self, name: &SubscriptionName, given: &str) -> Result<Subscriber, Refusal> {
        Ok(self.broker.subscriber_of(name, check::incarnation("incarnation", given)?)?)
    }
}

/// Reads all of them before anything is done about one.
fn reports<G, R>(given: Vec<G>, read: impl Fn(G) -> Result<R, Refusal>) -> Result<Vec<R>, Refusal> {
    let read = |(index, given)| {
        read(given).map_err(|refusal: Refusal| refusal.within(format_args!("reports[{index}]")))
    };
    given.into_iter().enumerate().map(read).collect()
}

fn figures(
    given: v1::EndpointReport,
) -> Result<(SubscriptionName, SubscriptionUid, EndpointReport), Refusal> {
    let name = check::subscription("subscription", &given.subscription)?;
    let uid = check::incarnation("incarnation", &given.incarnation)?;
    Ok((name, uid, push::report(given)?))
}

fn not_reported(error: SettleError) -> Refusal {
    match error {
        SettleError::OtherSubscription { index } => {
            check::other_subscription(format_args!("reports[{index}].ack_id"))
        }
        error => error.into(),
    }
}

fn endpoint(given: &str) -> Result<(), Refusal> {
    match given {
        "" => Err(Refusal::field("endpoint", "is required")),
        given => check::bytes("endpoint", given.as_bytes(), limits::PUSH_ENDPOINT_BYTES),
    }
}
