//! Figures.

use broker::{Config, HealthState, SubscriptionStats, TopicStats, Totals};
use fanfare_proto::v1;
use types::{SubscriptionName, TopicName, limits};

use super::{push, time};

pub(crate) fn topic(name: &TopicName, stats: TopicStats) -> v1::GetTopicStatsResponse {
    v1::GetTopicStatsResponse {
        name: name.to_string(),
        subscriptions: stats.subscriptions,
        published: stats.published,
        deduplicated: stats.deduplicated,
        first_position: stats.first_position,
        next_position: stats.next_position,
        log_bytes: stats.log_bytes,
        segments: stats.segments,
    }
}

pub(crate) fn subscription(
    name: &SubscriptionName,
    stats: &SubscriptionStats,
) -> v1::GetSubscriptionStatsResponse {
    let (counts, filter) = (&stats.counts, &stats.filter);
    v1::GetSubscriptionStatsResponse {
        name: name.to_string(),
        backlog: stats.backlog,
        oldest_unsettled_time: stats.oldest_unsettled_at.map(time::to_proto_timestamp),
        consumers: stats.consumers,
        ready: counts.ready,
        leased: counts.leased,
        delayed: counts.delayed,
        backing_off: counts.backing_off,
        waiting_for_key: counts.waiting_for_key,
        dead_letters: counts.dead_letters,
        deliveries: counts.deliveries,
        acked: counts.acked,
        failed_attempts: counts.failed_attempts,
        dead_lettered: counts.dead_lettered,
        dropped: counts.dropped,
        expired_message: counts.expired_message,
        expired_age: counts.expired_age,
        expired_bytes: counts.expired_bytes,
        damaged: counts.damaged,
        filter_evaluated: filter.evaluated,
        filter_matched: filter.matched,
        filtered_attributes: filter.attributes,
        filtered_no_attributes: filter.no_attributes,
        filtered_body: filter.body,
        filtered_invalid_body: filter.invalid_body,
        filtered_backlog: filter.left_backlog,
        push: stats.push.as_deref().map(push::figures),
    }
}

pub(crate) fn totals(totals: Totals) -> v1::ServerTotals {
    v1::ServerTotals {
        topics: totals.topics,
        subscriptions: totals.subscriptions,
        published: totals.published,
        published_bytes: totals.published_bytes,
        deduplicated: totals.deduplicated,
        deliveries: totals.deliveries,
        acked: totals.acked,
        failed_attempts: totals.failed_attempts,
        dead_lettered: totals.dead_lettered,
    }
}

/// The state, and what there is to say about it.
pub(crate) fn health(state: &HealthState) -> (v1::HealthState, String) {
    match state {
        HealthState::Serving => (v1::HealthState::Serving, String::new()),
        HealthState::OutOfSpace => (v1::HealthState::OutOfSpace, "the disk is nearly full".into()),
        HealthState::Draining => (v1::HealthState::Draining, "the broker is shutting down".into()),
        HealthState::Poisoned(why) => (v1::HealthState::Poisoned, why.chars().take(1_024).collect()),
    }
}

pub(crate) fn server_limits(config: &Config, max_request_bytes: usize) -> v1::ServerLimits {
    let whole = |limit: usize| u32::try_from(limit).unwrap_or(u32::MAX);
    v1::ServerLimits {
        max_message_bytes: config.max_message_bytes as u64,
        max_request_bytes: max_request_bytes as u64,
        max_publish_messages: whole(limits::PUBLISH_MESSAGES),
        max_pull_messages: whole(limits::PULL_MESSAGES),
        max_ack_ids: whole(limits::ACK_IDS),
        max_consumers: whole(limits::CONSUMERS_PER_SUBSCRIPTION),
        max_topics: whole(limits::TOPICS),
        max_subscriptions_per_topic: whole(limits::SUBSCRIPTIONS_PER_TOPIC),
    }
}
