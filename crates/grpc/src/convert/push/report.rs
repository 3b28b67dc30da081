//! What a worker says of its attempts.

use std::time::Duration;

use fanfare_proto::v1::{self, attempt_report::Verdict};
use types::{
    limits,
    push::{Attempt, AttemptClass, AttemptReport, AttemptVerdict},
};

use super::super::time;
use crate::{check, refusal::Refusal};

pub(crate) fn attempt_report(given: v1::AttemptReport) -> Result<AttemptReport, Refusal> {
    Ok(AttemptReport {
        ack_id: check::ack_id("ack_id", &given.ack_id)?,
        verdict: verdict(check::present("verdict", given.verdict)?)?,
        attempt: given.attempt.map(attempt).transpose().map_err(|refusal| refusal.within("attempt"))?,
    })
}

fn verdict(given: Verdict) -> Result<AttemptVerdict, Refusal> {
    Ok(match given {
        Verdict::Acknowledged(_) => AttemptVerdict::Acknowledge,
        Verdict::AcknowledgedLate(late) => {
            AttemptVerdict::AcknowledgeLate { failed_attempts: failed_attempts(late.failed_attempts)? }
        }
        Verdict::Failed(failed) => AttemptVerdict::Retry {
            at_least: time::within(
                "failed.at_least",
                failed.at_least,
                Duration::ZERO..=limits::RETRY_AFTER_MAX,
            )?,
        },
        Verdict::Rejected(_) => AttemptVerdict::Reject,
        Verdict::Released(released) => {
            let after =
                time::within("released.after", released.after, Duration::ZERO..=limits::NACK_DELAY_MAX)?;
            AttemptVerdict::Release { after: after.unwrap_or_default() }
        }
    })
}

fn failed_attempts(given: u32) -> Result<u32, Refusal> {
    if given > 0 {
        return Ok(given);
    }
    Err(Refusal::field("acknowledged_late.failed_attempts", "is 0, must be at least 1"))
}

fn attempt(given: v1::Attempt) -> Result<Attempt, Refusal> {
    if given.number == 0 {
        return Err(Refusal::field("number", "is 0, must be at least 1"));
    }
    check::bytes("error", given.error.as_bytes(), limits::ATTEMPT_ERROR_BYTES)?;
    check::bytes("response", &given.response, limits::ATTEMPT_RESPONSE_BYTES)?;
    Ok(Attempt {
        number: given.number,
        started_at: time::timestamp("start_time", &check::present("start_time", given.start_time)?)?,
        latency: time::duration("latency", &check::present("latency", given.latency)?)?,
        status: given.status.map(status).transpose()?,
        class: class(given.class)?,
        response: given.response.into(),
        error: given.error,
    })
}

fn status(given: u32) -> Result<u16, Refusal> {
    match u16::try_from(given) {
        Ok(status) if status < 1_000 => Ok(status),
        _ => Err(Refusal::field("status", format_args!("is {given}, must be at most 999"))),
    }
}

fn class(given: i32) -> Result<AttemptClass, Refusal> {
    Ok(match check::known("class", given)? {
        v1::AttemptClass::Unspecified => return Err(Refusal::field("class", "is required")),
        v1::AttemptClass::Ok => AttemptClass::Ok,
        v1::AttemptClass::OkLate => AttemptClass::OkLate,
        v1::AttemptClass::Timeout => AttemptClass::Timeout,
        v1::AttemptClass::Connect => AttemptClass::Connect,
        v1::AttemptClass::Resolve => AttemptClass::Resolve,
        v1::AttemptClass::Denied => AttemptClass::Denied,
        v1::AttemptClass::Tls => AttemptClass::Tls,
        v1::AttemptClass::Protocol => AttemptClass::Protocol,
        v1::AttemptClass::Throttled => AttemptClass::Throttled,
        v1::AttemptClass::Retryable => AttemptClass::Retryable,
        v1::AttemptClass::Rejected => AttemptClass::Rejected,
        v1::AttemptClass::Gone => AttemptClass::Gone,
        v1::AttemptClass::Loop => AttemptClass::Loop,
        v1::AttemptClass::Unsendable => AttemptClass::Unsendable,
    })
}
