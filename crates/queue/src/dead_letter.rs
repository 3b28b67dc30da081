//! What a failed attempt leads to: another attempt, the dead-letter store, or the end.

use std::time::Duration;

use types::{ExhaustedAction, SubscriptionSettings, SubscriptionUid};

use crate::{
    Failure, Record,
    retry::{self, Seed},
    window::Entry,
};

/// How long until the next attempt.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Wait {
    /// As the retry policy says.
    Policy,
    /// This instead.
    Instead(Duration),
    /// As the retry policy says, but not less.
    AtLeast(Duration),
}

/// Judges the failures of one call, which all happened at the same time.
pub(crate) struct Verdict<'a> {
    pub(crate) uid: SubscriptionUid,
    pub(crate) settings: &'a SubscriptionSettings,
    pub(crate) failure: Failure,
    /// What the store still takes, after the verdicts so far.
    pub(crate) dead_letter_room: usize,
}

impl Verdict<'_> {
    /// The attempt failed.
    pub(crate) fn on(&mut self, entry: &Entry, wait: Wait) -> Record {
        let failed_attempts = entry.failed_attempts().saturating_add(1);
        if failed_attempts >= self.settings.attempts() {
            return self.on_exhausted(entry);
        }
        let seed = Seed { uid: self.uid, sequence: entry.offer.sequence };
        let policy = || retry::backoff(&self.settings.retry, seed, failed_attempts);
        let wait = match wait {
            Wait::Policy => policy(),
            Wait::Instead(delay) => delay,
            Wait::AtLeast(least) => policy().max(least),
        };
        self.again(entry, wait)
    }

    /// There is no further attempt.
    pub(crate) fn on_exhausted(&mut self, entry: &Entry) -> Record {
        let sequence = entry.offer.sequence;
        let failure = self.failure;
        match self.settings.when_exhausted {
            ExhaustedAction::Drop => Record::Dropped { sequence, failure },
            ExhaustedAction::DeadLetter if self.dead_letter_room > 0 => {
                self.dead_letter_room -= 1;
                Record::DeadLettered { sequence, failure }
            }
            // Losing the message is no option, and neither is a store without a limit.
            ExhaustedAction::DeadLetter => self.again(entry, retry::longest(&self.settings.retry)),
        }
    }

    fn again(&self, entry: &Entry, wait: Duration) -> Record {
        let sequence = entry.offer.sequence;
        Record::AttemptFailed { sequence, failure: self.failure, retry_at: self.failure.at.plus(wait) }
    }
}
