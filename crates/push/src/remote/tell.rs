//! What the worker says, as the broker's API has it.

use std::time::Duration;

use fanfare_proto::v1::{self, attempt_report::Verdict};
use types::{
    Timestamp,
    push::{Attempt, AttemptClass, AttemptReport, AttemptVerdict, BreakerState, DisabledReason},
};

use crate::{EndpointChange, EndpointFigures};

const MICROS: u64 = 1_000_000;

pub(super) fn duration(duration: Duration) -> prost_types::Duration {
    prost_types::Duration {
        seconds: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
        nanos: i32::try_from(duration.subsec_nanos()).unwrap_or_default(),
    }
}

pub(super) fn timestamp(at: Timestamp) -> prost_types::Timestamp {
    prost_types::Timestamp {
        seconds: i64::try_from(at.as_micros() / MICROS).unwrap_or(i64::MAX),
        nanos: i32::try_from(at.as_micros() % MICROS * 1_000).unwrap_or_default(),
    }
}

pub(super) fn change(change: EndpointChange) -> (v1::PushEndpointState, v1::PushDisabledReason) {
    use v1::PushDisabledReason as Reason;
    let reason = match change {
        EndpointChange::Confirmed => return (v1::PushEndpointState::Active, Reason::Unspecified),
        EndpointChange::Disabled(DisabledReason::Gone) => Reason::Gone,
        EndpointChange::Disabled(DisabledReason::BreakerOpen) => Reason::BreakerOpen,
        EndpointChange::Disabled(DisabledReason::Unconfirmed) => Reason::Unconfirmed,
        EndpointChange::Disabled(DisabledReason::Loop) => Reason::Loop,
    };
    (v1::PushEndpointState::Disabled, reason)
}

pub(super) fn endpoint(figures: EndpointFigures) -> v1::EndpointReport {
    let EndpointFigures { subscription, uid, report } = figures;
    let breaker = match report.breaker {
        BreakerState::Closed => v1::BreakerState::Closed,
        BreakerState::Open => v1::BreakerState::Open,
        BreakerState::HalfOpen => v1::BreakerState::HalfOpen,
    };
    let stats = v1::PushStats {
        endpoint: None,
        has_worker: false,
        breaker: breaker.into(),
        breaker_open_time: report.open_since.map(timestamp),
        next_probe_time: report.next_probe_at.map(timestamp),
        concurrency: report.concurrency,
        in_flight: report.in_flight,
        rate_limit: report.rate_limit,
        last_error: report.last_error.unwrap_or_default(),
        last_error_time: report.last_error_at.map(timestamp),
        delivered: report.delivered,
        retried: report.retried,
        rejected: report.rejected,
        late: report.late,
        timeouts: report.timeouts,
        postponed: report.postponed,
        breaker_opened: report.breaker_opened,
    };
    let attempt_time = Some(duration(report.attempt_time));
    let (subscription, incarnation) = (subscription.to_string(), uid.0.to_string());
    v1::EndpointReport { subscription, incarnation, stats: Some(stats), attempt_time }
}

pub(super) fn attempt_report(report: AttemptReport) -> v1::AttemptReport {
    let verdict = match report.verdict {
        AttemptVerdict::Acknowledge => Verdict::Acknowledged(v1::Acknowledged {}),
        AttemptVerdict::AcknowledgeLate { failed_attempts } => {
            Verdict::AcknowledgedLate(v1::AcknowledgedLate { failed_attempts })
        }
        AttemptVerdict::Retry { at_least } => {
            Verdict::Failed(v1::Failed { at_least: at_least.map(duration) })
        }
        AttemptVerdict::Reject => Verdict::Rejected(v1::Rejected {}),
        AttemptVerdict::Release { after } => Verdict::Released(v1::Released { after: Some(duration(after)) }),
    };
    v1::AttemptReport {
        ack_id: report.ack_id.to_string(),
        verdict: Some(verdict),
        attempt: report.attempt.map(attempt),
    }
}

fn attempt(attempt: Attempt) -> v1::Attempt {
    v1::Attempt {
        number: attempt.number,
        start_time: Some(timestamp(attempt.started_at)),
        latency: Some(duration(attempt.latency)),
        status: attempt.status.map(u32::from),
        class: class(attempt.class).into(),
        response: attempt.response.into(),
        error: attempt.error,
    }
}

fn class(class: AttemptClass) -> v1::AttemptClass {
    match class {
        AttemptClass::Ok => v1::AttemptClass::Ok,
        AttemptClass::OkLate => v1::AttemptClass::OkLate,
        AttemptClass::Timeout => v1::AttemptClass::Timeout,
        AttemptClass::Connect => v1::AttemptClass::Connect,
        AttemptClass::Resolve => v1::AttemptClass::Resolve,
        AttemptClass::Denied => v1::AttemptClass::Denied,
        AttemptClass::Tls => v1::AttemptClass::Tls,
        AttemptClass::Protocol => v1::AttemptClass::Protocol,
        AttemptClass::Throttled => v1::AttemptClass::Throttled,
        AttemptClass::Retryable => v1::AttemptClass::Retryable,
        AttemptClass::Rejected => v1::AttemptClass::Rejected,
        AttemptClass::Gone => v1::AttemptClass::Gone,
        AttemptClass::Loop => v1::AttemptClass::Loop,
        AttemptClass::Unsendable => v1::AttemptClass::Unsendable,
    }
}
