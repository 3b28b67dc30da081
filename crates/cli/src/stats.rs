//! `stats`: the broker, its topics and subscriptions in figures.

use std::time::Duration;

use clap::{Args, Subcommand};
use fanfare_client::proto::{
    GetServerInfoResponse, GetSubscriptionStatsResponse, GetTopicStatsResponse, Subscription,
};
use serde_json::json;

use crate::{
    Error, Session, info,
    names::Names,
    output::{Table, count, fields, json as convert},
    signals::Signals,
    subscription::state,
    value,
};

/// Clears a terminal and goes to its beginning.
const CLEAR: &str = "\x1b[2J\x1b[H";

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:
  fanfare stats
  fanfare stats --watch
  fanfare stats topic orders
  fanfare stats sub billing --json | jq -r .backlog",
    args_conflicts_with_subcommands = false
)]
pub(crate) struct Stats {
    #[command(subcommand)]
    of: Option<Of>,
    /// Go on, and show them again and again.
    #[arg(long, short, global = true)]
    watch: bool,
    /// With --watch: how often.
    #[arg(long, global = true, value_name = "DURATION", default_value = "2s", value_parser = value::duration)]
    every: Duration,
}

#[derive(Debug, Subcommand)]
enum Of {
    /// A topic in figures.
    #[command(after_help = "Examples:\n  fanfare stats topic orders")]
    Topic {
        /// Its name, bare or full.
        name: String,
    },
    /// A subscription in figures.
    #[command(visible_alias = "sub", after_help = "Examples:\n  fanfare stats subscription billing")]
    Subscription {
        /// Its name, bare or full.
        name: String,
    },
}

pub(crate) async fn run(command: Stats, session: Session) -> Result<(), Error> {
    match command.watch {
        true => Signals::listen()?.or(show(command, session)).await,
        false => show(command, session).await,
    }
}

async fn show(command: Stats, session: Session) -> Result<(), Error> {
    let every = command.every.max(Duration::from_millis(100));
    let mut ticks = tokio::time::interval(every);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let shown = look(command.of.as_ref(), &session).await?;
        match shown {
            Shown::Json(value) if command.watch => session.out.line(&value.to_string())?,
            Shown::Json(value) => session.out.document(&value)?,
            Shown::Text(text) if command.watch && session.out.is_terminal() => {
                session.out.raw(CLEAR.as_bytes())?;
                session.out.line(&text)?;
            }
            Shown::Text(text) => session.out.line(&text)?,
        }
        if !command.watch {
            return Ok(());
        }
    }
}

enum Shown {
    Json(serde_json::Value),
    Text(String),
}

async fn look(of: Option<&Of>, session: &Session) -> Result<Shown, Error> {
    let server = session.client.server();
    match of {
        Some(Of::Topic { name }) => {
            let stats = server.topic_stats(session.names.topic(name)).await?;
            Ok(shown(session, "GetTopicStatsResponse", &stats, topic))
        }
        Some(Of::Subscription { name }) => {
            let stats = server.subscription_stats(session.names.subscription(name)).await?;
            Ok(shown(session, "GetSubscriptionStatsResponse", &stats, subscription))
        }
        None => broker(session).await,
    }
}

fn shown<M: prost::Message>(session: &Session, kind: &str, stats: &M, human: fn(&M) -> String) -> Shown {
    match session.out.json {
        true => Shown::Json(convert::of(kind, stats)),
        false => Shown::Text(human(stats)),
    }
}

type Row = (Subscription, GetSubscriptionStatsResponse);

/// The whole broker, with the subscriptions of the project at hand.
async fn broker(session: &Session) -> Result<Shown, Error> {
    let server = session.client.server();
    let info = server.info().await?;
    let mut rows: Vec<Row> = Vec::new();
    for subscription in session.client.subscriptions().list(session.names.project(), "").await? {
        // One that was deleted meanwhile has no figures.
        match server.subscription_stats(&subscription.name).await {
            Ok(stats) => rows.push((subscription, stats)),
            Err(fanfare_client::admin::AdminError::NotFound(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    if session.out.json {
        let stats = rows.iter().map(|(_, stats)| convert::of("GetSubscriptionStatsResponse", stats));
        return Ok(Shown::Json(json!({
            "server": convert::of("GetServerInfoResponse", &info),
            "subscriptions": stats.collect::<Vec<_>>(),
        })));
    }
    Ok(Shown::Text(format!("{}\n\n{}", totals(&info), table(&rows, &session.names))))
}

fn totals(info: &GetServerInfoResponse) -> String {
    let totals = info.totals.unwrap_or_default();
    let health = format!("{}, up for {}", info::health(info), value::age(info.start_time));
    let line = format!(
        "published {} ({}), delivered {}, acknowledged {}, failed attempts {}, dead-lettered {}",
        totals.published,
        value::human_size(totals.published_bytes),
        totals.deliveries,
        totals.acked,
        totals.failed_attempts,
        totals.dead_lettered,
    );
    let there = format!("{}, {}", count(totals.topics, "topic"), count(totals.subscriptions, "subscription"));
    fields(&[("broker", health), ("there are", there), ("since its start", line)])
}

fn table(rows: &[Row], names: &Names) -> String {
    let headings =
        ["SUBSCRIPTION", "TOPIC", "STATE", "#BACKLOG", "OLDEST", "#LEASED", "#RETRYING", "#DEAD", "#ACKED"];
    let mut table = Table::new(&headings);
    for (subscription, stats) in rows {
        table.row([
            names.short(&stats.name).to_owned(),
            names.short(&subscription.topic).to_owned(),
            state(subscription),
            stats.backlog.to_string(),
            value::age(stats.oldest_unsettled_time),
            stats.leased.to_string(),
            stats.backing_off.to_string(),
            stats.dead_letters.to_string(),
            stats.acked.to_string(),
        ]);
    }
    table.text("no subscriptions")
}

fn topic(stats: &GetTopicStatsResponse) -> String {
    fields(&[
        ("topic", stats.name.clone()),
        ("subscriptions", stats.subscriptions.to_string()),
        ("published", stats.published.to_string()),
        ("duplicates", stats.deduplicated.to_string()),
        ("log", format!("{} in {}", value::human_size(stats.log_bytes), count(stats.segments, "segment"))),
        ("positions", format!("{} to {}", stats.first_position, stats.next_position)),
    ])
}

/// Zero is worth no line, but for what one looks for first.
fn subscription(stats: &GetSubscriptionStatsResponse) -> String {
    let some = |count: u64| if count == 0 { String::new() } else { count.to_string() };
    let expired = stats.expired_message + stats.expired_age + stats.expired_bytes;
    let mut all = vec![
        ("subscription", stats.name.clone()),
        ("backlog", stats.backlog.to_string()),
        ("oldest", value::age(stats.oldest_unsettled_time)),
        ("ready", some(stats.ready)),
        ("leased", some(stats.leased)),
        ("delayed", some(stats.delayed)),
        ("retrying", some(stats.backing_off)),
        ("waiting for their key", some(stats.waiting_for_key)),
        ("dead letters", stats.dead_letters.to_string()),
        ("consumers", stats.consumers.to_string()),
        ("deliveries", stats.deliveries.to_string()),
        ("acknowledged", stats.acked.to_string()),
        ("failed attempts", some(stats.failed_attempts)),
        ("dead-lettered", some(stats.dead_lettered)),
        ("dropped", some(stats.dropped)),
        ("expired", some(expired)),
        ("damaged", some(stats.damaged)),
    ];
    if stats.filter_evaluated > 0 {
        all.push(("filter", format!("{} of {} matched", stats.filter_matched, stats.filter_evaluated)));
    }
    if let Some(push) = &stats.push {
        let breaker = value::word(push.breaker().as_str_name(), "BREAKER_STATE_");
        all.push((
            "push",
            format!("{} delivered, {} retried, {} rejected", push.delivered, push.retried, push.rejected),
        ));
        all.push(("breaker", breaker));
        all.push(("last error", crate::output::printable(&push.last_error)));
    }
    fields(&all)
}
