//! `topic`: create, list, get, update, delete.

mod settings;

use clap::{Args, Subcommand};
use fanfare_client::proto::Topic as Found;

use crate::{
    Error, Session,
    error::hinted,
    names::{self, Names},
    output::{Table, count, fields},
    value,
};
use settings::{Change, Settings};

const KIND: &str = "Topic";

#[derive(Debug, Args)]
pub(crate) struct Topic {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Create a topic. One that is there with the same settings is left as it is.
    #[command(after_help = "Examples:
  fanfare topic create orders
  fanfare topic create orders --max-age 30d --max-bytes 10GiB --label team=shop")]
    Create {
        /// Its name, bare or full.
        name: String,
        #[command(flatten)]
        settings: Settings,
    },
    /// List the topics of a project.
    #[command(
        alias = "ls",
        after_help = "Examples:\n  fanfare topic list\n  fanfare topic list --json | jq -r '.[].name'"
    )]
    List,
    /// Show a topic and its settings.
    #[command(after_help = "Examples:\n  fanfare topic get orders")]
    Get {
        /// Its name, bare or full.
        name: String,
    },
    /// Change the settings that flags name, and no others.
    #[command(after_help = "Examples:
  fanfare topic update orders --max-age 14d
  fanfare topic update orders --reset retention.max_bytes")]
    Update {
        /// Its name, bare or full.
        name: String,
        #[command(flatten)]
        change: Change,
    },
    /// Delete a topic with its messages and subscriptions.
    #[command(
        alias = "rm",
        after_help = "Examples:\n  fanfare topic delete orders\n  fanfare topic delete orders --force"
    )]
    Delete {
        /// Its name, bare or full.
        name: String,
        /// Also if subscriptions have unsettled messages or dead letters: says how many are lost.
        #[arg(long)]
        force: bool,
    },
}

pub(crate) async fn run(command: Topic, session: Session) -> Result<(), Error> {
    let (topics, names, out) = (session.client.topics(), &session.names, session.out);
    match command.action {
        Action::Create { name, settings } => {
            let (settings, _) = settings.read()?;
            let topic = topics.create(names.topic(&name)).settings(settings).await?;
            out.one(KIND, &topic, |topic| format!("topic {} is ready", names.short(&topic.name)))
        }
        Action::List => {
            let topics = topics.list(names.project()).await?;
            out.all(KIND, &topics, |topics| list(topics, names))
        }
        Action::Get { name } => {
            let topic = topics.get(names.topic(&name)).await?;
            out.one(KIND, &topic, described)
        }
        Action::Update { name, change } => {
            let (settings, mask) = change.read()?;
            let topic = topics.update(names.topic(&name), settings, mask).await?;
            out.one(KIND, &topic, |topic| format!("topic {} is updated", names.short(&topic.name)))
        }
        Action::Delete { name, force } => delete(&session, &names.topic(&name), force).await,
    }
}

/// What a deletion takes with it.
#[derive(Debug, Default, PartialEq, Eq)]
struct Lost {
    subscriptions: u64,
    backlog: u64,
    dead_letters: u64,
}

impl Lost {
    fn sentence(&self) -> String {
        let Self { subscriptions, backlog, dead_letters } = self;
        format!(
            "{} with {} and {}",
            count(*subscriptions, "subscription"),
            count(*backlog, "unsettled message"),
            count(*dead_letters, "dead letter"),
        )
    }
}

async fn delete(session: &Session, name: &str, force: bool) -> Result<(), Error> {
    let topic = session.client.topics().get(name).await?.name;
    let lost = lost(session, &topic).await?;
    if !force && lost.backlog + lost.dead_letters > 0 {
        let text = format!("topic {} has {}", session.names.short(&topic), lost.sentence());
        return Err(Error::Refused(hinted(&text, "--force deletes it with them")));
    }
    session.client.topics().delete(&topic, force).await?;
    if force {
        session.out.note(&format!("lost with it: {}", lost.sentence()));
    }
    session.out.done(&topic, &format!("topic {} is deleted", session.names.short(&topic)))
}

/// As far as the project of the topic has its subscriptions. One that is deleted meanwhile has nothing.
async fn lost(session: &Session, topic: &str) -> Result<Lost, Error> {
    let project = names::project_of(topic);
    let subscriptions = session.client.subscriptions().list(project, topic).await?;
    let mut lost = Lost { subscriptions: subscriptions.len() as u64, ..Lost::default() };
    for subscription in subscriptions {
        let Ok(stats) = session.client.server().subscription_stats(subscription.name).await else { continue };
        lost.backlog += stats.backlog;
        lost.dead_letters += stats.dead_letters;
    }
    Ok(lost)
}

fn list(topics: &[Found], names: &Names) -> String {
    let mut table = Table::new(&["NAME", "MAX AGE", "MAX BYTES", "KEEP SETTLED", "LABELS", "CREATED"]);
    for topic in topics {
        let settings = topic.settings.clone().unwrap_or_default();
        let retention = settings.retention.unwrap_or_default();
        table.row([
            names.short(&topic.name).to_owned(),
            value::human_duration(retention.max_age),
            retention.max_bytes.map(value::human_size).unwrap_or_default(),
            yes(settings.keep_settled),
            value::labels(&settings.labels),
            ago(topic.create_time),
        ]);
    }
    table.text("no topics; create one with `fanfare topic create NAME`")
}

fn described(topic: &Found) -> String {
    let settings = topic.settings.clone().unwrap_or_default();
    let retention = settings.retention.unwrap_or_default();
    fields(&[
        ("name", topic.name.clone()),
        ("created", value::time(topic.create_time)),
        ("max age", value::human_duration(retention.max_age)),
        ("max bytes", retention.max_bytes.map_or_else(|| "no limit".to_owned(), value::human_size)),
        ("at max bytes", value::word(retention.at_max_bytes().as_str_name(), "BYTE_LIMIT_ACTION_")),
        ("keep settled", yes(settings.keep_settled)),
        ("deduplication", value::human_duration(settings.deduplication_window)),
        ("labels", value::labels(&settings.labels)),
        ("incarnation", topic.incarnation.clone()),
        ("position", topic.position.to_string()),
    ])
}

pub(crate) fn yes(is: bool) -> String {
    if is { "yes" } else { "no" }.to_owned()
}

pub(crate) fn ago(time: Option<prost_types::Timestamp>) -> String {
    match value::age(time) {
        age if age.is_empty() => age,
        age => format!("{age} ago"),
    }
}
