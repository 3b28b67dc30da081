//! What the broker says, as the worker has it. The broker has checked it; what makes no sense all the same is passed over, and said.

use std::{sync::Arc, time::Duration};

use broker::{AssignedEndpoint, Delivery, LeaseError, Outcome};
use fanfare_proto::{encoded, v1};
use types::{
    SubscriptionUid, Timestamp, limits,
    push::{
        Authentication, BreakerSettings, ClientCertificate, Confirmation, ContentMode, DisabledReason,
        EndpointStatus, ErrorAction, ErrorRule, PushSettings, Secret, StatusRange,
    },
};

use crate::Changes;

const MICROS: u64 = 1_000_000;

pub(super) fn changes(response: v1::WorkResponse) -> Changes {
    let mut changes = Changes { is_complete: response.complete, ..Changes::default() };
    for given in response.assigned {
        let name = given.subscription.clone();
        match assigned(given) {
            Some(endpoint) => changes.assigned.push(endpoint),
            None => {
                tracing::error!(subscription = %name, "this worker does not understand what the broker says of an endpoint");
            }
        }
    }
    changes.withdrawn = response.withdrawn.iter().filter_map(|uid| self::uid(uid)).collect();
    changes
}

fn uid(given: &str) -> Option<SubscriptionUid> {
    given.parse().ok().map(SubscriptionUid)
}

fn assigned(given: v1::AssignedEndpoint) -> Option<AssignedEndpoint> {
    Some(AssignedEndpoint {
        subscription: given.subscription.parse().ok()?,
        topic: given.topic.parse().ok()?,
        uid: uid(&given.incarnation)?,
        push: Arc::new(settings(given.push?)?),
        status: status(&given.endpoint?)?,
    })
}

fn status(given: &v1::PushEndpoint) -> Option<EndpointStatus> {
    Some(match given.state() {
        v1::PushEndpointState::Unspecified => return None,
        v1::PushEndpointState::Pending => EndpointStatus::Pending(Confirmation {
            requests: given.confirmation_requests,
            requested_at: given.confirmation_request_time.as_ref().map(timestamp),
            token_sha256: None,
        }),
        v1::PushEndpointState::Active => EndpointStatus::Active,
        v1::PushEndpointState::Disabled => EndpointStatus::Disabled {
            reason: match given.disabled_reason() {
                v1::PushDisabledReason::Unspecified => return None,
                v1::PushDisabledReason::Gone => DisabledReason::Gone,
                v1::PushDisabledReason::BreakerOpen => DisabledReason::BreakerOpen,
                v1::PushDisabledReason::Unconfirmed => DisabledReason::Unconfirmed,
                v1::PushDisabledReason::Loop => DisabledReason::Loop,
            },
            at: given.disabled_time.as_ref().map(timestamp).unwrap_or(Timestamp::EPOCH),
        },
    })
}

fn settings(given: v1::PushConfig) -> Option<PushSettings> {
    Some(PushSettings {
        content: content(given.content()),
        endpoint: given.endpoint,
        headers: given.headers,
        authentication: given.authentication.and_then(|given| given.method).map(authentication),
        client_certificate: given.client_certificate.map(|given| ClientCertificate {
            chain: given.chain,
            private_key: Secret::new(given.private_key),
        }),
        trusted_certificates: Some(given.trusted_certificates).filter(|pem| !pem.is_empty()),
        signing_secrets: given.signing_secrets.into_iter().map(Secret::new).collect(),
        request_timeout: given.request_timeout.as_ref().map_or(limits::PUSH_REQUEST_TIMEOUT, duration),
        max_concurrency: given.max_concurrency.unwrap_or(limits::PUSH_CONCURRENCY),
        max_batch: given.max_batch.unwrap_or(1),
        max_receives_per_second: given.max_receives_per_second,
        error_rules: given.error_rules.iter().map(rule).collect::<Option<_>>()?,
        breaker: given.breaker.map(|given| breaker(&given)).unwrap_or_default(),
    })
}

fn content(given: v1::PushContent) -> ContentMode {
    match given {
        v1::PushContent::Unspecified | v1::PushContent::Raw => ContentMode::Raw,
        v1::PushContent::CloudEventsBinary => ContentMode::CloudEventsBinary,
        v1::PushContent::CloudEventsStructured => ContentMode::CloudEventsStructured,
        v1::PushContent::SnsEnvelope => ContentMode::SnsEnvelope,
    }
}

fn authentication(given: v1::push_authentication::Method) -> Authentication {
    use v1::push_authentication::Method;
    match given {
        Method::Basic(basic) => {
            Authentication::Basic { username: basic.username, password: Secret::new(basic.password) }
        }
        Method::Bearer(bearer) => Authentication::Bearer { token: Secret::new(bearer.token) },
        Method::Header(header) => {
            Authentication::Header { name: header.name, value: Secret::new(header.value) }
        }
    }
}

fn rule(given: &v1::PushErrorRule) -> Option<ErrorRule> {
    use v1::push_error_rule::Status;
    let status = match given.status.as_ref()? {
        Status::Http(range) => {
            let from = u16::try_from(range.from).ok()?;
            let to = u16::try_from(range.to).ok()?;
            StatusRange::Http { from, to: if to == 0 { from } else { to } }
        }
        Status::Grpc(code) => StatusRange::Grpc { code: u8::try_from(*code).ok()? },
        Status::Failure(failure) => match v1::PushFailure::try_from(*failure).ok()? {
            v1::PushFailure::Unspecified => return None,
            v1::PushFailure::Timeout => StatusRange::Timeout,
            v1::PushFailure::Transport => StatusRange::Transport,
        },
    };
    let action = match given.action() {
        v1::PushAction::Unspecified => return None,
        v1::PushAction::Acknowledge => ErrorAction::Acknowledge,
        v1::PushAction::Retry => ErrorAction::Retry,
        v1::PushAction::Reject => ErrorAction::Reject,
        v1::PushAction::Disable => ErrorAction::Disable,
    };
    Some(ErrorRule { status, action })
}

fn breaker(given: &v1::PushBreaker) -> BreakerSettings {
    let usual = BreakerSettings::default();
    BreakerSettings {
        failures: given.failures.unwrap_or(usual.failures),
        failure_ratio: given.failure_ratio.unwrap_or(usual.failure_ratio),
        open: given.open.as_ref().map_or(usual.open, duration),
        max_open: given.max_open.as_ref().map_or(usual.max_open, duration),
        disable_after: given.disable_after.as_ref().map(duration),
    }
}

pub(super) fn delivery(given: encoded::ReceivedMessage) -> Option<Delivery> {
    let at = |given: &Option<prost_types::Timestamp>| given.as_ref().map_or(Timestamp::EPOCH, timestamp);
    Some(Delivery {
        ack_id: given.ack_id.parse().ok()?,
        message_id: given.message_id.parse().ok()?,
        published_at: at(&given.publish_time),
        deadline: at(&given.lease_deadline),
        attempt: given.delivery_attempt,
        first_delivery: given.first_delivery,
        payload: given.message,
    })
}

pub(super) fn outcome(given: &v1::SettleResult) -> Outcome {
    match given.outcome() {
        v1::LeaseOutcome::Ok => Ok(()),
        v1::LeaseOutcome::Superseded => Err(LeaseError::Superseded),
        v1::LeaseOutcome::FencedBySeek => Err(LeaseError::FencedBySeek),
        v1::LeaseOutcome::AlreadySettled => Err(LeaseError::AlreadySettled),
        v1::LeaseOutcome::Expired | v1::LeaseOutcome::Unspecified => Err(LeaseError::Expired),
    }
}

fn duration(given: &prost_types::Duration) -> Duration {
    let (seconds, nanos) = (u64::try_from(given.seconds), u32::try_from(given.nanos));
    Duration::new(seconds.unwrap_or_default(), nanos.unwrap_or_default())
}

fn timestamp(given: &prost_types::Timestamp) -> Timestamp {
    let seconds = u64::try_from(given.seconds).unwrap_or_default();
    let micros = u64::try_from(given.nanos).unwrap_or_default() / 1_000;
    Timestamp::from_micros(seconds.saturating_mul(MICROS).saturating_add(micros))
}
