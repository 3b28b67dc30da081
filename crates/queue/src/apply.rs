//! Applying records: the only way in which the durable state changes, live and in a replay alike.
//!
//! Total: no sequence of records panics or breaks an invariant. A record about a message that is settled already
//! does nothing. In a replay the queue has often not read as far as the records reach (how far it had read is
//! volatile); what they say is then kept ahead of the cursor until [`Queue::read_on`] comes to it.

use types::{Sequence, Timestamp};

use crate::{Failure, Queue, Record, failures::Failures, window::State};

/// A message that was to be delivered and now is not.
struct Ended {
    failures: Option<Box<Failures>>,
    /// It was not read yet.
    ahead: bool,
}

impl Queue {
    /// Applies one record.
    pub fn apply(&mut self, record: &Record) {
        match record {
            Record::Settled { sequences } => {
                let settled = self.settle(sequences);
                self.add_acked(settled);
            }
            Record::AttemptFailed { sequence, failure, retry_at } => {
                self.fail(*sequence, *failure, *retry_at);
            }
            Record::DeadLettered { sequence, failure } => self.dead_letter(*sequence, *failure),
            Record::Dropped { sequence, .. } => {
                let dropped = self.settle(&[*sequence]);
                self.totals.failed_attempts += dropped;
                self.totals.dropped += dropped;
            }
            Record::Expired { sequences, reason } => {
                let expired = self.settle(sequences);
                self.totals.add_expired(*reason, expired);
            }
            Record::Trimmed { below, unread, reason, in_window } => {
                self.totals.add_expired(*reason, unread.saturating_add(*in_window));
                self.trim(*below);
            }
            Record::Sought { to } => self.seek(*to),
            Record::Paused => self.paused = true,
            Record::Resumed => self.paused = false,
            Record::DeliveryMark { below } => self.raise_delivery_mark(*below),
            Record::FilteredOut { sequences } => {
                self.settle(sequences);
            }
            Record::SettledRuns { runs } => {
                let settled = self.settle_runs(runs);
                self.add_acked(settled);
            }
        }
        self.tidy();
    }

    fn add_acked(&mut self, messages: u64) {
        self.totals.acked = self.totals.acked.saturating_add(messages);
    }

    /// Ends messages for good; how many were not ended before.
    fn settle(&mut self, sequences: &[Sequence]) -> u64 {
        let mut settled = 0;
        let mut near = 0;
        for sequence in sequences {
            let Some(ended) = self.end(*sequence, &mut near) else { continue };
            if ended.ahead {
                self.settled_ahead.insert(*sequence);
            }
            settled += 1;
        }
        settled
    }

    /// The same for runs.
    fn settle_runs(&mut self, runs: &[(Sequence, u64)]) -> u64 {
        let (mut settled, mut near) = (0_u64, 0);
        for (first, count) in runs {
            let Some(last) = count.checked_sub(1).map(|more| first.saturating_add(more)) else { continue };
            near = self.window.search(*first, near);
            while self.window.get(near).is_some_and(|entry| entry.offer.sequence <= last) {
                if self.window[near].lives() {
                    self.withdraw(near);
                    settled += 1;
                }
                near += 1;
            }
            if last >= self.cursor {
                settled = settled.saturating_add(self.settle_ahead(self.cursor.max(*first), last));
            }
        }
        settled
    }

    /// Ends what was not read yet, but for dead letters; how many were not ended before.
    fn settle_ahead(&mut self, first: Sequence, last: Sequence) -> u64 {
        let failed: Vec<_> = self.failed_ahead.range(first..=last).map(|(sequence, _)| *sequence).collect();
        failed.iter().for_each(|sequence| drop(self.failed_ahead.remove(sequence)));
        let (mut from, mut settled) = (Some(first), 0_u64);
        for letter in self.dead_letters.range(first..=last).map(|(sequence, _)| *sequence) {
            if let Some(from) = from.filter(|from| *from < letter) {
                settled = settled.saturating_add(self.settled_ahead.insert_all(from, letter - 1));
            }
            from = letter.checked_add(1);
        }
        match from.filter(|from| *from <= last) {
            Some(from) => settled.saturating_add(self.settled_ahead.insert_all(from, last)),
            None => settled,
        }
    }

    fn fail(&mut self, sequence: Sequence, failure: Failure, retry_at: Timestamp) {
        if let Some(index) = self.window.find(sequence, 0) {
            let entry = &mut self.window[index];
            entry.failures = Some(Failures::and(entry.failures.take(), failure, retry_at));
            if entry.state != State::WaitingForKey {
                self.rest(index);
            }
        } else if self.is_settled(sequence) {
            return;
        } else {
            let failures = Failures::and(self.failed_ahead.remove(&sequence), failure, retry_at);
            self.failed_ahead.insert(sequence, failures);
        }
        self.totals.failed_attempts += 1;
    }

    fn dead_letter(&mut self, sequence: Sequence, failure: Failure) {
        let Some(ended) = self.end(sequence, &mut 0) else { return };
        let failures = Failures::and(ended.failures, failure, Timestamp::MAX);
        self.dead_letters.insert(sequence, failures.into_dead_letter(failure.at));
        self.totals.failed_attempts += 1;
        self.totals.dead_lettered += 1;
    }

    /// Takes a message away from where it is, if it is anywhere. `near`: the index where the one before was.
    fn end(&mut self, sequence: Sequence, near: &mut usize) -> Option<Ended> {
        if let Some(index) = self.window.find(sequence, *near) {
            *near = index;
            return Some(Ended { failures: self.withdraw(index), ahead: false });
        }
        if self.is_settled(sequence) {
            return None;
        }
        Some(Ended { failures: self.failed_ahead.remove(&sequence), ahead: true })
    }

    fn trim(&mut self, below: Sequence) {
        for index in 0..self.window.first_from(below) {
            if self.window[index].lives() {
                self.withdraw(index);
            }
        }
        self.move_cursor(self.cursor.max(below));
    }

    fn seek(&mut self, to: Sequence) {
        self.window = Default::default();
        self.lines.clear();
        self.backlog = Default::default();
        (self.ready, self.leased) = (0, 0);
        self.settled_ahead.clear();
        self.failed_ahead.clear();
        self.cursor = to;
        // In a replay no lease was given out yet, and which of the earlier ones came before the seek is not known.
        if self.deliveries > 0 {
            self.fence = self.next_lease;
        }
        self.delivered_below = self.delivery_mark;
    }

    /// A mark that is replayed tells of an earlier process: what it delivered is not known exactly.
    fn raise_delivery_mark(&mut self, below: Sequence) {
        self.delivery_mark = self.delivery_mark.max(below);
        if !self.live {
            self.delivered_below = self.delivery_mark;
        }
    }
}
