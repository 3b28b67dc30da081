//! What a failed attempt leads to: another attempt, the dead-letter store, or the end.

use std::time::Duration;

use types::{ExhaustedAction, SubscriptionSettings, SubscriptionUid};

use crate::{
    Failure, Record,
    retry::{self, Seed},
    window::Entry,
};

/// Judges the failures of one call, which all happened at the same time in the same way.
pub(crate) struct Verdict<'a> {
    pub(crate) uid: SubscriptionUid,
    pub(crate) settings: &'a SubscriptionSettings,
    pub(crate) failure: Failure,
    /// What the store still takes, after the verdicts so far.
    pub(crate) dead_letter_room: usize,
}

impl Verdict<'_> {
    /// `delay`: until the next attempt, instead of the retry policy's.
    pub(crate) fn on(&mut self, entry: &Entry, delay: Option<Duration>) -> Record {
        let failed_attempts = entry.failed_attempts().saturating_add(1);
        if failed_attempts >= self.settings.attempts() {
            return self.on_exhausted(entry);
        }
        let seed = Seed { uid: self.uid, sequence: entry.offer.sequence };
        let wait = delay.unwrap_or_else(|| retry::backoff(&self.settings.retry, seed, failed_attempts));
        self.again(entry, wait)
    }

    fn on_exhausted(&mut self, entry: &Entry) -> Record {
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
