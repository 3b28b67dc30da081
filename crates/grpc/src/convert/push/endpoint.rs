use fanfare_proto::v1;
use types::push::{DisabledReason, EndpointStatus};

use super::super::time;
use crate::{check, refusal::Refusal};

/// Whether an endpoint gets messages, as the API shows it.
pub(crate) fn endpoint(status: &EndpointStatus) -> v1::PushEndpoint {
    match status {
        EndpointStatus::Pending(confirmation) => v1::PushEndpoint {
            state: v1::PushEndpointState::Pending.into(),
            confirmation_requests: confirmation.requests,
            confirmation_request_time: confirmation.requested_at.map(time::to_proto_timestamp),
            ..v1::PushEndpoint::default()
        },
        EndpointStatus::Active => {
            v1::PushEndpoint { state: v1::PushEndpointState::Active.into(), ..v1::PushEndpoint::default() }
        }
        EndpointStatus::Disabled { reason, at } => v1::PushEndpoint {
            state: v1::PushEndpointState::Disabled.into(),
            disabled_reason: reason_to_proto(*reason).into(),
            disabled_time: Some(time::to_proto_timestamp(*at)),
            ..v1::PushEndpoint::default()
        },
    }
}

fn reason_to_proto(reason: DisabledReason) -> v1::PushDisabledReason {
    match reason {
        DisabledReason::Gone => v1::PushDisabledReason::Gone,
        DisabledReason::BreakerOpen => v1::PushDisabledReason::BreakerOpen,
        DisabledReason::Unconfirmed => v1::PushDisabledReason::Unconfirmed,
        DisabledReason::Loop => v1::PushDisabledReason::Loop,
    }
}

/// Why a worker disables an endpoint. Required.
pub(crate) fn disabled_reason(path: &str, given: i32) -> Result<DisabledReason, Refusal> {
    Ok(match check::known(path, given)? {
        v1::PushDisabledReason::Unspecified => return Err(Refusal::field(path, "is required")),
        v1::PushDisabledReason::Gone => DisabledReason::Gone,
        v1::PushDisabledReason::BreakerOpen => DisabledReason::BreakerOpen,
        v1::PushDisabledReason::Unconfirmed => DisabledReason::Unconfirmed,
        v1::PushDisabledReason::Loop => DisabledReason::Loop,
    })
}
