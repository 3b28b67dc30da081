//! Topics and their settings.

use std::time::Duration;

use broker::TopicInfo;
use fanfare_proto::v1;
use types::{ByteLimitAction, RetentionPolicy, TopicSettings, limits};

use super::time;
use crate::{check, refusal::Refusal};

/// The settings of a request, every default filled in and every field checked.
pub(crate) fn settings(given: Option<v1::TopicSettings>) -> Result<TopicSettings, Refusal> {
    let given = given.unwrap_or_default();
    let window = Duration::ZERO..=limits::DEDUPLICATION_WINDOW_MAX;
    let window = time::within("settings.deduplication_window", given.deduplication_window, window)?;
    let settings = TopicSettings {
        retention: retention(given.retention.unwrap_or_default())?,
        keep_settled: given.keep_settled,
        deduplication_window: window.unwrap_or(limits::DEDUPLICATION_WINDOW),
        labels: given.labels,
    };
    settings.validate().map_err(|invalid| invalid.within("settings"))?;
    Ok(settings)
}

fn retention(given: v1::RetentionPolicy) -> Result<RetentionPolicy, Refusal> {
    let age = limits::RETENTION_AGE_MIN..=limits::RETENTION_AGE_MAX;
    let age = time::within("settings.retention.max_age", given.max_age, age)?;
    let action = match check::known("settings.retention.at_max_bytes", given.at_max_bytes)? {
        v1::ByteLimitAction::Unspecified | v1::ByteLimitAction::RejectPublish => {
            ByteLimitAction::RejectPublish
        }
        v1::ByteLimitAction::DropOldest => ByteLimitAction::DropOldest,
    };
    Ok(RetentionPolicy {
        max_age: age.unwrap_or(limits::RETENTION_AGE),
        max_bytes: given.max_bytes,
        at_max_bytes: action,
    })
}

/// A topic as the API shows it.
pub(crate) fn to_proto(info: TopicInfo) -> v1::Topic {
    v1::Topic {
        name: info.name.to_string(),
        settings: Some(settings_to_proto(info.settings)),
        incarnation: info.log.0.to_string(),
        create_time: Some(time::to_proto_timestamp(info.created_at)),
        position: info.position,
    }
}

fn settings_to_proto(settings: TopicSettings) -> v1::TopicSettings {
    let action = match settings.retention.at_max_bytes {
        ByteLimitAction::RejectPublish => v1::ByteLimitAction::RejectPublish,
        ByteLimitAction::DropOldest => v1::ByteLimitAction::DropOldest,
    };
    v1::TopicSettings {
        retention: Some(v1::RetentionPolicy {
            max_age: Some(time::to_proto_duration(settings.retention.max_age)),
            max_bytes: settings.retention.max_bytes,
            at_max_bytes: action.into(),
        }),
        keep_settled: settings.keep_settled,
        deduplication_window: Some(time::to_proto_duration(settings.deduplication_window)),
        labels: settings.labels,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_absent_is_the_default() {
        assert_eq!(settings(None).unwrap(), TopicSettings::default());
        assert_eq!(settings(Some(v1::TopicSettings::default())).unwrap(), TopicSettings::default());
    }

    #[test]
    fn a_zero_window_is_not_an_absent_one() {
        let zero = Some(prost_types::Duration::default());
        let given = v1::TopicSettings { deduplication_window: zero, ..v1::TopicSettings::default() };
        assert_eq!(settings(Some(given)).unwrap().deduplication_window, Duration::ZERO);
    }

    #[test]
    fn settings_come_back_from_the_wire() {
        let mut given = TopicSettings { keep_settled: true, ..TopicSettings::default() };
        given.retention.max_bytes = Some(1 << 21);
        given.retention.at_max_bytes = ByteLimitAction::DropOldest;
        given.deduplication_window = Duration::from_millis(1_500);
        given.labels.insert("team".into(), "checkout".into());
        assert_eq!(settings(Some(settings_to_proto(given.clone()))).unwrap(), given);
    }
}
