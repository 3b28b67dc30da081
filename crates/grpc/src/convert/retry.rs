//! Retry policies.

use fanfare_proto::v1::{self, retry_policy::Policy};
use types::{BackoffShape, ExponentialBackoff, Invalid, PhasedBackoff, RetryPolicy};

use super::time;
use crate::{check, refusal::Refusal};

use std::time::Duration;

/// SNS's default for both delays of a phased policy.
const PHASED_DELAY: Duration = Duration::from_secs(20);

/// The policy of a request, every default filled in and every field checked.
pub(crate) fn policy(given: Option<v1::RetryPolicy>) -> Result<RetryPolicy, Refusal> {
    let (policy, kind) = match given.and_then(|given| given.policy) {
        None => return Ok(RetryPolicy::default()),
        Some(Policy::Exponential(given)) => (exponential(&given)?, "settings.retry.exponential"),
        Some(Policy::Phased(given)) => (phased(&given)?, "settings.retry.phased"),
    };
    policy.validate().map_err(|invalid: Invalid| invalid.within(kind))?;
    Ok(policy)
}

fn exponential(given: &v1::ExponentialBackoff) -> Result<RetryPolicy, Refusal> {
    let default = ExponentialBackoff::default();
    Ok(RetryPolicy::Exponential(ExponentialBackoff {
        min_backoff: wait("settings.retry.exponential.min_backoff", given.min_backoff, default.min_backoff)?,
        max_backoff: wait("settings.retry.exponential.max_backoff", given.max_backoff, default.max_backoff)?,
        multiplier: given.multiplier.unwrap_or(default.multiplier),
        jitter: given.jitter.unwrap_or(default.jitter),
    }))
}

fn phased(given: &v1::PhasedBackoff) -> Result<RetryPolicy, Refusal> {
    let shape = match check::known("settings.retry.phased.shape", given.shape)? {
        v1::BackoffShape::Unspecified | v1::BackoffShape::Linear => BackoffShape::Linear,
        v1::BackoffShape::Arithmetic => BackoffShape::Arithmetic,
        v1::BackoffShape::Geometric => BackoffShape::Geometric,
        v1::BackoffShape::Exponential => BackoffShape::Exponential,
    };
    Ok(RetryPolicy::Phased(PhasedBackoff {
        no_delay_retries: given.no_delay_retries,
        min_delay_retries: given.min_delay_retries,
        backoff_retries: given.backoff_retries,
        max_delay_retries: given.max_delay_retries,
        min_delay: wait("settings.retry.phased.min_delay", given.min_delay, PHASED_DELAY)?,
        max_delay: wait("settings.retry.phased.max_delay", given.max_delay, PHASED_DELAY)?,
        shape,
    }))
}

fn wait(path: &str, given: Option<prost_types::Duration>, default: Duration) -> Result<Duration, Refusal> {
    given.map_or(Ok(default), |given| time::duration(path, &given))
}

/// A policy as the API shows it.
pub(crate) fn to_proto(policy: &RetryPolicy) -> v1::RetryPolicy {
    let policy = match policy {
        RetryPolicy::Exponential(policy) => Policy::Exponential(v1::ExponentialBackoff {
            min_backoff: Some(time::to_proto_duration(policy.min_backoff)),
            max_backoff: Some(time::to_proto_duration(policy.max_backoff)),
            multiplier: Some(policy.multiplier),
            jitter: Some(policy.jitter),
        }),
        RetryPolicy::Phased(policy) => Policy::Phased(v1::PhasedBackoff {
            no_delay_retries: policy.no_delay_retries,
            min_delay_retries: policy.min_delay_retries,
            backoff_retries: policy.backoff_retries,
            max_delay_retries: policy.max_delay_retries,
            min_delay: Some(time::to_proto_duration(policy.min_delay)),
            max_delay: Some(time::to_proto_duration(policy.max_delay)),
            shape: shape(policy.shape).into(),
        }),
    };
    v1::RetryPolicy { policy: Some(policy) }
}

fn shape(shape: BackoffShape) -> v1::BackoffShape {
    match shape {
        BackoffShape::Linear => v1::BackoffShape::Linear,
        BackoffShape::Arithmetic => v1::BackoffShape::Arithmetic,
        BackoffShape::Geometric => v1::BackoffShape::Geometric,
        BackoffShape::Exponential => v1::BackoffShape::Exponential,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_absent_is_the_default() {
        assert_eq!(policy(None).unwrap(), RetryPolicy::default());
        assert_eq!(policy(Some(v1::RetryPolicy::default())).unwrap(), RetryPolicy::default());
        let empty = v1::RetryPolicy { policy: Some(Policy::Exponential(v1::ExponentialBackoff::default())) };
        assert_eq!(policy(Some(empty)).unwrap(), RetryPolicy::default());
    }

    #[test]
    fn policies_come_back_from_the_wire() {
        let phased = PhasedBackoff {
            no_delay_retries: 1,
            min_delay_retries: 2,
            backoff_retries: 3,
            max_delay_retries: 4,
            min_delay: Duration::from_millis(1_500),
            max_delay: Duration::from_secs(60),
            shape: BackoffShape::Geometric,
        };
        let exponential = ExponentialBackoff {
            min_backoff: Duration::ZERO,
            jitter: false,
            ..ExponentialBackoff::default()
        };
        for given in [RetryPolicy::Phased(phased), RetryPolicy::Exponential(exponential)] {
            assert_eq!(policy(Some(to_proto(&given))).unwrap(), given);
        }
    }

    #[test]
    fn a_rule_across_fields_names_the_field_as_the_request_has_it() {
        let given = v1::ExponentialBackoff { multiplier: Some(0.5), ..v1::ExponentialBackoff::default() };
        let refusal = policy(Some(v1::RetryPolicy { policy: Some(Policy::Exponential(given)) })).unwrap_err();
        assert_eq!(v1::RequestError::from(refusal).field, "settings.retry.exponential.multiplier");
    }
}
