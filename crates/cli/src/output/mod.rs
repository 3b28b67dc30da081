//! The one place that writes answers and notes.

mod closed;
pub(crate) mod json;
mod table;

use std::io::{self, IsTerminal, Write};

use anstream::ColorChoice;
use prost::Message;

pub(crate) use closed::closed;
pub(crate) use table::{Table, fields};

use crate::{Error, common::Color};

/// Where answers go, and how.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Out {
    pub(crate) json: bool,
}

impl Out {
    /// For the whole process: colour is a matter of both streams.
    pub(crate) fn new(json: bool, color: Color) -> Self {
        match color {
            Color::Auto => ColorChoice::Auto,
            Color::Always => ColorChoice::AlwaysAnsi,
            Color::Never => ColorChoice::Never,
        }
        .write_global();
        Self { json }
    }

    /// One line of an answer, or several.
    pub(crate) fn line(self, text: &str) -> Result<(), Error> {
        let mut stream = anstream::stdout().lock();
        writeln!(stream, "{text}").and_then(|()| stream.flush()).map_err(Error::Output)
    }

    /// Bytes as they are.
    pub(crate) fn raw(self, bytes: &[u8]) -> Result<(), Error> {
        let mut stream = io::stdout().lock();
        stream.write_all(bytes).and_then(|()| stream.flush()).map_err(Error::Output)
    }

    /// A note to the person, on standard error. That nobody can read it is no reason to stop.
    pub(crate) fn note(self, text: &str) {
        let _ = writeln!(anstream::stderr().lock(), "{text}");
    }

    /// The answer, which is a message of the API (package fanfare.v1).
    pub(crate) fn one<M: Message>(
        self,
        kind: &str,
        message: &M,
        human: impl FnOnce(&M) -> String,
    ) -> Result<(), Error> {
        match self.json {
            true => self.document(&json::of(kind, message)),
            false => self.line(&human(message)),
        }
    }

    /// One of many, as they come.
    pub(crate) fn next<M: Message>(
        self,
        kind: &str,
        message: &M,
        human: impl FnOnce(&M) -> String,
    ) -> Result<(), Error> {
        match self.json {
            true => self.line(&json::of(kind, message).to_string()),
            false => self.line(&human(message)),
        }
    }

    /// A list that is complete.
    pub(crate) fn all<M: Message>(
        self,
        kind: &str,
        messages: &[M],
        human: impl FnOnce(&[M]) -> String,
    ) -> Result<(), Error> {
        match self.json {
            true => self.document(&messages.iter().map(|message| json::of(kind, message)).collect()),
            false => self.line(&human(messages)),
        }
    }

    /// A JSON document.
    pub(crate) fn document(self, value: &serde_json::Value) -> Result<(), Error> {
        self.line(&format!("{value:#}"))
    }

    /// That something was done to something: a sentence, or its name in JSON.
    pub(crate) fn done(self, name: &str, sentence: &str) -> Result<(), Error> {
        match self.json {
            true => self.document(&serde_json::json!({ "name": name })),
            false => self.line(sentence),
        }
    }

    /// Whether a person sees it.
    pub(crate) fn is_terminal(self) -> bool {
        io::stdout().is_terminal()
    }
}

/// `1 topic`, `2 topics`.
pub(crate) fn count(number: u64, thing: &str) -> String {
    format!("{number} {thing}{}", if number == 1 { "" } else { "s" })
}

/// Text from a message, with nothing in it that a terminal would obey.
pub(crate) fn printable(text: &str) -> String {
    let harmless = |letter: char| letter == ' ' || !(letter.is_control() || letter.is_whitespace());
    if text.chars().all(harmless) {
        return text.to_owned();
    }
    let letters = text.chars().map(|letter| match harmless(letter) {
        true => letter.to_string(),
        false => letter.escape_default().to_string(),
    });
    letters.collect()
}

/// Data as text if it is, else as base64.
pub(crate) fn data(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => printable(text),
        Err(_) => format!("base64:{}", data_encoding::BASE64.encode(bytes)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_escaped() {
        assert_eq!(printable("Tasse, groß"), "Tasse, groß");
        assert_eq!(printable("\u{1b}[2J\n\u{9b}x"), "\\u{1b}[2J\\n\\u{9b}x");
        assert_eq!(data(&[0xff, 0]), "base64:/wA=");
    }
}
