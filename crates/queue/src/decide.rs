//! Decisions: what a command or the time means, as records. Nothing here changes the queue.

use std::time::Duration;

use types::{Sequence, Timestamp, limits};

use crate::{
    ExpiryReason, Failure, FailureCause, LeaseError, LeaseRef, LeaseRun, Queue, Record,
    dead_letter::{Verdict, Wait},
    window::Entry,
};

/// The index of a claim in its call.
pub(crate) type ClaimIndex = usize;

impl Queue {
    /// What an acknowledgement means: adds one outcome per claim to `outcomes` (of a claim that is repeated the
    /// second is [`LeaseError::AlreadySettled`]), and gives one record for those that hold.
    pub fn decide_ack(
        &self,
        now: Timestamp,
        claims: &[LeaseRef],
        outcomes: &mut Vec<Result<(), LeaseError>>,
    ) -> Option<Record> {
        let held = self.judge(claims.iter().copied(), outcomes, |_, claim, near| self.held(now, claim, near));
        Record::settled(held.into_iter().map(|(sequence, _)| sequence))
    }

    /// The same for leases that were given out together; only claims that do not hold are told of, in `refused`, by their place among
    /// all claims of the call. Cheapest if they come in the order of their sequences.
    pub fn decide_ack_runs(
        &self,
        now: Timestamp,
        runs: &[LeaseRun<'_>],
        refused: &mut Vec<(usize, LeaseError)>,
    ) -> Option<Record> {
        let claims = || runs.iter().flat_map(LeaseRun::claims);
        if !claims().is_sorted_by(|earlier, later| earlier.sequence < later.sequence) {
            let (claims, mut outcomes): (Vec<_>, _) = (claims().collect(), Vec::new());
            let record = self.decide_ack(now, &claims, &mut outcomes);
            let refusals = outcomes.into_iter().enumerate();
            refused.extend(refusals.filter_map(|(index, outcome)| Some((index, outcome.err()?))));
            return record;
        }
        let mut near = 0;
        let held = claims().enumerate().filter_map(|(index, claim)| match self.held(now, claim, near) {
            Ok(at) => {
                near = at + 1;
                Some(claim.sequence)
            }
            Err(error) => {
                refused.push((index, error));
                None
            }
        });
        Record::settled(held)
    }

    /// What giving messages back means: outcomes as in [`decide_ack`](Self::decide_ack), and a record for each claim
    /// that holds. A claim's delay is until the next attempt, instead of the retry policy's.
    pub fn decide_nack(
        &self,
        now: Timestamp,
        claims: &[(LeaseRef, Option<Duration>)],
        outcomes: &mut Vec<Result<(), LeaseError>>,
    ) -> Vec<Record> {
        let held = self.judge(claims.iter().map(|(claim, _)| *claim), outcomes, |_, claim, near| {
            self.held(now, claim, near)
        });
        let mut verdict = self.verdict(Failure { at: now, cause: FailureCause::Nack });
        let entries = held
            .into_iter()
            .filter_map(|(sequence, claim)| Some((self.window.entry(sequence)?, claims[claim].1)));
        entries.map(|(entry, delay)| verdict.on(entry, delay.map_or(Wait::Policy, Wait::Instead))).collect()
    }

    /// What time alone has done by `now`: leases that ran out (a failed attempt each), messages that expired. A
    /// message whose life ended under its lease expires when the lease ends. At most `limit` messages.
    pub fn decide_due(&self, now: Timestamp, limit: usize) -> Vec<Record> {
        let window = &self.window;
        let mut sequences =
            self.lease_ends.due(now, limit, |span| window.at_time(span, Entry::lease_ends_at));
        let limit = limit - sequences.len();
        sequences.extend(self.expiries.due(now, limit, |span| window.at_time(span, Entry::expires_at)));

        let mut verdict = self.verdict(Failure { at: now, cause: FailureCause::LeaseExpired });
        let mut records = Vec::new();
        let mut expired = Vec::new();
        for entry in sequences.into_iter().filter_map(|sequence| self.window.entry(sequence)) {
            if entry.is_past_its_life(now) {
                expired.push((entry.offer.expiry, entry.offer.sequence));
            } else {
                records.push(verdict.on(entry, Wait::Policy));
            }
        }
        records.extend(by_reason(&expired));
        records
    }

    /// What retention passing over everything below a sequence means; `unread` of it was never read. None if that
    /// changes nothing. Dead letters stay.
    pub fn decide_trim(&self, below: Sequence, unread: u64, reason: ExpiryReason) -> Option<Record> {
        let in_window = self.window.iter().take_while(|entry| entry.offer.sequence < below).count() as u64;
        let changes = below > self.cursor || in_window > 0 || unread > 0;
        changes.then_some(Record::Trimmed { below, unread, reason, in_window })
    }

    /// The mark to make durable before the next lease may go out, if one is needed.
    ///
    /// It runs ahead of the cursor, so that one is needed once in [`limits::DELIVERY_MARK_STEP`] positions.
    pub fn decide_mark(&self) -> Option<Record> {
        let delivers = self.ready > 0 && !self.paused;
        let reaches_mark = self.window.last().is_some_and(|last| last >= self.delivery_mark);
        let below = self.cursor.saturating_add(limits::DELIVERY_MARK_STEP);
        (delivers && reaches_mark).then_some(Record::DeliveryMark { below })
    }

    pub(crate) fn verdict(&self, failure: Failure) -> Verdict<'_> {
        let room = limits::DEAD_LETTERS.saturating_sub(self.dead_letters.len());
        Verdict { uid: self.uid, settings: &self.settings, failure, dead_letter_room: room }
    }

    /// One outcome per claim; the messages of those that hold, ascending and without repetition. `hold` says where the message of a
    /// claim is, if it gives the right to what is asked; it also gets the claim's index, and near which index of the window to look.
    pub(crate) fn judge(
        &self,
        claims: impl ExactSizeIterator<Item = LeaseRef>,
        outcomes: &mut Vec<Result<(), LeaseError>>,
        hold: impl Fn(ClaimIndex, LeaseRef, usize) -> Result<usize, LeaseError>,
    ) -> Vec<(Sequence, ClaimIndex)> {
        let first_outcome = outcomes.len();
        let mut held = Vec::with_capacity(claims.len());
        let mut near = 0;
        for (index, claim) in claims.enumerate() {
            let outcome = hold(index, claim, near);
            if let Ok(at) = outcome {
                held.push((claim.sequence, index));
                near = at + 1;
            }
            outcomes.push(outcome.map(|_| ()));
        }
        // Claims mostly come as they were leased: ascending.
        if !held.is_sorted_by(|earlier, later| earlier.0 < later.0) {
            held.sort_unstable();
            held.dedup_by(|later, first| {
                let repeated = later.0 == first.0;
                if repeated {
                    outcomes[first_outcome + later.1] = Err(LeaseError::AlreadySettled);
                }
                repeated
            });
        }
        held
    }
}

/// One record for each reason that occurs, its messages ascending.
fn by_reason(expired: &[(ExpiryReason, Sequence)]) -> impl Iterator<Item = Record> {
    use ExpiryReason::{Damaged, MessageExpiry, RetentionAge, RetentionBytes};
    [MessageExpiry, RetentionAge, RetentionBytes, Damaged].into_iter().filter_map(|reason| {
        let of_reason = expired.iter().filter(|(other, _)| *other == reason);
        let mut sequences: Vec<_> = of_reason.map(|(_, sequence)| *sequence).collect();
        sequences.sort_unstable();
        (!sequences.is_empty()).then_some(Record::Expired { sequences, reason })
    })
}
