//! A subscription's push endpoint: whether it gets messages, and what its worker says of it.
//!
//! # Invariants
//!
//! - There is one exactly if the settings in force have one.
//! - Its status follows from the records of the log: a change of settings says what becomes of it (the same rule live and in a replay),
//!   every other change is a record of its own. What the worker says is volatile.
//! - A token confirms once, and only the one that was sent last.

use std::sync::Arc;

use journal::{AppendError, Appended};
use queue::Record;
use sha2::{Digest as _, Sha256};
use types::{
    Invalid, SubscriptionSettings, Timestamp, limits,
    push::{Confirmation, DisabledReason, EndpointReport, EndpointStatus, PushSettings},
};

use super::{State, Subscription};
use crate::{
    AssignedEndpoint, ConfirmError, PushFigures, PushRole, SubscriptionInfo, SubscriptionNotFound,
    Unavailable, UpdateSubscriptionError,
    record::{SubscriptionEvent, write_queue, write_subscription},
    topic::Topic,
};

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
fn resumed(status: &EndpointStatus) -> Option<EndpointStatus> {
    match status {
        EndpointStatus::Disabled { reason: DisabledReason::Unconfirmed, at } => Some(asked_anew(Some(*at))),
        EndpointStatus::Disabled { .. } => Some(EndpointStatus::Active),
        EndpointStatus::Pending(_) | EndpointStatus::Active => None,
    }
}

/// What a request for consent makes of a status; none if there is to be no request.
fn requested(status: &EndpointStatus, token: &str, now: Timestamp) -> Option<EndpointStatus> {
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
fn confirms(status: &EndpointStatus, token: &str, now: Timestamp) -> bool {
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
    fn status_of(&self, endpoint: &str) -> Option<&EndpointStatus> {
        let push = self.queue.settings().push.as_ref()?;
        self.endpoint_status().filter(|_| push.endpoint == endpoint)
    }
}

impl Subscription {
    /// See [`Broker::confirm_subscription`](crate::Broker::confirm_subscription).
    pub(crate) async fn confirm(self: &Arc<Self>, token: &str) -> Result<SubscriptionInfo, ConfirmError> {
        self.change_status(|state, now| {
            let status =
                state.endpoint_status().ok_or_else(|| Invalid::new("name", "has no push endpoint"))?;
            if confirms(status, token, now) {
                return Ok(Some(EndpointStatus::Active));
            }
            let hours = limits::CONFIRMATION_LIFE.as_secs() / 3_600;
            let reason = format!("is not the one that was sent last, was used, or is older than {hours} h");
            Err(ConfirmError::from(Invalid::new("token", reason)))
        })
        .await?;
        Ok(self.info()?)
    }

    /// See [`Broker::begin_confirmation`](crate::Broker::begin_confirmation).
    pub(crate) async fn begin_confirmation(
        self: &Arc<Self>,
        endpoint: &str,
        token: &str,
    ) -> Result<bool, UpdateSubscriptionError> {
        let changed = self.change_status(|state, now| {
            let status = state.status_of(endpoint);
            Ok::<_, UpdateSubscriptionError>(status.and_then(|status| requested(status, token, now)))
        });
        Ok(matches!(changed.await?, Some(EndpointStatus::Pending(_))))
    }

    /// See [`Broker::endpoint_confirmed`](crate::Broker::endpoint_confirmed).
    pub(crate) async fn endpoint_confirmed(
        self: &Arc<Self>,
        endpoint: &str,
    ) -> Result<(), UpdateSubscriptionError> {
        self.change_status(|state, _| {
            let pending = matches!(state.status_of(endpoint), Some(EndpointStatus::Pending(_)));
            Ok::<_, UpdateSubscriptionError>(pending.then_some(EndpointStatus::Active))
        })
        .await
        .map(drop)
    }

    /// See [`Broker::disable_endpoint`](crate::Broker::disable_endpoint).
    pub(crate) async fn disable_endpoint(
        self: &Arc<Self>,
        endpoint: &str,
        reason: DisabledReason,
    ) -> Result<(), UpdateSubscriptionError> {
        let changed = self.change_status(|state, now| {
            let status = state.status_of(endpoint);
            let enabled = status.is_some_and(|status| !matches!(status, EndpointStatus::Disabled { .. }));
            Ok::<_, UpdateSubscriptionError>(enabled.then_some(EndpointStatus::Disabled { reason, at: now }))
        });
        if changed.await?.is_some() {
            tracing::warn!(subscription = %self.name, ?reason, "the push endpoint was disabled; its backlog stays");
        }
        Ok(())
    }

    /// Deliveries again, by those who pull and to the endpoint. Doing it twice is OK and changes nothing.
    pub(crate) async fn resume(self: &Arc<Self>) -> Result<SubscriptionInfo, UpdateSubscriptionError> {
        let topic = self.topic()?;
        let mut latest = 0;
        let appended = topic
            .retry_when_busy(|| {
                let mut state = self.lock()?;
                latest = state.position;
                let record = state.queue.is_paused().then_some(Record::Resumed);
                let status = state.endpoint_status().and_then(resumed);
                if record.is_none() && status.is_none() {
                    return Ok(Ok(None));
                }
                let now = self.shared.time.now();
                state.last_used = now;
                let appended = self.append_status(&topic, &mut state, now, record.as_ref(), status);
                self.changed(&mut state, now);
                Ok::<_, UpdateSubscriptionError>(appended.map(Some))
            })
            .await?;
        match appended {
            Some(appended) => appended.durable.wait().await.map_err(Unavailable::Poisoned)?,
            // It was so already, by a change that may still be on its way to the disk.
            None => topic.wait_durable(latest).await?,
        }
        Ok(self.info()?)
    }

    /// Records the status that `decide` gives, if it gives one; answers with it once it is durable.
    async fn change_status<E: From<SubscriptionNotFound> + From<Unavailable>>(
        self: &Arc<Self>,
        decide: impl Fn(&State, Timestamp) -> Result<Option<EndpointStatus>, E>,
    ) -> Result<Option<EndpointStatus>, E> {
        let topic = self.topic()?;
        let mut latest = 0;
        let changed = topic
            .retry_when_busy(|| {
                let mut state = self.lock()?;
                latest = state.position;
                let now = self.shared.time.now();
                let Some(status) = decide(&state, now)? else { return Ok(Ok(None)) };
                let appended = self.append_status(&topic, &mut state, now, None, Some(status.clone()));
                Ok::<_, E>(appended.map(|appended| Some((appended, status))))
            })
            .await?;
        let Some((appended, status)) = changed else {
            topic.wait_durable(latest).await?;
            return Ok(None);
        };
        appended.durable.wait().await.map_err(Unavailable::Poisoned)?;
        Ok(Some(status))
    }

    /// Appends a record of the queue and a status as one batch, and applies them. Under the subscription's lock.
    fn append_status(
        self: &Arc<Self>,
        topic: &Topic,
        state: &mut State,
        now: Timestamp,
        record: Option<&Record>,
        status: Option<EndpointStatus>,
    ) -> Result<Appended, AppendError> {
        let event = status.clone().map(|status| SubscriptionEvent::Endpoint { uid: self.uid, status });
        let appended = topic.append(now, |batch| {
            if let Some(record) = record {
                batch.push(|out| write_queue(out, self.uid, 0, record));
            }
            if let Some(event) = &event {
                batch.push(|out| write_subscription(out, event));
            }
        })?;
        state.end = appended.first + u64::from(record.is_some()) + u64::from(event.is_some());
        state.position = state.end - 1;
        if let Some(record) = record {
            state.apply(record, 0, appended.first);
        }
        if let Some(status) = status {
            state.set_endpoint_status(status);
            self.list_endpoint(topic, state);
        }
        Ok(appended)
    }

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
        Some(Box::new(PushFigures {
            status: endpoint.status.clone(),
            has_worker: self.shared.endpoints.has_worker(PushRole::of(push)),
            report: endpoint.report.clone(),
        }))
    }
}
