//! What passes between the broker and a worker.

use std::time::Duration;

use broker::PushFigures;
use fanfare_proto::v1::attempt_report::Verdict;
use types::{
    AckId, LeaseId, SubscriptionUid, Timestamp,
    push::{
        AttemptClass, AttemptReport, AttemptVerdict, BreakerState, Confirmation, DisabledReason,
        EndpointReport, EndpointStatus,
    },
};

use super::*;

fn seconds(seconds: i64) -> Option<prost_types::Duration> {
    Some(prost_types::Duration { seconds, nanos: 0 })
}

fn attempt() -> v1::Attempt {
    v1::Attempt {
        number: 2,
        start_time: Some(prost_types::Timestamp { seconds: 5, nanos: 0 }),
        latency: seconds(1),
        status: Some(503),
        class: v1::AttemptClass::Retryable.into(),
        response: vec![0; 1_024].into(),
        error: "line\nbreak".into(),
    }
}

fn given(verdict: Verdict, attempt: Option<v1::Attempt>) -> v1::AttemptReport {
    let lease = AckId { subscription: SubscriptionUid(1), sequence: 5, lease: LeaseId(1) };
    v1::AttemptReport { ack_id: lease.to_string(), verdict: Some(verdict), attempt }
}

fn read(verdict: Verdict) -> AttemptVerdict {
    attempt_report(given(verdict, None)).unwrap().verdict
}

fn refused(report: v1::AttemptReport) -> String {
    v1::RequestError::from(attempt_report(report).unwrap_err()).field
}

#[test]
fn each_verdict_is_read_as_itself() {
    let late = v1::AcknowledgedLate { failed_attempts: 3 };
    assert_eq!(read(Verdict::Acknowledged(v1::Acknowledged {})), AttemptVerdict::Acknowledge);
    assert_eq!(read(Verdict::AcknowledgedLate(late)), AttemptVerdict::AcknowledgeLate { failed_attempts: 3 });
    let wait = Duration::from_secs(3_600);
    let failed = Verdict::Failed(v1::Failed { at_least: seconds(3_600) });
    assert_eq!(read(failed), AttemptVerdict::Retry { at_least: Some(wait) });
    assert_eq!(read(Verdict::Failed(v1::Failed::default())), AttemptVerdict::Retry { at_least: None });
    assert_eq!(read(Verdict::Rejected(v1::Rejected {})), AttemptVerdict::Reject);
    let released = Verdict::Released(v1::Released { after: seconds(7) });
    assert_eq!(read(released), AttemptVerdict::Release { after: Duration::from_secs(7) });
}

#[test]
fn an_attempt_is_read_as_it_was() {
    let report = given(Verdict::Rejected(v1::Rejected {}), Some(attempt()));
    let AttemptReport { attempt: Some(read), .. } = attempt_report(report).unwrap() else { panic!("none") };
    assert_eq!((read.number, read.status, read.class), (2, Some(503), AttemptClass::Retryable));
    assert_eq!((read.started_at, read.latency), (Timestamp::from_millis(5_000), Duration::from_secs(1)));
    assert_eq!((read.response.len(), read.error.as_str()), (1_024, "line\nbreak"));
}

#[test]
fn every_class_of_an_attempt_is_known() {
    let mut seen = std::collections::HashSet::new();
    for class in 1..=14 {
        let attempt = v1::Attempt { class, ..attempt() };
        let report = given(Verdict::Rejected(v1::Rejected {}), Some(attempt));
        assert!(seen.insert(attempt_report(report).unwrap().attempt.unwrap().class), "{class}");
    }
}

#[test]
fn what_is_wrong_in_a_report_is_named() {
    let acknowledged = || Verdict::Acknowledged(v1::Acknowledged {});
    let with = |change: fn(&mut v1::Attempt)| {
        let mut attempt = attempt();
        change(&mut attempt);
        refused(given(acknowledged(), Some(attempt)))
    };
    assert_eq!(with(|attempt| attempt.number = 0), "attempt.number");
    assert_eq!(with(|attempt| attempt.start_time = None), "attempt.start_time");
    assert_eq!(with(|attempt| attempt.latency = None), "attempt.latency");
    assert_eq!(with(|attempt| attempt.latency = seconds(-1)), "attempt.latency");
    assert_eq!(with(|attempt| attempt.status = Some(1_000)), "attempt.status");
    assert_eq!(with(|attempt| attempt.class = 0), "attempt.class");
    assert_eq!(with(|attempt| attempt.response = vec![0; 1_025].into()), "attempt.response");
    assert_eq!(with(|attempt| attempt.error = "x".repeat(1_025)), "attempt.error");
    assert_eq!(refused(v1::AttemptReport { ack_id: "x".into(), ..given(acknowledged(), None) }), "ack_id");
    assert_eq!(refused(v1::AttemptReport { verdict: None, ..given(acknowledged(), None) }), "verdict");
    let too_long = Verdict::Failed(v1::Failed { at_least: seconds(3_601) });
    assert_eq!(refused(given(too_long, None)), "failed.at_least");
    let too_long = Verdict::Released(v1::Released { after: seconds(43_201) });
    assert_eq!(refused(given(too_long, None)), "released.after");
    let none = Verdict::AcknowledgedLate(v1::AcknowledgedLate { failed_attempts: 0 });
    assert_eq!(refused(given(none, None)), "acknowledged_late.failed_attempts");
}

fn of_worker() -> EndpointReport {
    EndpointReport {
        breaker: BreakerState::HalfOpen,
        open_since: Some(Timestamp::from_millis(1)),
        next_probe_at: Some(Timestamp::from_millis(2)),
        concurrency: 3,
        in_flight: 4,
        rate_limit: Some(5.5),
        last_error: Some("refused".into()),
        last_error_at: Some(Timestamp::from_millis(6)),
        delivered: 7,
        retried: 8,
        rejected: 9,
        late: 10,
        timeouts: 11,
        postponed: 12,
        attempt_time: Duration::from_secs(13),
        breaker_opened: 14,
    }
}

#[test]
fn figures_come_back_from_the_wire() {
    for breaker in [BreakerState::Closed, BreakerState::Open, BreakerState::HalfOpen] {
        let given = EndpointReport { breaker, ..of_worker() };
        let shown =
            figures(&PushFigures { status: EndpointStatus::Active, has_worker: true, report: given.clone() });
        let stats = v1::EndpointReport {
            subscription: "s".into(),
            incarnation: "1".into(),
            stats: Some(shown),
            attempt_time: seconds(13),
        };
        assert_eq!(report(stats).unwrap(), given);
    }
}

#[test]
fn without_a_worker_nobody_knows_the_breaker() {
    let status = EndpointStatus::default();
    let shown = figures(&PushFigures { status, has_worker: false, report: EndpointReport::default() });
    assert_eq!((shown.breaker(), shown.has_worker), (v1::BreakerState::Unspecified, false));
    let refused = report(v1::EndpointReport { stats: Some(shown), ..Default::default() }).unwrap_err();
    assert_eq!(v1::RequestError::from(refused).field, "stats.breaker");
}

#[test]
fn an_endpoint_is_shown_with_what_its_state_has() {
    let at = Timestamp::from_millis(9_000);
    let pending =
        Confirmation { requests: 3, requested_at: Some(at), token_sha256: Some("never shown".into()) };
    let shown = endpoint(&EndpointStatus::Pending(pending));
    assert_eq!((shown.state(), shown.confirmation_requests), (v1::PushEndpointState::Pending, 3));
    assert_eq!(shown.confirmation_request_time, Some(time::to_proto_timestamp(at)));
    assert!(!format!("{shown:?}").contains("never shown"));
    assert_eq!(endpoint(&EndpointStatus::Active).state(), v1::PushEndpointState::Active);
    let reasons = [
        DisabledReason::Gone,
        DisabledReason::BreakerOpen,
        DisabledReason::Unconfirmed,
        DisabledReason::Loop,
    ];
    for reason in reasons {
        let shown = endpoint(&EndpointStatus::Disabled { reason, at });
        assert_eq!(shown.state(), v1::PushEndpointState::Disabled);
        assert_eq!(disabled_reason("r", shown.disabled_reason).unwrap(), reason);
        assert_eq!(shown.disabled_time, Some(time::to_proto_timestamp(at)));
    }
    assert!(disabled_reason("r", 0).is_err() && disabled_reason("r", 5).is_err());
}
