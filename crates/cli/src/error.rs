//! What can go wrong, what to do then, and the exit code of each kind.

use std::{fmt::Write as _, io, process::ExitCode};

use fanfare_client::{
    ConnectError, ServerError, admin::AdminError, publisher::PublishError, subscriber::SettleError,
};

/// The exit codes of the binary, for its help and for docs/CLI.md. 3 and 4 are those of the broker itself.
pub const CODES: [(u8, &str); 10] = [
    (0, "done; also when a reader such as `head` has read enough, or `tail` was ended"),
    (1, "failed in a way that has no code of its own"),
    (2, "the command line, a file that it names or a line of its input is wrong"),
    (3, "serve: another process uses the data directory"),
    (4, "serve: the journal failed; nothing was acknowledged after that"),
    (5, "there is no such topic, subscription, message or context"),
    (6, "the broker refused; nothing was changed, but for what the output says"),
    (7, "no broker answered; what was asked for may have been done"),
    (8, "done, but not for all: an ack ID was not settled, a message does not match"),
    (130, "interrupted before it was done"),
];

const FAILED: u8 = 1;
const USAGE: u8 = 2;
const NOT_FOUND: u8 = 5;
const REFUSED: u8 = 6;
const NO_ANSWER: u8 = 7;
const NOT_ALL: u8 = 8;
const INTERRUPTED: u8 = 130;

/// Why a command failed. Its text says what to do next.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The command line, a file that it names or a line of its input is wrong.
    #[error("{0}")]
    Usage(String),
    /// There is no such thing.
    #[error("{0}")]
    NotFound(String),
    /// The broker refused; nothing was changed.
    #[error("{0}")]
    Refused(String),
    /// No broker answered. What was asked for may have been done.
    #[error("{}", no_answer(endpoints, why))]
    NoAnswer {
        /// Where one was looked for.
        endpoints: Vec<String>,
        /// What the connection said.
        why: String,
    },
    /// It was done, but not for all. What was not is in the output.
    #[error("{0}")]
    NotAll(String),
    /// It was ended before it was done.
    #[error("{0}")]
    Interrupted(String),
    /// Standard output cannot be written to.
    #[error("standard output")]
    Output(#[source] io::Error),
    /// The system refused something.
    #[error(transparent)]
    System(#[from] io::Error),
}

impl Error {
    /// With the endpoints that were tried, if it is about them.
    pub(crate) fn at(self, tried: &[String]) -> Self {
        match self {
            Self::NoAnswer { why, .. } => Self::NoAnswer { endpoints: tried.to_vec(), why },
            other => other,
        }
    }
}

/// The exit code.
pub fn code(error: &Error) -> ExitCode {
    ExitCode::from(number(error))
}

fn number(error: &Error) -> u8 {
    match error {
        Error::Usage(_) => USAGE,
        Error::NotFound(_) => NOT_FOUND,
        Error::Refused(_) => REFUSED,
        Error::NoAnswer { .. } => NO_ANSWER,
        Error::NotAll(_) => NOT_ALL,
        Error::Interrupted(_) => INTERRUPTED,
        Error::Output(_) | Error::System(_) => FAILED,
    }
}

fn no_answer(endpoints: &[String], why: &str) -> String {
    let endpoints = endpoints.join(", ");
    hinted(
        &format!("no broker answers at {endpoints}: {why}"),
        "start one with `fanfare serve`, or say where it is with --endpoint, FANFARE_ENDPOINT or a context",
    )
}

/// A text with what to do next below it.
pub(crate) fn hinted(text: &str, hint: &str) -> String {
    format!("{text}\n  hint: {hint}")
}

/// What to do about a refusal; docs/ERRORS.md in one line.
fn hint(reason: &str) -> Option<&'static str> {
    Some(match reason {
        "TOPIC_NOT_FOUND" => {
            "create it with `fanfare topic create NAME`; `fanfare topic list` shows those there are"
        }
        "SUBSCRIPTION_NOT_FOUND" => {
            "create it with `fanfare sub create NAME --topic TOPIC`; `fanfare sub list` shows those there are"
        }
        "MESSAGE_NOT_FOUND" => "correct the ID, or try another message: this one may not be kept any more",
        "TOPIC_EXISTS" => {
            "`fanfare topic get NAME` shows its settings, `fanfare topic update NAME` changes them"
        }
        "SUBSCRIPTION_EXISTS" => {
            "`fanfare sub get NAME` shows its settings, `fanfare sub update NAME` changes them"
        }
        "TOPIC_HAS_BACKLOG" => {
            "`fanfare stats` shows it; --force deletes the topic with all that is not settled"
        }
        "TOO_MANY_FILTER_POLICIES" => "consume some of the backlog, or pass over it with `fanfare sub seek`",
        "TOPIC_FULL" => {
            "wait until subscribers have settled more, or raise --max-bytes with `fanfare topic update`"
        }
        "OUT_OF_SPACE" => "free space on the broker's disk; publishing resumes by itself",
        "JOURNAL_POISONED" => "look at the broker's log and disk, and repeat after its restart",
        _ => return None,
    })
}

fn told(error: &ServerError) -> String {
    let mut text = error.to_string();
    if !error.field().is_empty() && !error.message().contains(error.field()) {
        let _ = write!(text, " at {}", error.field());
    }
    match hint(error.reason()) {
        Some(hint) => hinted(&text, hint),
        None => text,
    }
}

/// What was answered, by what it means. `is_undone` tells a refusal from silence.
fn of(error: &ServerError, is_undone: bool) -> Error {
    match error.reason() {
        "TOPIC_NOT_FOUND" | "SUBSCRIPTION_NOT_FOUND" | "MESSAGE_NOT_FOUND" => Error::NotFound(told(error)),
        // Refused by something that is not the broker, or does not understand the call: it will not change its mind.
        "" if !is_undone && error.is_transient() => {
            Error::NoAnswer { endpoints: Vec::new(), why: error.to_string() }
        }
        _ => Error::Refused(told(error)),
    }
}

impl From<AdminError> for Error {
    fn from(error: AdminError) -> Self {
        of(error.server(), error.server().is_certainly_undone())
    }
}

impl From<SettleError> for Error {
    fn from(error: SettleError) -> Self {
        match &error {
            SettleError::Refused(server) => of(server, true),
            SettleError::NoAnswer(server) => of(server, false),
            other => Self::Refused(other.to_string()),
        }
    }
}

impl From<&PublishError> for Error {
    fn from(error: &PublishError) -> Self {
        match error {
            PublishError::Refused(server) | PublishError::GivenUp(server) => of(server, true),
            PublishError::Unconfirmed(server) => of(server, false),
            other => Self::Refused(other.to_string()),
        }
    }
}

impl From<ConnectError> for Error {
    fn from(error: ConnectError) -> Self {
        Self::Usage(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_that_an_error_has_is_in_the_table() {
        let of = |number: u8| CODES.iter().any(|(code, _)| *code == number);
        let errors = [
            Error::Usage(String::new()),
            Error::NotFound(String::new()),
            Error::Refused(String::new()),
            Error::NoAnswer { endpoints: Vec::new(), why: String::new() },
            Error::NotAll(String::new()),
            Error::Interrupted(String::new()),
            Error::System(io::Error::other("x")),
        ];
        let numbers: Vec<u8> = errors.iter().map(number).collect();
        assert!(numbers.iter().all(|number| of(*number)), "{numbers:?}");
        assert!(numbers.is_sorted_by(|a, b| a < b) || numbers.last() == Some(&FAILED), "each has its own");
    }

    #[test]
    fn an_error_of_the_connection_names_the_endpoints_that_were_tried() {
        let error = Error::NoAnswer { endpoints: Vec::new(), why: "refused".to_owned() };
        let text = error.at(&["http://a:1".to_owned(), "http://b:2".to_owned()]).to_string();
        assert!(
            text.starts_with("no broker answers at http://a:1, http://b:2: refused\n  hint: start one"),
            "{text}"
        );
    }
}
