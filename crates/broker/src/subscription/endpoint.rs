//! A subscription's push endpoint: whether it gets messages, and what its worker says of it.
//!
//! # Invariants
//!
//! - There is one exactly if the settings in force have one.
//! - Its status follows from the records of the log: a change of settings says what becomes of it (the same rule live and in a replay),
//!   every other change is a record of its own. What the worker says is volatile.
//! - A token confirms once, and only the one that was sent last.

use std::sync::Arc;

use sha2::{Digest as _, Sha256};
use types::{
    SubscriptionSettings, Timestamp, limits,
    push::{Confirmation, DisabledReason, EndpointReport, EndpointStatus, PushSettings},
};

use super::{State, Subscription};
use crate::{AssignedEndpoint, PushFigures, PushRole, SubscriptionNotFound, topic::Topic};

#[derive(Debug, Clone)]
pub(crate) struct Endpoint {
    pub(crate) status: EndpointStatus,
    report: EndpointReport,
}

impl Endpoint {
    pub(crate) fn new(status: EndpointStatus) -> Box<Self> {
        Box::new(Self { status, report: EndpointReport::default() })
    }

    /// That of a new subscription.
    pub(crate) fn of(settings: &SubscriptionSettings) -> Option<Box<Self>> {
        settings.push.as_ref().map(|push| Self::new(first_status(push)))
    }

    /// What becomes of it by a change of settings.
    fn after(
        current: Option<Box<Self>>,
        before: &SubscriptionSettings,
        after: &SubscriptionSettings,
    ) -> Option<Box<Self>> {
        let push = after.push.as_ref()?;
        match (current, &before.push) {
            (Some(current), Some(before)) if !before.is_elsewhere(push) => Some(current),
            // It is asked anew, but a change is no way to have requests sent more often.
            (Some(current), _) => Some(Self::new(match (first_status(push), current.status) {
                (EndpointStatus::Pending(_), EndpointStatus::Pending(asked)) => {
                    asked_anew(asked.requested_at)
                }
                (first, _) => first,
            })),
            (None, _) => Some(Self::new(first_status(push))),
        }
    }
}

/// A topic of the same broker needs not be asked.
fn first_status(push: &PushSettings) -> EndpointStatus {
    match PushRole::of(push) {
        PushRole::Forwarder => EndpointStatus::Active,
        PushRole::Deliverer => EndpointStatus::default(),
    }
}

fn asked_anew(requested_at: Option<Timestamp>) -> EndpointStatus {
    EndpointStatus::Pending(Confirmation { requested_at, ..Confirmation::default() })
}

/// What resuming makes of a status; none if that is nothing.
pub(super) fn resumed(status: &EndpointStatus) -> Option<EndpointStatus> {
    match status {
        EndpointStatus::Disabled { reason: DisabledReason::Unconfirmed, at } => Some(asked_anew(Some(*at))),
        EndpointStatus::Disabled { .. } => Some(EndpointStatus::Active),
        EndpointStatus::Pending(_) | EndpointStatus::Active => None,
    }
}

/// What a worker's word that it gets nothing more makes of a status; none if that is nothing. Why a pending one is disabled does not
/// matter: it has never consented, and resuming it must not pass over that.
pub(super) fn disabled(
    status: &EndpointStatus,
    reason: DisabledReason,
    at: Timestamp,
) -> Option<EndpointStatus> {
    match status {
        EndpointStatus::Disabled { .. } => None,
        EndpointStatus::Active => Some(EndpointStatus::Disabled { reason, at }),
        EndpointStatus::Pending(_) => {
            Some(EndpointStatus::Disabled { reason: DisabledReason::Unconfirmed, at })
        }
    }
}

/// What a request for consent makes of a status; none if there is to be no request.
pub(super) fn requested(status: &EndpointStatus, token: &str, now: Timestamp) -> Option<EndpointStatus> {
    let EndpointStatus::Pending(asked) = status else { return None };
    if now < asked.next_request_at() {
        return None;
    }
    if asked.requests >= limits::CONFIRMATION_REQUESTS {
        return Some(EndpointStatus::Disabled { reason: DisabledReason::Unconfirmed, at: now });
    }
    Some(EndpointStatus::Pending(Confirmation {
        requests: asked.requests + 1,
        requested_at: Some(now),
        token_sha256: Some(sha256(token)),
    }))
}

/// The token is the one that was sent last, and not too old.
pub(super) fn confirms(status: &EndpointStatus, token: &str, now: Timestamp) -> bool {
    let EndpointStatus::Pending(asked) = status else { return false };
    let is_it = asked.token_sha256.as_ref().is_some_and(|sent| equal(sent.as_bytes(), &sha256(token)));
    is_it && now < asked.expires_at()
}

fn sha256(token: &str) -> String {
    format!("{:x}", Sha256::digest(token.as_bytes()))
}

/// Takes as long wherever they differ.
fn equal(sent: &[u8], given: &str) -> bool {
    let differ = sent.iter().zip(given.as_bytes()).fold(0, |differ, (a, b)| differ | (a ^ b));
    sent.len() == given.len() && differ == 0
}

impl State {
    /// Takes over changed settings, live and in recovery.
    pub(crate) fn set_settings(&mut self, settings: SubscriptionSettings) {
        self.endpoint = Endpoint::after(self.endpoint.take(), self.queue.settings(), &settings);
        self.queue.set_settings(settings);
    }

    /// Takes over a changed status, live and in recovery.
    pub(crate) fn set_endpoint_status(&mut self, status: EndpointStatus) {
        if let Some(endpoint) = &mut self.endpoint {
            endpoint.status = status;
        }
    }

    pub(crate) fn endpoint_status(&self) -> Option<&EndpointStatus> {
        self.endpoint.as_ref().map(|endpoint| &endpoint.status)
    }

    /// The status, if the endpoint is this one.
    pub(super) fn status_of(&self, endpoint: &str) -> Option<&EndpointStatus> {
        let push = self.queue.settings().push.as_ref()?;
        self.endpoint_status().filter(|_| push.endpoint == endpoint)
    }
}

impl Subscription {
    /// Workers learn of the endpoint as it is now. Under the subscription's lock.
    pub(crate) fn list_endpoint(self: &Arc<Self>, topic: &Topic, state: &State) {
        if !state.deleted {
            self.shared.endpoints.set(self, &topic.name, state.queue.settings().push.as_deref());
        }
    }

    /// The endpoint as its worker gets it; none if there is none any more.
    pub(crate) fn assignment(&self) -> Option<AssignedEndpoint> {
        let topic = self.topic().ok()?;
        let state = self.lock().ok()?;
        Some(AssignedEndpoint {
            subscription: self.name.clone(),
            topic: topic.name.clone(),
            uid: self.uid,
            push: state.queue.settings().push.clone()?,
            status: state.endpoint_status()?.clone(),
        })
    }

    /// Keeps what the worker says.
    pub(crate) fn keep_report(&self, mut report: EndpointReport) -> Result<(), SubscriptionNotFound> {
        if let Some(error) = &mut report.last_error {
            error.truncate(error.floor_char_boundary(limits::ATTEMPT_ERROR_BYTES));
        }
        if let Some(endpoint) = &mut self.lock()?.endpoint {
            endpoint.report = report;
        }
        Ok(())
    }

    /// The endpoint in figures.
    pub(super) fn push_figures(&self, state: &State) -> Option<Box<PushFigures>> {
        let (endpoint, push) = (state.endpoint.as_ref()?, state.queue.settings().push.as_ref()?);
        let (status, said) = (endpoint.status.clone(), endpoint.report.clone());
        let has_worker = self.shared.endpoints.has_worker(PushRole::of(push));
        let report = if has_worker { said } else { said.without_worker() };
        Some(Box::new(PushFigures { status, has_worker, report }))
    }
}
