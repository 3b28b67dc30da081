//! `bench`: load on the broker, by the workloads that the project itself is measured with (crate `load`).
//!
//! # Promises
//!
//! - It touches no topic that is there: it makes one of its own, `bench-` and something random, and deletes it with its subscriptions at the end, also
//!   when it fails or is interrupted. If that fails, it says so. After a crash of this command `fanfare topic list` shows what is left.
//! - A run that stands still for half a minute ends with what is missing.

mod options;
mod report;

use std::{sync::Arc, time::Duration};

use fanfare_client::{
    admin::AdminError,
    publisher::PublishError,
    subscriber::{ConsumeError, SettleError},
};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use load::{Expected, Fanfare, Outcome, Progress, Workload};

pub(crate) use options::Bench;
use options::Load;
use report::Report;

use crate::{Error, Session, signals::Signals, tail};

/// Between two looks at how far it is.
const LOOK: Duration = Duration::from_millis(100);

pub(crate) async fn run(command: Bench, session: Session) -> Result<(), Error> {
    let load = command.load;
    let workload = load.workload()?;
    // Before there is something to delete.
    let mut signals = Signals::listen()?;
    let info = session.client.server().info().await?;
    let topic = format!("bench-{}", tail::random()?);
    let outcome = tokio::select! {
        outcome = measure(&load, &workload, &session, &topic) => outcome,
        () = signals.came() => Err(Error::Interrupted("interrupted before the end of the run".to_owned())),
    };
    let deleted = session.client.topics().delete(session.names.topic(&topic), true).await;
    if let Some(left) = left(&topic, &deleted) {
        session.out.note(&left);
    }
    let outcome = outcome?;
    let report = Report {
        load: &load,
        bytes: load.size().bytes,
        outcome: &outcome,
        broker: [info.version, info.engine, info.durability],
        is_local: report::is_local(&session.endpoints),
    };
    match session.out.json {
        true => session.out.document(&report.json())?,
        false => session.out.line(&report.text())?,
    }
    deleted?;
    report.wrong().map_or(Ok(()), |wrong| Err(Error::NotAll(wrong)))
}

async fn measure(load: &Load, workload: &Workload, session: &Session, topic: &str) -> Result<Outcome, Error> {
    let clients = (0..load.size().connections).map(|_| session.builder.clone().build());
    let system = Fanfare::new(clients.collect::<Result<_, _>>()?).in_project(session.names.project());
    let progress = Arc::<Progress>::default();
    let running = workload.run_watched(&system, topic, &progress);
    let outcome = tokio::select! {
        outcome = running => outcome,
        never = show(&progress, workload.expected()) => match never {},
    };
    outcome.map_err(|error| failed(&error))
}

/// Draws how far it is, on standard error if that is a terminal; gone when dropped.
async fn show(progress: &Progress, expected: Expected) -> std::convert::Infallible {
    let length = expected.published + expected.delivered;
    let template = "{bar:40} {percent:>3} %  {msg}  {elapsed}";
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    let bar = ProgressBar::with_draw_target(Some(length), ProgressDrawTarget::stderr()).with_style(style);
    let bar = Cleared(bar);
    let mut looks = tokio::time::interval(LOOK);
    loop {
        looks.tick().await;
        let (published, delivered) = (progress.published(), progress.delivered());
        bar.0.set_position(published + delivered);
        bar.0.set_message(match expected.delivered {
            0 => format!("published {published}"),
            _ => format!("published {published}, delivered {delivered}"),
        });
    }
}

/// Nothing is left of it on the terminal.
struct Cleared(ProgressBar);

impl Drop for Cleared {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

/// What to do by hand if the topic was not deleted.
fn left(topic: &str, deleted: &Result<(), AdminError>) -> Option<String> {
    match deleted {
        // It was not created in the first place.
        Ok(()) | Err(AdminError::NotFound(_)) => None,
        Err(error) => Some(format!(
            "the topic {topic} may be left: {error}; `fanfare topic delete {topic} --force` deletes it"
        )),
    }
}

/// What a run ended with, by what it means.
fn failed(error: &anyhow::Error) -> Error {
    if let Some(error) = error.downcast_ref::<AdminError>() {
        return error.clone().into();
    }
    if let Some(error) = error.downcast_ref::<PublishError>() {
        return error.into();
    }
    if let Some(error) = error.downcast_ref::<SettleError>() {
        return error.clone().into();
    }
    match error.downcast_ref::<ConsumeError>() {
        Some(ConsumeError::Unreachable(server)) => {
            Error::NoAnswer { endpoints: Vec::new(), why: server.to_string() }
        }
        Some(refused) => Error::Refused(refused.to_string()),
        None => Error::NotAll(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use fanfare_client::ServerError;
    use tonic::Status;

    use super::*;

    #[test]
    fn a_topic_that_may_be_left_is_named_with_how_to_delete_it() {
        let after = |status: Status| left("bench-1", &Err(ServerError::from(status).into()));
        let said = after(Status::unavailable("nobody is there")).unwrap();
        assert!(said.contains("nobody is there") && said.contains("topic delete bench-1 --force"), "{said}");
        assert!(after(Status::permission_denied("no")).is_some());
        assert_eq!(after(Status::not_found("there is none")), None, "it was never there");
        assert_eq!(left("bench-1", &Ok(())), None);
    }

    #[test]
    fn a_run_that_stood_still_is_not_all_of_it_and_a_full_publisher_is_a_refusal() {
        let still = failed(&anyhow::anyhow!("nothing has moved"));
        assert!(matches!(still, Error::NotAll(text) if text == "nothing has moved"));
        let full = failed(&anyhow::Error::new(PublishError::Full));
        assert!(matches!(full, Error::Refused(_)), "{full}");
    }
}
