use std::time::Duration;

use broker::PushFigures;
use fanfare_proto::v1;
use types::{
    limits,
    push::{BreakerState, EndpointReport},
};

use super::{super::time, endpoint};
use crate::{check, refusal::Refusal};

/// An endpoint in figures, as the API shows them.
pub(crate) fn figures(figures: &PushFigures) -> v1::PushStats {
    let report = &figures.report;
    let breaker = match (figures.has_worker, report.breaker) {
        (false, _) => v1::BreakerState::Unspecified,
        (true, BreakerState::Closed) => v1::BreakerState::Closed,
        (true, BreakerState::Open) => v1::BreakerState::Open,
        (true, BreakerState::HalfOpen) => v1::BreakerState::HalfOpen,
    };
    v1::PushStats {
        endpoint: Some(endpoint(&figures.status)),
        has_worker: figures.has_worker,
        breaker: breaker.into(),
        breaker_open_time: report.open_since.map(time::to_proto_timestamp),
        next_probe_time: report.next_probe_at.map(time::to_proto_timestamp),
        concurrency: report.concurrency,
        in_flight: report.in_flight,
        rate_limit: report.rate_limit,
        last_error: report.last_error.clone().unwrap_or_default(),
        last_error_time: report.last_error_at.map(time::to_proto_timestamp),
        delivered: report.delivered,
        retried: report.retried,
        rejected: report.rejected,
        late: report.late,
        timeouts: report.timeouts,
        postponed: report.postponed,
        breaker_opened: report.breaker_opened,
    }
}

/// What a worker says of an endpoint.
pub(crate) fn report(given: v1::EndpointReport) -> Result<EndpointReport, Refusal> {
    let stats = check::present("stats", given.stats)?;
    let attempt_time = given.attempt_time.map(|given| time::duration("attempt_time", &given)).transpose()?;
    of_stats(stats, attempt_time.unwrap_or_default()).map_err(|refusal| refusal.within("stats"))
}

fn of_stats(stats: v1::PushStats, attempt_time: Duration) -> Result<EndpointReport, Refusal> {
    check::bytes("last_error", stats.last_error.as_bytes(), limits::ATTEMPT_ERROR_BYTES)?;
    let at = |path: &str, given: Option<prost_types::Timestamp>| {
        given.map(|given| time::timestamp(path, &given)).transpose()
    };
    Ok(EndpointReport {
        breaker: breaker(stats.breaker)?,
        open_since: at("breaker_open_time", stats.breaker_open_time)?,
        next_probe_at: at("next_probe_time", stats.next_probe_time)?,
        concurrency: stats.concurrency,
        in_flight: stats.in_flight,
        rate_limit: stats.rate_limit.map(rate_limit).transpose()?,
        last_error: Some(stats.last_error).filter(|text| !text.is_empty()),
        last_error_at: at("last_error_time", stats.last_error_time)?,
        delivered: stats.delivered,
        retried: stats.retried,
        rejected: stats.rejected,
        late: stats.late,
        timeouts: stats.timeouts,
        postponed: stats.postponed,
        attempt_time,
        breaker_opened: stats.breaker_opened,
    })
}

fn rate_limit(given: f64) -> Result<f64, Refusal> {
    if given.is_finite() && given >= 0.0 {
        return Ok(given);
    }
    Err(Refusal::field("rate_limit", format_args!("is {given}, must be a number, 0 or more")))
}

fn breaker(given: i32) -> Result<BreakerState, Refusal> {
    Ok(match check::known("breaker", given)? {
        v1::BreakerState::Unspecified => return Err(Refusal::field("breaker", "is required")),
        v1::BreakerState::Closed => BreakerState::Closed,
        v1::BreakerState::Open => BreakerState::Open,
        v1::BreakerState::HalfOpen => BreakerState::HalfOpen,
    })
}
