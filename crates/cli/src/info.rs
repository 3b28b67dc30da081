//! `info`: what the broker says of itself.

use clap::Args;
use fanfare_client::proto::{GetServerInfoResponse, HealthState};

use crate::{Error, Session, output::fields, value};

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  fanfare info\n  fanfare info --json | jq -r .health")]
pub(crate) struct Info {}

pub(crate) async fn run(_: Info, session: Session) -> Result<(), Error> {
    let info = session.client.server().info().await?;
    session.out.one("GetServerInfoResponse", &info, |info| described(info, &session.endpoints))
}

/// Whether the broker serves, in a word or with the reason.
pub(crate) fn health(info: &GetServerInfoResponse) -> String {
    let word = value::word(info.health().as_str_name(), "HEALTH_STATE_");
    match (info.health(), info.health_detail.as_str()) {
        (HealthState::Serving, _) | (_, "") => word,
        (_, detail) => format!("{word}: {detail}"),
    }
}

fn described(info: &GetServerInfoResponse, endpoints: &[String]) -> String {
    let limits = info.limits.unwrap_or_default();
    fields(&[
        ("endpoint", endpoints.join(",")),
        ("version", info.version.clone()),
        ("health", health(info)),
        ("engine", info.engine.clone()),
        ("durability", info.durability.clone()),
        ("up for", value::age(info.start_time)),
        ("max message", value::human_size(limits.max_message_bytes)),
        ("max request", value::human_size(limits.max_request_bytes)),
        ("max messages of a publish", limits.max_publish_messages.to_string()),
        ("max messages of a pull", limits.max_pull_messages.to_string()),
        ("max ack IDs of a request", limits.max_ack_ids.to_string()),
        ("max consumers of a subscription", limits.max_consumers.to_string()),
        ("max topics", limits.max_topics.to_string()),
        ("max subscriptions of a topic", limits.max_subscriptions_per_topic.to_string()),
    ])
}
