//! Changes of a push endpoint's status, each by a record. The rules are in `endpoint`.

use std::sync::Arc;

use journal::{AppendError, Appended};
use queue::Record;
use types::{
    Invalid, Timestamp, limits,
    push::{DisabledReason, EndpointStatus},
};

use super::{
    State, Subscription,
    endpoint::{confirms, disabled, requested, resumed},
};
use crate::{
    ConfirmError, SubscriptionInfo, SubscriptionNotFound, Unavailable, UpdateSubscriptionError,
    record::{SubscriptionEvent, write_queue, write_subscription},
    topic::Topic,
};

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

    /// See [`Subscriber::begin_confirmation`](crate::Subscriber::begin_confirmation).
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

    /// See [`Subscriber::endpoint_confirmed`](crate::Subscriber::endpoint_confirmed).
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

    /// See [`Subscriber::disable_endpoint`](crate::Subscriber::disable_endpoint).
    pub(crate) async fn disable_endpoint(
        self: &Arc<Self>,
        endpoint: &str,
        reason: DisabledReason,
    ) -> Result<(), UpdateSubscriptionError> {
        let changed = self.change_status(|state, now| {
            let status = state.status_of(endpoint).and_then(|status| disabled(status, reason, now));
            Ok::<_, UpdateSubscriptionError>(status)
        });
        if let Some(EndpointStatus::Disabled { reason, .. }) = changed.await? {
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
            if state.endpoint_status() == Some(&EndpointStatus::Active) {
                // Until now it was in use.
                state.last_used = now;
            }
            state.set_endpoint_status(status);
            self.list_endpoint(topic, state);
        }
        Ok(appended)
    }
}
