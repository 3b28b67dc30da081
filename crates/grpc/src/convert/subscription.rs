//! Subscriptions and their settings.

use broker::SubscriptionInfo;
use fanfare_proto::v1;
use types::{ExhaustedAction, SubscriptionSettings, limits};

use super::{
    filter_policy,
    push::{self, Secrets},
    retry, time,
};
use crate::{check, refusal::Refusal};

/// The settings of a request, every default filled in and every field checked.
pub(crate) fn settings(given: Option<v1::SubscriptionSettings>) -> Result<SubscriptionSettings, Refusal> {
    let given = given.unwrap_or_default();
    let lease = limits::ACK_DEADLINE_MIN..=limits::ACK_DEADLINE_MAX;
    let lease = time::within("settings.ack_deadline", given.ack_deadline, lease)?;
    let unused = limits::EXPIRE_UNUSED_MIN..=limits::EXPIRE_UNUSED_MAX;
    let settings = SubscriptionSettings {
        ack_deadline: lease.unwrap_or(limits::ACK_DEADLINE),
        ordered: given.ordered,
        retry: retry::policy(given.retry)?,
        max_attempts: given.max_attempts.unwrap_or(limits::MAX_ATTEMPTS),
        when_exhausted: exhausted(given.when_exhausted)?,
        max_in_flight: given.max_in_flight.unwrap_or(limits::MAX_IN_FLIGHT),
        expire_unused_after: time::within("settings.expire_unused_after", given.expire_unused_after, unused)?,
        labels: given.labels,
        filter: filter_policy::of_settings(given.filter_policy)?,
        push: push::of_settings(given.push)?,
    };
    settings.validate().map_err(|invalid| invalid.within("settings"))?;
    Ok(settings)
}

fn exhausted(given: i32) -> Result<ExhaustedAction, Refusal> {
    Ok(match check::known("settings.when_exhausted", given)? {
        v1::ExhaustedAction::Unspecified | v1::ExhaustedAction::DeadLetter => ExhaustedAction::DeadLetter,
        v1::ExhaustedAction::Drop => ExhaustedAction::Drop,
    })
}

/// A subscription as the API shows it.
pub(crate) fn to_proto(info: SubscriptionInfo) -> v1::Subscription {
    v1::Subscription {
        name: info.name.to_string(),
        topic: info.topic.to_string(),
        settings: Some(settings_to_proto(info.settings)),
        incarnation: info.uid.0.to_string(),
        create_time: Some(time::to_proto_timestamp(info.created_at)),
        paused: info.paused,
        position: info.position,
        push_endpoint: info.endpoint.as_ref().map(push::endpoint),
    }
}

fn settings_to_proto(settings: SubscriptionSettings) -> v1::SubscriptionSettings {
    let exhausted = match settings.when_exhausted {
        ExhaustedAction::DeadLetter => v1::ExhaustedAction::DeadLetter,
        ExhaustedAction::Drop => v1::ExhaustedAction::Drop,
    };
    v1::SubscriptionSettings {
        ack_deadline: Some(time::to_proto_duration(settings.ack_deadline)),
        ordered: settings.ordered,
        retry: Some(retry::to_proto(&settings.retry)),
        max_attempts: Some(settings.max_attempts),
        when_exhausted: exhausted.into(),
        max_in_flight: Some(settings.max_in_flight),
        expire_unused_after: settings.expire_unused_after.map(time::to_proto_duration),
        labels: settings.labels,
        filter_policy: settings.filter.as_ref().map(filter_policy::to_proto),
        push: settings.push.as_deref().map(|push| push::to_proto(push, Secrets::Hidden)),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use types::{FilterPolicy, FilterScope};

    use super::*;

    #[test]
    fn what_is_absent_is_the_default() {
        assert_eq!(settings(None).unwrap(), SubscriptionSettings::default());
        assert_eq!(
            settings(Some(v1::SubscriptionSettings::default())).unwrap(),
            SubscriptionSettings::default()
        );
    }

    #[test]
    fn zero_attempts_are_refused_and_not_taken_for_the_default() {
        let given = v1::SubscriptionSettings { max_attempts: Some(0), ..v1::SubscriptionSettings::default() };
        let refusal = settings(Some(given)).unwrap_err();
        assert_eq!(v1::RequestError::from(refusal).field, "settings.max_attempts");
    }

    #[test]
    fn settings_come_back_from_the_wire() {
        let given = SubscriptionSettings {
            ack_deadline: Duration::from_secs(7),
            ordered: true,
            max_attempts: 3,
            when_exhausted: ExhaustedAction::Drop,
            max_in_flight: 5,
            expire_unused_after: Some(Duration::from_secs(7_200)),
            labels: [("team".into(), "billing".into())].into(),
            ..SubscriptionSettings::default()
        };
        assert_eq!(settings(Some(settings_to_proto(given.clone()))).unwrap(), given);
    }

    #[test]
    fn a_filter_policy_comes_back_from_the_wire() {
        let filter = FilterPolicy { json: r#"{"kind": ["order"]}"#.into(), scope: FilterScope::Body };
        let given = SubscriptionSettings { filter: Some(filter), ..SubscriptionSettings::default() };
        assert_eq!(settings(Some(settings_to_proto(given.clone()))).unwrap(), given);
    }
}
