//! `publish`: one message from an argument, or many from a file or standard input.

mod defaults;
mod input;
mod json_line;
mod sent;

use std::path::PathBuf;

use clap::Args;
use fanfare_client::{
    proto::{NewMessage, PublishResult},
    publisher::{Published, Publisher},
};

use crate::{Error, Session, output::count, signals::Signals};
use defaults::Defaults;
use input::{Input, Many};
pub(crate) use json_line::one as from_json;
use sent::{Outcome, Sent};

/// Messages whose answers are waited for at a time.
const WINDOW: usize = 4_096;

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fanfare publish orders 'order 4711' --attr type=order.created --key customer-7
  fanfare publish orders --file orders.jsonl --json-lines
  echo '{\"json\": {\"order\": 4711}, \"attributes\": {\"total\": 99.5}, \"ordering_key\": \"c7\"}' | fanfare publish orders --json-lines
  fanfare publish pictures --file cat.png --whole --content-type image/png

A line of --json-lines is an object with `data` (text), `data_base64` or `json`, and any of `attributes` (texts, numbers, lists, or
{\"binary\": base64}), `ordering_key`, `deduplication_id`, `correlation_id`, `content_type`, `group_id`, `deliver_after`, `expire_after`; or a
publish request in the JSON of the API: {\"messages\": [...]}. Empty lines are passed over.")]
pub(crate) struct Publish {
    /// The topic, bare or full.
    topic: String,
    /// The data of one message.
    data: Option<String>,
    /// Publish what is in this file: one message a line. Default: standard input.
    #[arg(long, short, value_name = "FILE", conflicts_with = "data")]
    file: Option<PathBuf>,
    /// Each line is a JSON object with data, attributes and keys; see below.
    #[arg(long, conflicts_with_all = ["data", "whole"])]
    json_lines: bool,
    /// The file or standard input as a whole is the data of one message.
    #[arg(long, conflicts_with_all = ["data", "from_line"])]
    whole: bool,
    /// Begin with this line, to continue after a failure.
    #[arg(long, value_name = "NUMBER", default_value_t = 1, conflicts_with = "data")]
    from_line: u64,
    #[command(flatten)]
    defaults: Defaults,
}

pub(crate) async fn run(command: Publish, session: Session) -> Result<(), Error> {
    // Says at once, and not after a minute of tries, that there is no topic or no broker.
    let topic = session.client.topics().get(session.names.topic(&command.topic)).await?.name;
    let publisher = session.client.publisher(topic).build();
    if let Some(data) = &command.data {
        let message = NewMessage { data: data.clone().into(), ..NewMessage::default() };
        let message = command.defaults.under(message);
        let published = publisher.publish(message).await.map_err(|error| Error::from(&error))?;
        return session.out.one("PublishResult", &result(published), described);
    }
    command.defaults.check_for_many(command.whole)?;
    let many = match (command.json_lines, command.whole) {
        (true, _) => Many::JsonLines,
        (_, true) => Many::Whole,
        _ => Many::Lines,
    };
    let input = Input::open(command.file.as_deref(), many, command.from_line).await?;
    all(&session, &publisher, input, &command.defaults).await
}

/// Publishes line for line, until the end, the first that fails, or a signal. What was taken is always waited for. That nobody reads the
/// answers any more does not end it: it is the messages that were asked for.
async fn all(
    session: &Session,
    publisher: &Publisher,
    mut input: Input,
    defaults: &Defaults,
) -> Result<(), Error> {
    let mut signals = Signals::listen()?;
    let mut sent = Sent::default();
    let mut printed = Ok(());
    let stop = loop {
        tokio::select! {
            biased;
            () = signals.came() => break Stop::Signal,
            outcome = sent.next(), if !sent.is_empty() => {
                if !take(session, &mut sent, outcome, &mut printed) {
                    break Stop::Failure;
                }
            }
            line = input.next(), if sent.len() < WINDOW => match line {
                Ok(Some((line, messages))) => {
                    for message in messages {
                        let taken = publisher.publish(defaults.under(message));
                        sent.push(line, taken);
                    }
                }
                Ok(None) => break Stop::End,
                Err(error) => break Stop::BadLine(error),
            },
        }
    };
    while !sent.is_empty() {
        let outcome = sent.next().await;
        take(session, &mut sent, outcome, &mut printed);
    }
    publisher.shutdown().await;
    input.finished();
    summary(session, &sent, stop, &input).and(printed)
}

/// Why no more was read.
enum Stop {
    End,
    Failure,
    Signal,
    BadLine(Error),
}

/// Counts an outcome and prints it if that is possible; whether it is a good one.
fn take(session: &Session, sent: &mut Sent, outcome: Outcome, printed: &mut Result<(), Error>) -> bool {
    let (is_good, published) = sent.count(outcome);
    if let Some(published) = published.filter(|_| session.out.json && printed.is_ok()) {
        *printed = session.out.next("PublishResult", &result(published), described);
    }
    is_good
}

fn summary(session: &Session, sent: &Sent, stop: Stop, input: &Input) -> Result<(), Error> {
    let text = sent.sentence();
    let printed = match session.out.json {
        true => {
            session.out.note(&text);
            Ok(())
        }
        false => session.out.line(&text),
    };
    match (sent.failure(input), stop) {
        (Some(failure), _) => Err(failure),
        (None, Stop::BadLine(error)) => Err(error),
        (None, Stop::Signal) => Err(Error::Interrupted("interrupted before the end of the input".to_owned())),
        (None, Stop::End | Stop::Failure) => printed,
    }
}

fn result(published: Published) -> PublishResult {
    PublishResult {
        message_id: published.message_id,
        sequence: published.sequence,
        deduplicated: published.deduplicated,
        matched_subscriptions: published.matched_subscriptions,
        correlation_id: published.correlation_id,
    }
}

fn described(result: &PublishResult) -> String {
    if result.deduplicated {
        return format!("{}  was published before (sequence {})", result.message_id, result.sequence);
    }
    let PublishResult { message_id, sequence, matched_subscriptions, .. } = result;
    let subscriptions = count((*matched_subscriptions).into(), "subscription");
    format!("{message_id}  sequence {sequence}, for {subscriptions}")
}
