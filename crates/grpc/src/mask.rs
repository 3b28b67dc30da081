//! Update masks: which settings a request changes.
//!
//! A mask is taken literally. An empty one is refused, because a client that forgot it would reset every setting; a path
//! that names no setting, or one that is fixed, is refused by its name.
//!
//! Push settings have parts that can be named ([`push`]). Of these settings only what is named is looked at, because a client that sends
//! back what it read has no secrets to send.

mod push;

use prost_types::FieldMask;
use types::{SubscriptionSettings, TopicSettings};

use crate::{check, refusal::Refusal};

/// Paths of one mask, at most.
pub(crate) const PATHS: usize = 64;

/// The path of a subscription's filter policy.
const FILTER_POLICY: &str = "filter_policy";

/// The path of a subscription's push settings as a whole.
const PUSH: &str = "push";

pub(crate) use push::{Named, named as named_push};

/// Takes one setting over from the request's settings.
type Take<S> = fn(&S, &mut S);

/// The settings that a mask named.
#[derive(Debug)]
pub(crate) struct Mask<S: 'static>(Vec<Take<S>>);

impl<S> Mask<S> {
    /// Takes over every setting named; the others stay.
    pub(crate) fn apply(&self, given: &S, current: &mut S) {
        for take in &self.0 {
            take(given, current);
        }
    }
}

const TOPIC: &[(&str, Take<TopicSettings>)] = &[
    ("retention", |given, current| current.retention = given.retention.clone()),
    ("retention.max_age", |given, current| current.retention.max_age = given.retention.max_age),
    ("retention.max_bytes", |given, current| current.retention.max_bytes = given.retention.max_bytes),
    ("retention.at_max_bytes", |given, current| {
        current.retention.at_max_bytes = given.retention.at_max_bytes;
    }),
    ("keep_settled", |given, current| current.keep_settled = given.keep_settled),
    ("deduplication_window", |given, current| current.deduplication_window = given.deduplication_window),
    ("labels", |given, current| current.labels = given.labels.clone()),
];

const SUBSCRIPTION: &[(&str, Take<SubscriptionSettings>)] = &[
    ("ack_deadline", |given, current| current.ack_deadline = given.ack_deadline),
    ("retry", |given, current| current.retry = given.retry.clone()),
    ("max_attempts", |given, current| current.max_attempts = given.max_attempts),
    ("when_exhausted", |given, current| current.when_exhausted = given.when_exhausted),
    ("max_in_flight", |given, current| current.max_in_flight = given.max_in_flight),
    ("expire_unused_after", |given, current| current.expire_unused_after = given.expire_unused_after),
    ("labels", |given, current| current.labels = given.labels.clone()),
    (FILTER_POLICY, |given, current| current.filter = given.filter.clone()),
    (PUSH, |given, current| current.push = given.push.clone()),
];

/// The mask of `UpdateTopic`.
pub(crate) fn topic(mask: Option<FieldMask>) -> Result<Mask<TopicSettings>, Refusal> {
    read(mask, &[TOPIC], &[])
}

/// The mask of `UpdateSubscription`.
pub(crate) fn subscription(mask: Option<FieldMask>) -> Result<Mask<SubscriptionSettings>, Refusal> {
    read(mask, &[SUBSCRIPTION, push::PARTS], &["ordered"])
}

/// Whether a mask names the filter policy.
pub(crate) fn names_filter_policy(mask: Option<&FieldMask>) -> bool {
    mask.is_some_and(|mask| mask.paths.iter().any(|path| path == FILTER_POLICY))
}

type Paths<S> = [(&'static str, Take<S>)];

fn read<S>(mask: Option<FieldMask>, known: &[&Paths<S>], fixed: &[&str]) -> Result<Mask<S>, Refusal> {
    let paths = mask.unwrap_or_default().paths;
    check::length("update_mask", paths.len(), 1..=PATHS)?;
    paths.iter().map(|path| find(path, known, fixed)).collect::<Result<_, _>>().map(Mask)
}

fn find<S>(path: &str, known: &[&Paths<S>], fixed: &[&str]) -> Result<Take<S>, Refusal> {
    if fixed.contains(&path) {
        return Err(Refusal::field("update_mask", format_args!("{path:?} is fixed at creation")));
    }
    let known = || known.iter().copied().flatten();
    known().find(|(name, _)| *name == path).map(|(_, take)| *take).ok_or_else(|| {
        let names: Vec<_> = known().map(|(name, _)| *name).collect();
        Refusal::field("update_mask", format_args!("{path:?} is no setting; there are {}", names.join(", ")))
    })
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use types::{ExponentialBackoff, RetryPolicy, push::PushSettings};

    use super::*;

    fn paths(paths: &[&str]) -> Option<FieldMask> {
        Some(FieldMask { paths: paths.iter().map(ToString::to_string).collect() })
    }

    fn refused<S: std::fmt::Debug>(mask: Result<Mask<S>, Refusal>) -> String {
        format!("{:?}", mask.unwrap_err())
    }

    #[test]
    fn only_what_the_mask_names_changes() {
        let mut given = TopicSettings { keep_settled: true, ..TopicSettings::default() };
        given.retention.max_age = Duration::from_secs(77);
        given.retention.max_bytes = Some(1 << 30);
        let mut current = TopicSettings { deduplication_window: Duration::ZERO, ..TopicSettings::default() };
        topic(paths(&["retention.max_age"])).unwrap().apply(&given, &mut current);
        let mut expected = TopicSettings { deduplication_window: Duration::ZERO, ..TopicSettings::default() };
        expected.retention.max_age = Duration::from_secs(77);
        assert_eq!(current, expected);
    }

    #[test]
    fn every_path_takes_its_own_setting() {
        for (name, take) in TOPIC {
            let mut given = TopicSettings { keep_settled: true, ..TopicSettings::default() };
            given.deduplication_window = Duration::ZERO;
            given.labels.insert("a".into(), "b".into());
            given.retention.max_age = Duration::from_secs(77);
            given.retention.max_bytes = Some(1 << 30);
            given.retention.at_max_bytes = types::ByteLimitAction::DropOldest;
            let mut current = TopicSettings::default();
            take(&given, &mut current);
            assert_ne!(current, TopicSettings::default(), "{name}");
        }
    }

    #[test]
    fn every_path_of_a_subscription_takes_its_own_setting() {
        for (name, take) in SUBSCRIPTION {
            let given = SubscriptionSettings {
                ack_deadline: Duration::from_secs(77),
                retry: RetryPolicy::Exponential(ExponentialBackoff { jitter: false, ..Default::default() }),
                max_attempts: 3,
                when_exhausted: types::ExhaustedAction::Drop,
                max_in_flight: 5,
                expire_unused_after: Some(Duration::from_secs(7_200)),
                labels: [("a".into(), "b".into())].into(),
                filter: Some(types::FilterPolicy { json: "{}".into(), scope: types::FilterScope::Body }),
                push: Some(Arc::new(PushSettings::default())),
                ..SubscriptionSettings::default()
            };
            let mut current = SubscriptionSettings::default();
            take(&given, &mut current);
            assert_ne!(current, SubscriptionSettings::default(), "{name}");
        }
    }

    #[test]
    fn a_filter_policy_that_is_named_and_absent_is_cleared() {
        let filter = Some(types::FilterPolicy { json: "{}".into(), scope: types::FilterScope::Body });
        let mut current = SubscriptionSettings { filter, ..SubscriptionSettings::default() };
        let given = SubscriptionSettings::default();
        subscription(paths(&["labels"])).unwrap().apply(&given, &mut current);
        assert!(current.filter.is_some() && !names_filter_policy(paths(&["labels"]).as_ref()));
        subscription(paths(&["labels", "filter_policy"])).unwrap().apply(&given, &mut current);
        assert!(
            current.filter.is_none() && names_filter_policy(paths(&["labels", "filter_policy"]).as_ref())
        );
    }

    #[test]
    fn an_empty_or_missing_mask_is_refused() {
        assert!(refused(topic(None)).contains("must have 1 to 64"));
        assert!(refused(subscription(paths(&[]))).contains("must have 1 to 64"));
        assert!(refused(topic(paths(&["labels"; 65]))).contains("must have 1 to 64"));
    }

    #[test]
    fn an_unknown_or_fixed_setting_is_refused_by_its_name() {
        for bad in ["", "*", "name", "labels.a", "retention.", "Retention", "settings.labels"] {
            assert!(refused(topic(paths(&["labels", bad]))).contains("is no setting"), "{bad}");
        }
        assert!(refused(subscription(paths(&["ordered"]))).contains("fixed at creation"));
        assert!(refused(subscription(paths(&["topic"]))).contains("topic"));
    }
}
