//! What was given to the publisher and not answered yet, and what became of the rest.

use std::{collections::VecDeque, pin::Pin};

use fanfare_client::publisher::{MessageFate, PublishError, PublishFuture, Published};

use super::input::Input;
use crate::{Error, error::hinted, output::count};

/// A line and what became of one of its messages.
pub(crate) type Outcome = (u64, Result<Published, PublishError>);

/// In the order of the input.
#[derive(Default)]
pub(crate) struct Sent {
    waiting: VecDeque<(u64, Pin<Box<PublishFuture>>)>,
    published: u64,
    duplicates: u64,
    not_stored: u64,
    unknown: u64,
    first_failure: Option<(u64, PublishError)>,
}

impl Sent {
    pub(crate) fn push(&mut self, line: u64, future: PublishFuture) {
        self.waiting.push_back((line, Box::pin(future)));
    }

    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// What became of the oldest. Cancel safe; never ready if there is none.
    pub(crate) async fn next(&mut self) -> Outcome {
        let Some((line, future)) = self.waiting.front_mut() else { return std::future::pending().await };
        let (line, outcome) = (*line, future.await);
        self.waiting.pop_front();
        (line, outcome)
    }

    /// Counts it; whether it is a good one, and what to print of it.
    pub(crate) fn count(&mut self, (line, outcome): Outcome) -> (bool, Option<Published>) {
        match outcome {
            Ok(published) => {
                self.published += u64::from(!published.deduplicated);
                self.duplicates += u64::from(published.deduplicated);
                (true, Some(published))
            }
            Err(error) => {
                match error.fate() {
                    MessageFate::NotStored => self.not_stored += 1,
                    MessageFate::Unknown => self.unknown += 1,
                }
                self.first_failure.get_or_insert((line, error));
                (false, None)
            }
        }
    }

    /// The sum.
    pub(crate) fn sentence(&self) -> String {
        let mut text = format!("published {}", count(self.published, "message"));
        let parts = [
            (self.duplicates, "were published before"),
            (self.not_stored, "were not published"),
            (self.unknown, "may be published or not"),
        ];
        for (count, what) in parts.into_iter().filter(|(count, _)| *count > 0) {
            text += &format!(", {count} {what}");
        }
        text
    }

    /// The first that failed, with its place.
    pub(crate) fn failure(&self, input: &Input) -> Option<Error> {
        let (line, error) = self.first_failure.as_ref()?;
        let (place, continuing) = input.at(*line);
        let text = |why: &dyn std::fmt::Display| {
            let text = format!("{place}: {why}");
            let Some(continuing) = &continuing else { return text };
            let twice = "what is stored after it is stored twice then, unless it has a deduplication ID";
            hinted(&text, &format!("{continuing}; {twice}"))
        };
        Some(match Error::from(error) {
            Error::NoAnswer { .. } => Error::NoAnswer { endpoints: Vec::new(), why: text(error) },
            Error::NotFound(_) => Error::NotFound(text(error)),
            _ => Error::Refused(text(error)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{super::input::Many, *};

    #[tokio::test]
    async fn the_sum_tells_what_was_stored_what_not_and_what_nobody_knows() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let open = async |many| Input::open(Some(file.path()), many, 1).await.unwrap();
        let (lines, whole) = (open(Many::Lines).await, open(Many::Whole).await);
        let mut sent = Sent::default();
        sent.count((3, Err(PublishError::ShutDown)));
        sent.count((4, Err(PublishError::Full)));
        assert_eq!(sent.sentence(), "published 0 messages, 2 were not published");
        let error = sent.failure(&lines).unwrap().to_string();
        let name = file.path().display();
        assert!(error.starts_with(&format!("{name}:3: the publisher is shut down")), "{error}");
        assert!(error.contains("--from-line 3"), "{error}");
        let error = sent.failure(&whole).unwrap().to_string();
        assert!(error.starts_with(&format!("{name}: the publisher")) && !error.contains("line"), "{error}");
        assert_eq!(Sent::default().sentence(), "published 0 messages");
        assert!(Sent::default().failure(&lines).is_none());
    }
}
