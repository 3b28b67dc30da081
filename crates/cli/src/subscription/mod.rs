//! `subscription`: create, list, get, update, delete, pause, resume, seek, confirm.

mod push;
mod settings;
mod show;

use clap::{Args, Subcommand};
use fanfare_client::{
    admin::Subscriptions,
    proto::{LogPlace, SeekSubscriptionResponse, SubscriptionSettings, UpdateSubscriptionRequest},
};

use crate::{Error, Session, error::hinted, output::count, value};
use settings::{Change, Ordered, Settings};
pub(crate) use settings::{Scope, filter_policy};
pub(crate) use show::state;

const KIND: &str = "Subscription";

#[derive(Debug, Args)]
pub(crate) struct Subscription {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Create a subscription of a topic. One that is there with the same settings is left as it is.
    #[command(after_help = "Examples:
  fanfare sub create billing --topic orders
  fanfare sub create refunds --topic orders --filter '{\"type\": [\"order.refunded\"]}' --from earliest
  fanfare sub create hook --topic orders --push-endpoint https://shop.example.com/hook --push-signing-secret-file key.txt")]
    Create {
        /// Its name, bare or full.
        name: String,
        /// The topic that it reads, bare or full.
        #[arg(long, value_name = "TOPIC")]
        topic: String,
        /// Where it starts: latest, earliest, a sequence, a time, or 10m for so long ago.
        #[arg(long, value_name = "PLACE", default_value = "latest", value_parser = value::place)]
        from: LogPlace,
        #[command(flatten)]
        ordered: Ordered,
        #[command(flatten)]
        settings: Box<Settings>,
    },
    /// List the subscriptions of a project, or of one topic.
    #[command(alias = "ls", after_help = "Examples:\n  fanfare sub list\n  fanfare sub list --topic orders")]
    List {
        /// Only those of this topic.
        #[arg(long, value_name = "TOPIC", default_value = "", hide_default_value = true)]
        topic: String,
    },
    /// Show a subscription and its settings.
    #[command(after_help = "Examples:\n  fanfare sub get billing\n  fanfare sub get billing --json")]
    Get {
        /// Its name, bare or full.
        name: String,
    },
    /// Change the settings that flags name, and no others.
    #[command(after_help = "Examples:
  fanfare sub update billing --ack-deadline 5m --max-attempts 20
  fanfare sub update billing --filter policy.json --reevaluate
  fanfare sub update billing --reset filter_policy --reset push")]
    Update {
        /// Its name, bare or full.
        name: String,
        #[command(flatten)]
        change: Box<Change>,
    },
    /// Delete a subscription with its backlog and dead letters.
    #[command(
        alias = "rm",
        after_help = "Examples:\n  fanfare sub delete billing\n  fanfare sub delete billing --force"
    )]
    Delete {
        /// Its name, bare or full.
        name: String,
        /// Also if it has unsettled messages or dead letters: says how many are lost.
        #[arg(long)]
        force: bool,
    },
    /// Stop deliveries. The backlog grows.
    #[command(after_help = "Examples:\n  fanfare sub pause billing")]
    Pause {
        /// Its name, bare or full.
        name: String,
    },
    /// Continue deliveries, also to a push endpoint that was disabled.
    #[command(after_help = "Examples:\n  fanfare sub resume billing")]
    Resume {
        /// Its name, bare or full.
        name: String,
    },
    /// Continue from another place in the log: back to deliver again, or ahead to pass over the backlog.
    #[command(after_help = "Examples:
  fanfare sub seek billing earliest
  fanfare sub seek billing 2h
  fanfare sub seek billing 2026-01-31T12:00:00Z")]
    Seek {
        /// Its name, bare or full.
        name: String,
        /// latest, earliest, a sequence, a time, or 10m for so long ago.
        #[arg(value_parser = value::place)]
        place: LogPlace,
    },
    /// Confirm a push endpoint with the token that was sent to it.
    #[command(
        after_help = "Examples:\n  fanfare sub confirm hook 0123456789012345678901234567890123456789012"
    )]
    Confirm {
        /// Its name, bare or full.
        name: String,
        /// The token; good once.
        token: String,
    },
}

pub(crate) async fn run(command: Subscription, session: Session) -> Result<(), Error> {
    let (subscriptions, names, out) = (session.client.subscriptions(), &session.names, session.out);
    let short = |name: &str| names.short(name).to_owned();
    match command.action {
        Action::Create { name, topic, from, ordered, settings } => {
            let settings = ordered.over(settings.read(&SubscriptionSettings::default())?.0);
            let create = subscriptions.create(names.subscription(&name), names.topic(&topic));
            let created = create.settings(settings).start(from).await?;
            out.one(KIND, &created, |it| {
                format!("subscription {} of topic {} is ready", short(&it.name), short(&it.topic))
            })
        }
        Action::List { topic } => {
            let found = subscriptions.list(names.project(), names.topic(&topic)).await?;
            out.all(KIND, &found, |found| show::list(found, names))
        }
        Action::Get { name } => {
            out.one(KIND, &subscriptions.get(names.subscription(&name)).await?, show::described)
        }
        Action::Update { name, change } => update(&session, &names.subscription(&name), *change).await,
        Action::Delete { name, force } => delete(&session, &names.subscription(&name), force).await,
        Action::Pause { name } => {
            let it = subscriptions.pause(names.subscription(&name)).await?;
            out.one(KIND, &it, |it| format!("subscription {} is paused", short(&it.name)))
        }
        Action::Resume { name } => {
            let it = subscriptions.resume(names.subscription(&name)).await?;
            out.one(KIND, &it, |it| format!("subscription {} goes on", short(&it.name)))
        }
        Action::Seek { name, place } => {
            let sought = subscriptions.seek(names.subscription(&name), place).await?;
            let sentence = |it: &SeekSubscriptionResponse| {
                format!(
                    "subscription {name} continues with sequence {} or the first after it",
                    it.next_sequence
                )
            };
            out.one("SeekSubscriptionResponse", &sought, sentence)
        }
        Action::Confirm { name, token } => {
            let it = subscriptions.confirm(names.subscription(&name), token).await?;
            out.one(KIND, &it, |it| format!("subscription {} is confirmed", short(&it.name)))
        }
    }
}

async fn update(session: &Session, name: &str, change: Change) -> Result<(), Error> {
    let subscriptions = session.client.subscriptions();
    let now = subscriptions.get(name).await?.settings.unwrap_or_default();
    let (settings, paths, backlog) = change.read(&now)?;
    let mut request = UpdateSubscriptionRequest {
        name: name.to_owned(),
        settings: Some(settings),
        update_mask: Some(prost_types::FieldMask { paths }),
        ..UpdateSubscriptionRequest::default()
    };
    request.set_filter_backlog(backlog);
    let answer = subscriptions.update(request).await?;
    if answer.left_backlog > 0 {
        session.out.note(&format!("{} messages left the backlog", answer.left_backlog));
    }
    let it = answer.subscription.unwrap_or_default();
    session.out.one(KIND, &it, |it| format!("subscription {} is updated", session.names.short(&it.name)))
}

/// The API deletes whatever is in it; a person is asked first.
async fn delete(session: &Session, name: &str, force: bool) -> Result<(), Error> {
    let subscriptions: Subscriptions = session.client.subscriptions();
    let stats = session.client.server().subscription_stats(name).await?;
    let lost = format!(
        "{} and {}",
        count(stats.backlog, "unsettled message"),
        count(stats.dead_letters, "dead letter")
    );
    let short = session.names.short(&stats.name);
    if !force && stats.backlog + stats.dead_letters > 0 {
        let text = format!("subscription {short} has {lost}");
        return Err(Error::Refused(hinted(&text, "--force deletes it with them")));
    }
    subscriptions.delete(&stats.name).await?;
    if force {
        session.out.note(&format!("lost with it: {lost}"));
    }
    session.out.done(&stats.name, &format!("subscription {short} is deleted"))
}
