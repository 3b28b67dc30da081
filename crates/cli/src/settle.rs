//! `ack`, `nack`, `extend`: what becomes of messages that were pulled.

use std::{io::BufRead, time::Duration};

use clap::Args;
use fanfare_client::subscriber::{AckError, SettleOutcome};
use serde_json::json;

use crate::{Error, Session, value};

/// Ack IDs of one request, at most.
const ACK_IDS: usize = 10_000;

#[derive(Debug, Args)]
struct Which {
    /// The subscription, bare or full.
    subscription: String,
    /// The ack IDs that `pull` printed; `-` reads them from standard input, one a line.
    #[arg(required = true, value_name = "ACK_ID")]
    ack_ids: Vec<String>,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fanfare ack billing AAAAAAAAAAEAAAAAAAAAAgAAAAAAAAAB
  fanfare pull billing --max 10 --json | jq -r .ackId | fanfare ack billing -")]
pub(crate) struct Ack {
    #[command(flatten)]
    which: Which,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fanfare nack billing AAAAAAAAAAEAAAAAAAAAAgAAAAAAAAAB
  fanfare nack billing AAAAAAAAAAEAAAAAAAAAAgAAAAAAAAAB --delay 10m")]
pub(crate) struct Nack {
    #[command(flatten)]
    which: Which,
    /// They come again after so long: 0 to 12h [default: as the retry policy says].
    #[arg(long, value_name = "DURATION", value_parser = value::duration)]
    delay: Option<Duration>,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fanfare extend billing AAAAAAAAAAEAAAAAAAAAAgAAAAAAAAAB
  fanfare extend billing AAAAAAAAAAEAAAAAAAAAAgAAAAAAAAAB --by 10m")]
pub(crate) struct Extend {
    #[command(flatten)]
    which: Which,
    /// The leases end so long from now: 1s to 12h [default: the subscription's ack deadline].
    #[arg(long, value_name = "DURATION", value_parser = value::duration)]
    by: Option<Duration>,
}

impl Which {
    /// Those of the arguments, with those of standard input where a `-` stands. Checked for number before anything is sent.
    fn ack_ids(&self) -> Result<Vec<String>, Error> {
        let mut all = Vec::new();
        for given in &self.ack_ids {
            if given != "-" {
                all.push(given.clone());
                continue;
            }
            for line in std::io::stdin().lock().lines() {
                let line = line?;
                let word = line.trim();
                if !word.is_empty() {
                    all.push(word.to_owned());
                }
            }
        }
        Ok(all)
    }
}

pub(crate) async fn ack(command: Ack, session: Session) -> Result<(), Error> {
    let settler = session.client.settler(session.names.subscription(&command.which.subscription));
    let settle = async |ack_ids| settler.ack(ack_ids).await;
    settled(&session, command.which.ack_ids()?, "acknowledged", settle).await
}

pub(crate) async fn nack(command: Nack, session: Session) -> Result<(), Error> {
    let settler = session.client.settler(session.names.subscription(&command.which.subscription));
    let settle = async |ack_ids| settler.nack(ack_ids, command.delay).await;
    settled(&session, command.which.ack_ids()?, "given back", settle).await
}

pub(crate) async fn extend(command: Extend, session: Session) -> Result<(), Error> {
    let settler = session.client.settler(session.names.subscription(&command.which.subscription));
    let settle = async |ack_ids| settler.extend(ack_ids, command.by).await;
    settled(&session, command.which.ack_ids()?, "extended", settle).await
}

async fn settled(
    session: &Session,
    ack_ids: Vec<String>,
    word: &str,
    settle: impl AsyncFn(Vec<String>) -> Result<Vec<SettleOutcome>, fanfare_client::subscriber::SettleError>,
) -> Result<(), Error> {
    // Whether anybody reads what became of them or not, all are settled.
    let (mut done, mut left, mut printed) = (0, 0, Ok(()));
    for some in ack_ids.chunks(ACK_IDS) {
        for outcome in settle(some.to_vec()).await? {
            match outcome.result {
                Ok(()) => done += 1,
                Err(_) => left += 1,
            }
            printed = printed.and_then(|()| print(session, word, &outcome));
        }
    }
    match left {
        0 => printed,
        left => Err(Error::NotAll(format!("{done} {word}, {left} not"))),
    }
}

fn print(session: &Session, word: &str, outcome: &SettleOutcome) -> Result<(), Error> {
    let ack_id = &outcome.ack_id;
    match (&outcome.result, session.out.json) {
        (Ok(()), false) => session.out.line(&format!("{ack_id}  {word}")),
        (Err(error), false) => session.out.line(&format!("{ack_id}  not {word}: {}", reason(error))),
        (result, true) => {
            let error = result.as_ref().err();
            let json = json!({"ackId": ack_id, "done": error.is_none(), "reason": error.map(reason)});
            session.out.line(&json.to_string())
        }
    }
}

/// Why a lease gave no right to it.
pub(crate) fn reason(error: &AckError) -> String {
    error.to_string()
}
