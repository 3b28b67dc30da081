use fanfare_proto::v1::{self, push_error_rule::Status};
use types::push::{ErrorAction, ErrorRule, StatusRange};

use crate::{check, refusal::Refusal};

pub(super) fn read(given: Vec<v1::PushErrorRule>) -> Result<Vec<ErrorRule>, Refusal> {
    let rule = |(index, given)| {
        rule(given).map_err(|refusal: Refusal| refusal.within(format_args!("error_rules[{index}]")))
    };
    given.into_iter().enumerate().map(rule).collect()
}

fn rule(given: v1::PushErrorRule) -> Result<ErrorRule, Refusal> {
    let status = match check::present("status", given.status)? {
        Status::Http(range) => http(range)?,
        Status::Grpc(code) => StatusRange::Grpc { code: narrow("grpc", code, "1 to 16")? },
        Status::Failure(failure) => match check::known("failure", failure)? {
            v1::PushFailure::Unspecified => return Err(Refusal::field("failure", "is required")),
            v1::PushFailure::Timeout => StatusRange::Timeout,
            v1::PushFailure::Transport => StatusRange::Transport,
        },
    };
    Ok(ErrorRule { status, action: action(given.action)? })
}

fn http(range: v1::HttpStatusRange) -> Result<StatusRange, Refusal> {
    let from = narrow("http.from", range.from, "200 to 599")?;
    let to = match range.to {
        0 => from,
        to => narrow("http.to", to, "200 to 599")?,
    };
    Ok(StatusRange::Http { from, to })
}

/// What fits is checked with the other settings.
fn narrow<T: TryFrom<u32>>(path: &str, number: u32, allowed: &str) -> Result<T, Refusal> {
    T::try_from(number).map_err(|_| Refusal::field(path, format_args!("is {number}, must be {allowed}")))
}

fn action(given: i32) -> Result<ErrorAction, Refusal> {
    Ok(match check::known("action", given)? {
        v1::PushAction::Unspecified => return Err(Refusal::field("action", "is required")),
        v1::PushAction::Acknowledge => ErrorAction::Acknowledge,
        v1::PushAction::Retry => ErrorAction::Retry,
        v1::PushAction::Reject => ErrorAction::Reject,
        v1::PushAction::Disable => ErrorAction::Disable,
    })
}

pub(super) fn to_proto(rule: &ErrorRule) -> v1::PushErrorRule {
    let status = match rule.status {
        StatusRange::Http { from, to } => {
            Status::Http(v1::HttpStatusRange { from: from.into(), to: to.into() })
        }
        StatusRange::Grpc { code } => Status::Grpc(code.into()),
        StatusRange::Timeout => Status::Failure(v1::PushFailure::Timeout.into()),
        StatusRange::Transport => Status::Failure(v1::PushFailure::Transport.into()),
    };
    let action = match rule.action {
        ErrorAction::Acknowledge => v1::PushAction::Acknowledge,
        ErrorAction::Retry => v1::PushAction::Retry,
        ErrorAction::Reject => v1::PushAction::Reject,
        ErrorAction::Disable => v1::PushAction::Disable,
    };
    v1::PushErrorRule { status: Some(status), action: action.into() }
}
