use std::{collections::BTreeMap, fmt, ops::RangeInclusive, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{Invalid, RetryPolicy, limits, push::PushSettings};

/// Free-form names and values for the operator's own use.
pub type Labels = BTreeMap<String, String>;

/// What a topic's owner chooses. All of it can be changed later.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TopicSettings {
    /// How long and how much is kept.
    pub retention: RetentionPolicy,
    /// Keep messages that every subscription has settled until `retention` ends, for replay. Default off.
    pub keep_settled: bool,
    /// 0 s (off) to 24 h, default 5 min.
    pub deduplication_window: Duration,
    /// Up to 64.
    pub labels: Labels,
}

impl Default for TopicSettings {
    fn default() -> Self {
        Self {
            retention: RetentionPolicy::default(),
            keep_settled: false,
            deduplication_window: limits::DEDUPLICATION_WINDOW,
            labels: Labels::new(),
        }
    }
}

/// How long and how much a topic keeps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RetentionPolicy {
    /// An unsettled message older than this expires. 1 min to 365 d, default 7 d.
    pub max_age: Duration,
    /// Bytes of the topic's log on disk; `None` is no limit, which is the default. At least 1 MiB.
    pub max_bytes: Option<u64>,
    /// What happens to a publish at `max_bytes`.
    pub at_max_bytes: ByteLimitAction,
}

impl Default for RetentionPolicy {
    fn default() -> Self {
        Self { max_age: limits::RETENTION_AGE, max_bytes: None, at_max_bytes: ByteLimitAction::default() }
    }
}

/// What happens to a publish when the topic is at its byte limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ByteLimitAction {
    /// It is refused with `RESOURCE_EXHAUSTED`.
    #[default]
    RejectPublish,
    /// It is accepted and the oldest messages expire, counted, at every subscription that had not settled them.
    DropOldest,
}

/// What a subscription's owner chooses. All but `ordered` can be changed later.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SubscriptionSettings {
    /// How long a lease lasts. 1 s to 12 h, default 30 s.
    pub ack_deadline: Duration,
    /// Deliver messages with the same ordering key one after the other. Default off. Fixed at creation.
    pub ordered: bool,
    /// The wait between attempts.
    pub retry: RetryPolicy,
    /// Failed attempts (nacks and expired leases) after which a message is exhausted. 1 to 100,015, default
    /// 10. With a phased retry policy the phases' own count holds if it is smaller.
    pub max_attempts: u32,
    /// What becomes of an exhausted message.
    pub when_exhausted: ExhaustedAction,
    /// Messages under lease at a time. 1 to 100,000, default 10,000.
    pub max_in_flight: u32,
    /// The subscription is deleted when no one has used it for this long; an active push endpoint is a use. `None`, the default, is never. 1 h
    /// to 365 d.
    pub expire_unused_after: Option<Duration>,
    /// Up to 64.
    pub labels: Labels,
    /// Only messages that match enter the queue; `None`, the default, is all of them.
    pub filter: Option<FilterPolicy>,
    /// Where messages are pushed to; `None`, the default, leaves them to be pulled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub push: Option<Arc<PushSettings>>,
}

/// A filter policy as its owner wrote it. What the text means, and whether it means anything, is the filter crate's business.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilterPolicy {
    /// A JSON object in the language of SNS's filter policies. At most 256 KiB.
    pub json: Arc<str>,
    /// What of a message it is applied to.
    #[serde(default)]
    pub scope: FilterScope,
}

/// What of a message a filter policy is applied to (SNS: `FilterPolicyScope`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FilterScope {
    /// Its attributes.
    #[default]
    Attributes,
    /// Its data, as a JSON object.
    Body,
}

impl Default for SubscriptionSettings {
    fn default() -> Self {
        Self {
            ack_deadline: limits::ACK_DEADLINE,
            ordered: false,
            retry: RetryPolicy::default(),
            max_attempts: limits::MAX_ATTEMPTS,
            when_exhausted: ExhaustedAction::default(),
            max_in_flight: limits::MAX_IN_FLIGHT,
            expire_unused_after: None,
            labels: Labels::new(),
            filter: None,
            push: None,
        }
    }
}

/// What becomes of a message that has failed `max_attempts` times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExhaustedAction {
    /// It enters the dead-letter store of its subscription.
    #[default]
    DeadLetter,
    /// It is given up, and counted.
    Drop,
}

impl TopicSettings {
    /// Checks every field against its limit.
    ///
    /// # Errors
    /// The first field that breaks a rule, as a path from the settings.
    pub fn validate(&self) -> Result<(), Invalid> {
        within(
            "retention.max_age",
            self.retention.max_age,
            limits::RETENTION_AGE_MIN..=limits::RETENTION_AGE_MAX,
        )?;
        if let Some(bytes) = self.retention.max_bytes {
            within("retention.max_bytes", bytes, limits::RETENTION_BYTES_MIN..=u64::MAX)?;
        }
        within(
            "deduplication_window",
            self.deduplication_window,
            Duration::ZERO..=limits::DEDUPLICATION_WINDOW_MAX,
        )?;
        labels(&self.labels)
    }
}

impl SubscriptionSettings {
    /// Checks every field against its limit.
    ///
    /// # Errors
    /// The first field that breaks a rule, as a path from the settings.
    pub fn validate(&self) -> Result<(), Invalid> {
        within("ack_deadline", self.ack_deadline, limits::ACK_DEADLINE_MIN..=limits::ACK_DEADLINE_MAX)?;
        self.retry.validate().map_err(|invalid| invalid.within("retry"))?;
        within("max_attempts", self.max_attempts, 1..=limits::MAX_ATTEMPTS_MAX)?;
        within("max_in_flight", self.max_in_flight, 1..=limits::MAX_IN_FLIGHT_MAX)?;
        if let Some(unused) = self.expire_unused_after {
            within("expire_unused_after", unused, limits::EXPIRE_UNUSED_MIN..=limits::EXPIRE_UNUSED_MAX)?;
        }
        if let Some(bytes) =
            self.filter.as_ref().map(|f| f.json.len()).filter(|bytes| *bytes > limits::FILTER_POLICY_BYTES)
        {
            let why = format!("has {bytes} bytes, the limit is {}", limits::FILTER_POLICY_BYTES);
            return Err(Invalid::new("filter_policy.json", why));
        }
        if let Some(push) = &self.push {
            push.validate().map_err(|invalid| invalid.within("push"))?;
        }
        labels(&self.labels)
    }

    /// Failed attempts after which a message is exhausted: `max_attempts`, or the phases' count if smaller.
    pub fn attempts(&self) -> u32 {
        match &self.retry {
            RetryPolicy::Exponential(_) => self.max_attempts,
            RetryPolicy::Phased(phases) => self.max_attempts.min(phases.attempts()),
        }
    }
}

fn within<T: PartialOrd + Copy + fmt::Debug>(
    field: &str,
    value: T,
    allowed: RangeInclusive<T>,
) -> Result<(), Invalid> {
    let (least, most) = allowed.into_inner();
    if (least..=most).contains(&value) {
        return Ok(());
    }
    Err(Invalid::new(field, format!("is {value:?}, must be {least:?} to {most:?}")))
}

fn labels(labels: &Labels) -> Result<(), Invalid> {
    if labels.len() > limits::LABELS {
        return Err(Invalid::new(
            "labels",
            format!("there are {}, the limit is {}", labels.len(), limits::LABELS),
        ));
    }
    for (name, value) in labels {
        if name.is_empty() || name.len() > limits::LABEL_NAME_BYTES {
            return Err(Invalid::new(
                "labels",
                format!("a name of {} bytes, must be 1 to {}", name.len(), limits::LABEL_NAME_BYTES),
            ));
        }
        if value.len() > limits::LABEL_VALUE_BYTES {
            return Err(Invalid::new(
                "labels",
                format!("{name:?} has {} bytes, the limit is {}", value.len(), limits::LABEL_VALUE_BYTES),
            ));
        }
    }
    Ok(())
}
