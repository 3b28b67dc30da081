//! Whom the end of a stream hits.

use std::ops::Range;

use tokio::time::Instant;

use super::{PublishError, held::Reply, state::State};
use crate::{ServerError, clock};

/// How a stream has ended.
#[derive(Debug)]
pub(super) struct End {
    /// Why.
    pub(super) error: ServerError,
    /// False if it could not even be opened, so that nothing was sent on it.
    pub(super) was_open: bool,
}

impl End {
    /// Whether nothing is stored of what was on the stream without an answer: its error is that of the first such request, and with
    /// `stop_at_error` nothing behind a refused request is accepted.
    pub(super) fn is_undone(&self) -> bool {
        !self.was_open || self.error.is_certainly_undone()
    }
}

/// Whom the end of a stream hits. Positions are those among what is held.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Blame {
    /// These are refused, and would be again.
    Refused(Range<usize>),
    /// These were tried for long enough.
    TooLate(Range<usize>),
    /// A request of so many bytes was too large, and can be cut into smaller ones.
    Size(usize),
}

impl Blame {
    pub(super) fn messages(&self) -> Option<Range<usize>> {
        match self {
            Self::Refused(hit) | Self::TooLate(hit) => Some(hit.clone()),
            Self::Size(_) => None,
        }
    }

    pub(super) fn outcome(&self, reply: &Reply, error: &ServerError) -> PublishError {
        match self {
            Self::TooLate(_) => reply.given_up(error),
            Self::Refused(_) | Self::Size(_) => reply.refused(error),
        }
    }
}

impl State {
    /// Whom this end hits, if the next try is not before `again_at`.
    pub(super) fn blame(&self, end: &End, again_at: Instant) -> Blame {
        if end.error.is_transient() {
            // What is not on the stream has not been tried on it.
            let tried = if end.was_open { self.sent } else { self.held.len() };
            let is_too_late =
                |index: &usize| clock::after(self.held[*index].taken_at, self.within) < again_at;
            return Blame::TooLate(0..(0..tried).take_while(is_too_late).count());
        }
        let request = match (end.was_open, self.requests.front()) {
            (true, front) => front.copied().unwrap_or_default(),
            (false, _) => self.next_cut(0),
        };
        match index(end.error.field()) {
            Some(index) if index < request => Blame::Refused(index..index + 1),
            _ if end.error.reason() == "REQUEST_TOO_LARGE" && request > 1 => {
                Blame::Size(self.held.range(..request).map(|held| held.bytes).sum())
            }
            _ => Blame::Refused(0..request),
        }
    }
}

/// The message that a path is about: 3 of `messages[3].ordering_key`.
fn index(field: &str) -> Option<usize> {
    field.strip_prefix("messages[")?.split_once(']')?.0.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_names_its_message() {
        assert_eq!(index("messages[3].ordering_key"), Some(3));
        assert_eq!(index("messages[12]"), Some(12));
        for other in ["", "topic", "messages", "messages[", "messages[]", "messages[x]", "messages[-1]"] {
            assert_eq!(index(other), None, "{other}");
        }
    }
}
