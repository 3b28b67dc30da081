//! What is published: a file or standard input, line for line.

use std::{
    io::{IsTerminal, stdin},
    path::Path,
};

use fanfare_client::proto::NewMessage;
use indicatif::{ProgressBar, ProgressStyle};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};

use super::json_line;
use crate::{Error, error::hinted};

/// Longest line, and largest input of `--whole`: more than the largest request of any broker.
const LINE_BYTES: u64 = 16 << 20;
const READ_BYTES: usize = 64 << 10;

/// What a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Many {
    /// The data of a message.
    Lines,
    /// An object.
    JsonLines,
    /// There are no lines: all of it is the data of one message.
    Whole,
}

/// The input and the place in it.
pub(crate) struct Input {
    reader: BufReader<Box<dyn AsyncRead + Send + Unpin>>,
    name: String,
    many: Many,
    first: u64,
    line: u64,
    /// What was read of the line so far: a read that is cancelled loses nothing.
    buffer: Vec<u8>,
    progress: ProgressBar,
}

impl Input {
    /// A file, with a progress bar if a person sees it, or standard input.
    pub(crate) async fn open(path: Option<&Path>, many: Many, first: u64) -> Result<Self, Error> {
        let Some(path) = path else {
            if stdin().is_terminal() {
                eprint_hint();
            }
            return Ok(Self::of(Box::new(tokio::io::stdin()), "standard input".to_owned(), many, first));
        };
        let named = |error| Error::Usage(format!("{}: {error}", path.display()));
        let file = tokio::fs::File::open(path).await.map_err(named)?;
        let bytes = file.metadata().await.map_err(named)?.len();
        let progress = ProgressBar::new(bytes);
        let style = ProgressStyle::with_template("{wide_bar} {bytes}/{total_bytes} {eta}");
        progress.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        let input = Self::of(Box::new(file), path.display().to_string(), many, first);
        Ok(Self { progress, ..input })
    }

    fn of(reader: Box<dyn AsyncRead + Send + Unpin>, name: String, many: Many, first: u64) -> Self {
        let reader = BufReader::with_capacity(READ_BYTES, reader);
        Self { reader, name, many, first, line: 0, buffer: Vec::new(), progress: ProgressBar::hidden() }
    }

    /// A line as its file and number, and how to continue with it. What is one message as a whole has no lines.
    pub(crate) fn at(&self, line: u64) -> (String, Option<String>) {
        match self.many {
            Many::Whole => (self.name.clone(), None),
            _ => (format!("{}:{line}", self.name), Some(format!("continue with --from-line {line}"))),
        }
    }

    /// The next messages and their line; none at the end. Cancel safe.
    pub(crate) async fn next(&mut self) -> Result<Option<(u64, Vec<NewMessage>)>, Error> {
        loop {
            let left = (LINE_BYTES + 1).saturating_sub(self.buffer.len() as u64);
            let mut bounded = (&mut self.reader).take(left);
            match self.many {
                Many::Whole => bounded.read_to_end(&mut self.buffer).await,
                _ => bounded.read_until(b'\n', &mut self.buffer).await,
            }
            .map_err(|error| Error::Usage(format!("{}: {error}", self.name)))?;
            let is_first_and_whole = self.many == Many::Whole && self.line == 0;
            if self.buffer.is_empty() && !is_first_and_whole {
                return Ok(None);
            }
            self.line += 1;
            let line = std::mem::take(&mut self.buffer);
            self.progress.inc(line.len() as u64);
            if line.len() as u64 > LINE_BYTES {
                return Err(self.bad("is longer than 16 MiB"));
            }
            if let Some(messages) = self.messages(line)? {
                return Ok(Some((self.line, messages)));
            }
        }
    }

    /// Those of a line; none if it is empty or before the first.
    fn messages(&self, mut line: Vec<u8>) -> Result<Option<Vec<NewMessage>>, Error> {
        if self.many == Many::Whole {
            return Ok(Some(vec![NewMessage { data: line.into(), ..NewMessage::default() }]));
        }
        while line.last().is_some_and(|byte| matches!(byte, b'\r' | b'\n')) {
            line.pop();
        }
        if self.line < self.first || line.iter().all(u8::is_ascii_whitespace) {
            return Ok(None);
        }
        if self.many == Many::Lines {
            return Ok(Some(vec![NewMessage { data: line.into(), ..NewMessage::default() }]));
        }
        let text = String::from_utf8(line).map_err(|_| self.bad("is no UTF-8"))?;
        json_line::many(&text).map(Some).map_err(|why| self.bad(&why))
    }

    fn bad(&self, why: &str) -> Error {
        let (place, continuing) = self.at(self.line);
        let text = format!("{place}: {why}");
        Error::Usage(continuing.map_or(text.clone(), |continuing| {
            hinted(&text, &format!("nothing from this line on was read; correct it and {continuing}"))
        }))
    }

    /// Nothing more is read.
    pub(crate) fn finished(&self) {
        self.progress.finish_and_clear();
    }
}

fn eprint_hint() {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr(), "one message a line; end with Ctrl-D");
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(bytes: &'static [u8], many: Many, first: u64) -> Result<Vec<(u64, String)>, String> {
        let mut input = Input::of(Box::new(bytes), "in".to_owned(), many, first);
        let mut found = Vec::new();
        while let Some((line, messages)) = input.next().await.map_err(|error| error.to_string())? {
            found.extend(
                messages
                    .into_iter()
                    .map(|message| (line, String::from_utf8_lossy(&message.data).into_owned())),
            );
        }
        Ok(found)
    }

    #[tokio::test]
    async fn each_line_is_a_message_and_empty_ones_are_passed_over() {
        let found = read(b"a\r\n\n b \n  \nlast", Many::Lines, 1).await.unwrap();
        assert_eq!(found, [(1, "a".to_owned()), (3, " b ".to_owned()), (5, "last".to_owned())]);
        assert_eq!(read(b"", Many::Lines, 1).await.unwrap(), []);
    }

    #[tokio::test]
    async fn reading_begins_with_the_line_that_is_asked_for() {
        assert_eq!(read(b"a\nb\nc\n", Many::Lines, 3).await.unwrap(), [(3, "c".to_owned())]);
        assert_eq!(
            read(b"not json\n{\"data\": \"b\"}", Many::JsonLines, 2).await.unwrap(),
            [(2, "b".to_owned())]
        );
    }

    #[tokio::test]
    async fn the_whole_is_one_message() {
        assert_eq!(read(b"a\nb\n", Many::Whole, 1).await.unwrap(), [(1, "a\nb\n".to_owned())]);
        assert_eq!(read(b"", Many::Whole, 1).await.unwrap(), [(1, String::new())], "also if it is empty");
    }

    #[tokio::test]
    async fn what_has_no_lines_is_not_continued_with_one() {
        let endless = Box::new(tokio::io::repeat(b'x'));
        let mut input = Input::of(endless, "in".to_owned(), Many::Whole, 1);
        assert_eq!(input.next().await.unwrap_err().to_string(), "in: is longer than 16 MiB");
    }

    #[tokio::test]
    async fn a_file_that_cannot_be_read_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let mut input = Input::open(Some(directory.path()), Many::Lines, 1).await.unwrap();
        let error = input.next().await.unwrap_err();
        assert!(matches!(error, Error::Usage(_)), "{error}");
        assert!(error.to_string().starts_with(directory.path().to_str().unwrap()), "{error}");
    }

    #[tokio::test]
    async fn a_bad_line_is_named_with_its_file() {
        let error = read(b"{\"data\": \"a\"}\n\n{\"dta\": \"b\"}\n", Many::JsonLines, 1).await.unwrap_err();
        assert!(error.starts_with("in:3: unknown field `dta`") && error.contains("--from-line 3"), "{error}");
        assert!(read(b"\xff\n", Many::JsonLines, 1).await.unwrap_err().starts_with("in:1: is no UTF-8"));
    }

    #[tokio::test]
    async fn a_line_that_is_too_long_is_refused_before_it_fills_the_memory() {
        let endless = Box::new(tokio::io::repeat(b'x'));
        let mut input = Input::of(endless, "in".to_owned(), Many::Lines, 1);
        assert!(input.next().await.unwrap_err().to_string().contains("longer than 16 MiB"));
    }
}
