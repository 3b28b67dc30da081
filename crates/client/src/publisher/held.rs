//! A message that was taken, until its publisher knows what has become of it.

use bytes::Bytes;
use tokio::{sync::oneshot, time::Instant};
use tonic::Code;

use super::{PublishError, Published};
use crate::ServerError;

/// What a future resolves to.
pub(super) type Outcome = Result<Published, PublishError>;

/// A message that was taken and has no outcome yet.
#[derive(Debug)]
pub(super) struct Held {
    /// Its place among all that were taken.
    pub(super) number: u64,
    pub(super) taken_at: Instant,
    pub(super) body: Bytes,
    pub(super) key: Option<Box<str>>,
    /// What it takes of the room, and of a batch.
    pub(super) bytes: usize,
    pub(super) reply: Reply,
}

/// The way to a message's future, and what is known of the message. Dropped without an outcome, it says what is true then.
#[derive(Debug)]
pub(super) struct Reply {
    future: Option<oneshot::Sender<Outcome>>,
    /// It is on a stream that can still answer.
    on_its_way: bool,
    /// It was on a stream that ended without a word about it. No later refusal takes that back: a full topic, for example, refuses also what
    /// it has stored.
    in_doubt: bool,
}

impl Reply {
    pub(super) fn new(future: oneshot::Sender<Outcome>) -> Self {
        Self { future: Some(future), on_its_way: false, in_doubt: false }
    }

    /// It goes on a stream.
    pub(super) fn sent(&mut self) {
        self.on_its_way = true;
    }

    /// The stream has ended; `undone`: and it is certain that nothing was stored from it.
    pub(super) fn stream_ended(&mut self, undone: bool) {
        self.in_doubt |= self.on_its_way && !undone;
        self.on_its_way = false;
    }

    pub(super) fn resolve(mut self, outcome: Outcome) {
        self.send(outcome);
    }

    fn send(&mut self, outcome: Outcome) {
        if let Some(future) = self.future.take() {
            // Whoever dropped the future does not want to know.
            _ = future.send(outcome);
        }
    }

    /// The outcome of one that the broker refuses for good.
    pub(super) fn refused(&self, error: &ServerError) -> PublishError {
        self.unless_in_doubt(error, PublishError::Refused)
    }

    /// The outcome of one that was tried for long enough.
    pub(super) fn given_up(&self, error: &ServerError) -> PublishError {
        self.unless_in_doubt(error, PublishError::GivenUp)
    }

    /// The outcome of one that comes after another with the same key, which failed with this error.
    pub(super) fn key_paused(&self, key: &str, error: &ServerError) -> PublishError {
        self.unless_in_doubt(error, |_| PublishError::KeyPaused { ordering_key: key.to_owned() })
    }

    fn unless_in_doubt(
        &self,
        error: &ServerError,
        certain: impl FnOnce(ServerError) -> PublishError,
    ) -> PublishError {
        match self.on_its_way || self.in_doubt {
            true => PublishError::Unconfirmed(error.clone()),
            false => certain(error.clone()),
        }
    }
}

impl Drop for Reply {
    /// The publisher's task was ended, by the end of its runtime.
    fn drop(&mut self) {
        let outcome = match self.on_its_way || self.in_doubt {
            true => PublishError::Unconfirmed(ServerError::local(
                Code::Cancelled,
                "the publisher's runtime has ended",
            )),
            false => PublishError::ShutDown,
        };
        self.send(Err(outcome));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::publisher::MessageFate;

    fn fate(prepare: impl FnOnce(&mut Reply)) -> MessageFate {
        let (sender, mut future) = oneshot::channel();
        let mut reply = Reply::new(sender);
        prepare(&mut reply);
        let error = ServerError::local(Code::NotFound, "gone");
        let fates = [reply.refused(&error), reply.given_up(&error), reply.key_paused("k", &error)];
        drop(reply);
        let dropped = future.try_recv().expect("a dropped one says so").unwrap_err();
        assert!(fates.iter().all(|error| error.fate() == dropped.fate()), "{fates:?}, {dropped:?}");
        dropped.fate()
    }

    #[test]
    fn what_was_never_sent_or_surely_undone_is_not_stored() {
        assert_eq!(fate(|_| ()), MessageFate::NotStored);
        let undone = |reply: &mut Reply| {
            reply.sent();
            reply.stream_ended(true);
        };
        assert_eq!(fate(undone), MessageFate::NotStored);
    }

    #[test]
    fn what_was_sent_without_an_answer_stays_in_doubt_whatever_is_refused_later() {
        assert_eq!(fate(Reply::sent), MessageFate::Unknown);
        let refused_later = |reply: &mut Reply| {
            reply.sent();
            reply.stream_ended(false);
            reply.sent();
            reply.stream_ended(true);
        };
        assert_eq!(fate(refused_later), MessageFate::Unknown);
    }
}
