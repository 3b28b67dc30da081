//! `tail`: follow a topic or a subscription.
//!
//! # Promises
//!
//! - Without `--take` no message of any subscription is touched: it follows by a subscription of its own, which is deleted at the end, and by
//!   the broker an hour after its last use if there was no end.
//! - With `--take` a message is acknowledged after it was printed, and what was not printed is not.

use std::{collections::BTreeMap, time::Duration};

use clap::Args;
use fanfare_client::{
    proto::{ExhaustedAction, LogPlace, Subscription, SubscriptionSettings},
    subscriber::{SettleError, Settler},
};

use crate::{Error, Session, message, names, pull, signals::Signals, value};

/// Messages of one pull, how long it waits, and for how long its messages are held: as long as a person looks at a page.
const MESSAGES: u32 = 100;
const WAIT: Duration = Duration::from_secs(20);
const LEASE: Duration = Duration::from_secs(3_600);
/// The broker's shortest.
const UNUSED: Duration = Duration::from_secs(3_600);

#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("followed").required(true).args(["topic", "subscription"]))]
#[command(after_help = "Examples:
  fanfare tail orders
  fanfare tail orders --from 10m --filter '{\"type\": [\"order.refunded\"]}'
  fanfare tail --subscription billing --max 10 --json
  fanfare tail --subscription billing --take")]
pub(crate) struct Tail {
    /// The topic to follow, bare or full.
    topic: Option<String>,
    /// Follow what this subscription gets: its topic through its filter policy.
    #[arg(long, short, value_name = "SUBSCRIPTION")]
    subscription: Option<String>,
    /// Take the messages of the subscription: they are acknowledged and not delivered to anyone else.
    // Not `requires`: what conflicts with an argument that is there is not required.
    #[arg(long, conflicts_with_all = ["topic", "from", "filter"])]
    take: bool,
    /// Begin there: latest, earliest, a sequence, a time, or 10m for so long ago.
    #[arg(long, value_name = "PLACE", default_value = "latest", value_parser = value::place)]
    from: LogPlace,
    /// Only messages that match this filter policy: its JSON, or a file that has it.
    #[arg(long, value_name = "JSON|FILE", conflicts_with = "subscription")]
    filter: Option<String>,
    /// End after so many messages.
    #[arg(long, short = 'n', value_name = "NUMBER")]
    max: Option<u64>,
    /// Print the data alone, as it is, one message a line.
    #[arg(long, conflicts_with = "json")]
    data: bool,
}

pub(crate) async fn run(command: Tail, session: Session) -> Result<(), Error> {
    // Before there is something to delete.
    let mut signals = Signals::listen()?;
    if command.take {
        let name = session.names.subscription(command.subscription.as_deref().unwrap_or_default());
        let settler = session.client.settler(name);
        return signals.or(follow(&command, &session, &settler)).await;
    }
    let own = create(&command, &session).await?;
    let settler = session.client.settler(&own);
    let followed = signals.or(follow(&command, &session, &settler)).await;
    let deleted = session.client.subscriptions().delete(&own).await;
    followed?;
    // Who deleted the topic has deleted it, too.
    match deleted {
        Err(error @ fanfare_client::admin::AdminError::NoAnswer(_)) => Err(error.into()),
        _ => Ok(()),
    }
}

/// A subscription for this command alone.
async fn create(command: &Tail, session: &Session) -> Result<String, Error> {
    let (topic, filter_policy) = match &command.subscription {
        Some(name) => {
            let found: Subscription =
                session.client.subscriptions().get(session.names.subscription(name)).await?;
            (found.topic, found.settings.unwrap_or_default().filter_policy)
        }
        None => {
            let name = session.names.topic(command.topic.as_deref().unwrap_or_default());
            let filter =
                command.filter.as_deref().map(|given| crate::subscription::filter_policy(given, None));
            (session.client.topics().get(name).await?.name, filter.transpose()?)
        }
    };
    let mut settings = SubscriptionSettings {
        ack_deadline: Some(value::proto_duration(LEASE)),
        expire_unused_after: Some(value::proto_duration(UNUSED)),
        labels: BTreeMap::from([("made-by".to_owned(), "fanfare tail".to_owned())]),
        filter_policy,
        ..SubscriptionSettings::default()
    };
    settings.set_when_exhausted(ExhaustedAction::Drop);
    let name = format!("projects/{}/subscriptions/tail-{}", names::project_of(&topic), random()?);
    session.client.subscriptions().create(&name, topic).settings(settings).start(command.from).await?;
    Ok(name)
}

pub(crate) fn random() -> Result<String, Error> {
    let mut bytes = [0; 10];
    getrandom::fill(&mut bytes).map_err(|error| Error::System(std::io::Error::other(error.to_string())))?;
    Ok(data_encoding::HEXLOWER.encode(&bytes))
}

/// Prints and acknowledges until enough is printed.
async fn follow(command: &Tail, session: &Session, settler: &Settler) -> Result<(), Error> {
    let mut left = command.max.unwrap_or(u64::MAX);
    while left > 0 {
        let most = u32::try_from(left).unwrap_or(MESSAGES).min(MESSAGES);
        let pulled = match settler.pull(most, WAIT).await {
            Ok(pulled) => pulled,
            // A connection that broke: what was pulled on it comes again.
            Err(SettleError::NoAnswer(error)) => {
                session.out.note(&format!("connecting again: {error}"));
                settler.pull(1, Duration::ZERO).await?
            }
            Err(error) => return Err(error.into()),
        };
        left -= pulled.len() as u64;
        let (mut printed, mut ack_ids) = (Ok(()), Vec::with_capacity(pulled.len()));
        for (ack_id, received) in pulled {
            printed = print(command, session, received);
            if printed.is_err() {
                break;
            }
            ack_ids.push(ack_id);
        }
        pull::ack(settler, ack_ids).await?;
        printed?;
    }
    Ok(())
}

fn print(command: &Tail, session: &Session, received: fanfare_client::ReceivedMessage) -> Result<(), Error> {
    match command.data || session.out.json {
        true => pull::print(session.out, command.data, false, "", received),
        false => session.out.line(&message::line(&received)),
    }
}
