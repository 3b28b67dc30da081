//! `pull`: messages under a lease, to be settled by their ack IDs.

use std::{collections::HashMap, time::Duration};

use clap::Args;
use fanfare_client::{ReceivedMessage, subscriber::Settler};

use crate::{Error, Session, error::hinted, message, output::Out, settle, value};

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fanfare pull billing
  fanfare pull billing --max 10 --wait 20s --ack
  fanfare pull billing --max 100 --json | jq -r '.message.data | @base64d'
  fanfare pull billing --data --ack > order.json")]
pub(crate) struct Pull {
    /// The subscription, bare or full.
    subscription: String,
    /// Messages, at most: 1 to 1000.
    #[arg(long, short = 'n', value_name = "NUMBER", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1000))]
    max: u32,
    /// Wait so long for a first message: 0 to 60s.
    #[arg(long, value_name = "DURATION", default_value = "0", value_parser = wait)]
    wait: Duration,
    /// Acknowledge at once what was printed.
    #[arg(long)]
    ack: bool,
    /// Print the data alone, as it is, one message a line.
    #[arg(long, conflicts_with = "json")]
    data: bool,
}

fn wait(text: &str) -> Result<Duration, String> {
    match value::duration(text)? {
        wait if wait <= Duration::from_secs(60) => Ok(wait),
        _ => Err("is longer than 60s".to_owned()),
    }
}

pub(crate) async fn run(command: Pull, session: Session) -> Result<(), Error> {
    let settler = session.client.settler(session.names.subscription(&command.subscription));
    let pulled = settler.pull(command.max, command.wait).await?;
    if pulled.is_empty() {
        session.out.note("no messages are due");
    }
    let mut ack_ids = Vec::with_capacity(pulled.len());
    let mut printed = Ok(());
    for (index, (ack_id, received)) in pulled.into_iter().enumerate() {
        if index > 0 && !command.data && !session.out.json {
            session.out.line("")?;
        }
        printed = print(session.out, command.data, !command.ack, &ack_id, received);
        if printed.is_err() {
            break;
        }
        ack_ids.push(ack_id);
    }
    // What could not be printed has not been seen, and is not acknowledged: it comes again.
    if command.ack {
        ack(&settler, ack_ids).await?;
    }
    printed
}

pub(crate) fn print(
    out: Out,
    data_only: bool,
    with_ack_id: bool,
    ack_id: &str,
    received: ReceivedMessage,
) -> Result<(), Error> {
    if data_only {
        return out.raw(&[received.data().as_ref(), b"\n"].concat());
    }
    let ack_id = if with_ack_id { ack_id } else { "" };
    match out.json {
        true => out.next("ReceivedMessage", &received.into_proto(), |_| String::new()),
        false => out.line(&message::whole(ack_id, &received)),
    }
}

/// Acknowledges what was printed. That a lease is over already is an error, since the message comes again.
pub(crate) async fn ack(settler: &Settler, ack_ids: Vec<String>) -> Result<(), Error> {
    if ack_ids.is_empty() {
        return Ok(());
    }
    let outcomes = settler.ack(ack_ids).await?;
    let mut why: HashMap<String, usize> = HashMap::new();
    for error in outcomes.into_iter().filter_map(|outcome| outcome.result.err()) {
        *why.entry(settle::reason(&error)).or_default() += 1;
    }
    if why.is_empty() {
        return Ok(());
    }
    let why: Vec<_> = why.into_iter().map(|(why, count)| format!("{count} times: {why}")).collect();
    let text = format!("not all messages could be acknowledged: {}", why.join("; "));
    Err(Error::NotAll(hinted(&text, "they come again; give the subscription a longer --ack-deadline")))
}
