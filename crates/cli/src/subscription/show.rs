use fanfare_client::proto::{
    FilterScope, PushEndpoint, PushEndpointState, RetryPolicy, Subscription, SubscriptionSettings,
    retry_policy::Policy,
};

use crate::{
    names::Names,
    output::{Table, fields, printable},
    topic::{ago, yes},
    value,
};

/// Whether it gets messages, in a word.
pub(crate) fn state(subscription: &Subscription) -> String {
    if subscription.paused {
        return "paused".to_owned();
    }
    subscription.push_endpoint.as_ref().map_or_else(|| "active".to_owned(), endpoint_state)
}

fn endpoint_state(endpoint: &PushEndpoint) -> String {
    let state = value::word(endpoint.state().as_str_name(), "PUSH_ENDPOINT_STATE_");
    if endpoint.state() != PushEndpointState::Disabled {
        return state;
    }
    let reason = value::word(endpoint.disabled_reason().as_str_name(), "PUSH_DISABLED_REASON_");
    format!("{state} ({reason})")
}

pub(super) fn list(subscriptions: &[Subscription], names: &Names) -> String {
    let mut table = Table::new(&["NAME", "TOPIC", "STATE", "PUSHED TO", "FILTERED", "ORDERED", "CREATED"]);
    for subscription in subscriptions {
        let settings = subscription.settings.clone().unwrap_or_default();
        table.row([
            names.short(&subscription.name).to_owned(),
            names.short(&subscription.topic).to_owned(),
            state(subscription),
            settings.push.map(|push| push.endpoint).unwrap_or_default(),
            yes(settings.filter_policy.is_some()),
            yes(settings.ordered),
            ago(subscription.create_time),
        ]);
    }
    table.text("no subscriptions; create one with `fanfare sub create NAME --topic TOPIC`")
}

pub(super) fn described(subscription: &Subscription) -> String {
    let settings = subscription.settings.clone().unwrap_or_default();
    let mut all = vec![
        ("name", subscription.name.clone()),
        ("topic", subscription.topic.clone()),
        ("state", state(subscription)),
        ("created", value::time(subscription.create_time)),
    ];
    all.extend(queue(&settings));
    all.extend(push(&settings));
    all.push(("labels", value::labels(&settings.labels)));
    all.push(("incarnation", subscription.incarnation.clone()));
    all.push(("position", subscription.position.to_string()));
    fields(&all)
}

fn queue(settings: &SubscriptionSettings) -> Vec<(&'static str, String)> {
    let number = |number: Option<u32>| number.map(|number| number.to_string()).unwrap_or_default();
    let policy = settings.filter_policy.clone();
    let scope =
        policy.as_ref().filter(|policy| policy.scope() == FilterScope::Body).map(|_| "body".to_owned());
    vec![
        ("ack deadline", value::human_duration(settings.ack_deadline)),
        ("ordered", yes(settings.ordered)),
        ("retry", settings.retry.as_ref().map(retry).unwrap_or_default()),
        ("max attempts", number(settings.max_attempts)),
        ("when exhausted", value::word(settings.when_exhausted().as_str_name(), "EXHAUSTED_ACTION_")),
        ("max in flight", number(settings.max_in_flight)),
        ("expires unused after", value::human_duration(settings.expire_unused_after)),
        ("filter policy", policy.map(|policy| printable(&policy.json)).unwrap_or_default()),
        ("filter scope", scope.unwrap_or_default()),
    ]
}

fn push(settings: &SubscriptionSettings) -> Vec<(&'static str, String)> {
    let Some(push) = &settings.push else { return Vec::new() };
    let keys = push.signing_keys.iter().map(|key| format!("{} {}", key.version, key.fingerprint));
    let rate = push.max_receives_per_second.map(|rate| format!("{rate}/s"));
    vec![
        ("pushed to", push.endpoint.clone()),
        ("push content", value::word(push.content().as_str_name(), "PUSH_CONTENT_")),
        ("push headers", value::labels(&push.headers)),
        ("push signing keys", keys.collect::<Vec<_>>().join(", ")),
        ("push timeout", value::human_duration(push.request_timeout)),
        ("push concurrency", push.max_concurrency.map(|number| number.to_string()).unwrap_or_default()),
        ("push batch", push.max_batch.map(|number| number.to_string()).unwrap_or_default()),
        ("push rate", rate.unwrap_or_default()),
    ]
}

fn retry(retry: &RetryPolicy) -> String {
    match &retry.policy {
        Some(Policy::Exponential(exponential)) => format!(
            "{} to {}, times {}{}",
            value::human_duration(exponential.min_backoff),
            value::human_duration(exponential.max_backoff),
            exponential.multiplier.unwrap_or(2.0),
            if exponential.jitter == Some(false) { "" } else { ", with jitter" },
        ),
        Some(Policy::Phased(phased)) => format!(
            "{} at once, {} after {}, {} growing, {} after {}",
            phased.no_delay_retries,
            phased.min_delay_retries,
            value::human_duration(phased.min_delay),
            phased.backoff_retries,
            phased.max_delay_retries,
            value::human_duration(phased.max_delay),
        ),
        None => String::new(),
    }
}
