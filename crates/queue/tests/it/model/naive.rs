//! The model: every message ever published, in a list. Slow and short, to be right at a glance.

use queue::{Ask, Counts, DeadLetter, ExpiryReason, Failure, LeaseError, LeaseRef, Offer, Record};
use types::{ExhaustedAction, LeaseId, Sequence, SubscriptionSettings, Timestamp, push::AttemptVerdict};

use super::op;

#[derive(Debug, Clone)]
pub(crate) struct Message {
    pub(crate) offer: Offer,
    /// Acked, dropped, expired, or passed over by a seek.
    pub(crate) settled: bool,
    pub(crate) dead: Option<DeadLetter>,
    pub(crate) failures: Vec<Failure>,
    retry_at: Timestamp,
    /// A worker gave it back, not to be delivered before.
    released_until: Option<Timestamp>,
    pub(crate) lease: Option<(LeaseId, Timestamp)>,
    /// By this process, since the last seek.
    delivered: bool,
}

#[derive(Debug)]
pub(crate) struct Model {
    pub(crate) messages: Vec<Message>,
    pub(crate) settings: SubscriptionSettings,
    pub(crate) cursor: Sequence,
    /// Where the cursor is after a crash.
    pub(crate) durable_cursor: Sequence,
    pub(crate) paused: bool,
    pub(crate) mark: Sequence,
    pub(crate) delivered_below: Sequence,
    pub(crate) fence: LeaseId,
    pub(crate) last_lease: Option<LeaseId>,
    /// No lease of this process is below.
    pub(crate) first_lease: LeaseId,
    /// When the queue was last told the time by a lease.
    pub(crate) seen: Timestamp,
    /// Only the totals.
    pub(crate) totals: Counts,
}

impl Model {
    pub(crate) fn new(settings: SubscriptionSettings, cursor: Sequence) -> Self {
        Self {
            messages: Vec::new(),
            settings,
            cursor,
            durable_cursor: cursor,
            paused: false,
            mark: cursor,
            delivered_below: cursor,
            fence: LeaseId(0),
            last_lease: None,
            first_lease: LeaseId(1 << 40),
            seen: Timestamp::EPOCH,
            totals: Counts::default(),
        }
    }

    pub(crate) fn publish(&mut self, offer: Offer) {
        self.messages.push(Message {
            offer,
            settled: false,
            dead: None,
            failures: Vec::new(),
            retry_at: Timestamp::EPOCH,
            released_until: None,
            lease: None,
            delivered: false,
        });
    }

    pub(crate) fn window(&self) -> impl Iterator<Item = &Message> {
        self.messages.iter().filter(|m| m.offer.sequence < self.cursor && m.is_open())
    }

    fn find(&mut self, sequence: Sequence) -> &mut Message {
        self.messages.iter_mut().find(|m| m.offer.sequence == sequence).unwrap()
    }

    fn in_window(&self, sequence: Sequence) -> Option<&Message> {
        self.window().find(|m| m.offer.sequence == sequence)
    }

    fn waits_for_key(&self, message: &Message) -> bool {
        self.settings.ordered
            && message.offer.key.is_some()
            && self
                .window()
                .any(|m| m.offer.key == message.offer.key && m.offer.sequence < message.offer.sequence)
    }

    fn is_due(&self, message: &Message, now: Timestamp) -> bool {
        message.lease.is_none()
            && message.rests_until() <= now
            && message.offer.expire_at > now
            && !self.waits_for_key(message)
    }

    fn in_flight_room(&self) -> usize {
        let leased = self.window().filter(|m| m.lease.is_some()).count();
        (self.settings.max_in_flight as usize).saturating_sub(leased)
    }

    pub(crate) fn leasable(&self, now: Timestamp) -> usize {
        let due = self.window().filter(|m| self.is_due(m, now)).count();
        if self.paused { 0 } else { due.min(self.in_flight_room()) }
    }

    /// The messages that a lease must give, with their attempt and whether it is certainly the first.
    pub(crate) fn lease(&self, now: Timestamp, ask: Ask) -> Vec<(Sequence, u32, bool)> {
        if self.paused {
            return Vec::new();
        }
        let mut bytes = 0;
        let due = self.window().filter(|m| self.is_due(m, now)).take_while(|m| m.offer.sequence < self.mark);
        due.take(self.in_flight_room().min(ask.max_messages))
            .enumerate()
            .take_while(|(index, m)| {
                bytes += u64::from(m.offer.bytes);
                *index == 0 || bytes <= ask.max_bytes
            })
            .map(|(_, m)| {
                let first = m.failures.is_empty() && !m.delivered && m.offer.sequence >= self.delivered_below;
                (m.offer.sequence, m.failures.len() as u32 + 1, first)
            })
            .collect()
    }

    pub(crate) fn was_leased(&mut self, sequence: Sequence, lease: LeaseId, deadline: Timestamp) {
        let message = self.find(sequence);
        message.lease = Some((lease, deadline));
        message.delivered = true;
        self.last_lease = Some(lease);
        self.totals.deliveries += 1;
    }

    pub(crate) fn check(&self, now: Timestamp, claim: LeaseRef) -> Result<(), LeaseError> {
        if claim.lease < self.fence {
            return Err(LeaseError::FencedBySeek);
        }
        let Some(message) = self.in_window(claim.sequence) else { return self.check_outside(claim) };
        match message.lease {
            None => Err(LeaseError::Expired),
            Some((lease, _)) if lease != claim.lease => Err(LeaseError::Superseded),
            Some((_, deadline)) if deadline <= now => Err(LeaseError::Expired),
            Some(_) => Ok(()),
        }
    }

    /// Whether a success that comes after its attempt was counted as failed settles the message.
    fn check_late(&self, claim: LeaseRef, failed_attempts: u32) -> Result<(), LeaseError> {
        if claim.lease < self.fence {
            return Err(LeaseError::FencedBySeek);
        }
        let Some(message) = self.in_window(claim.sequence) else { return self.check_outside(claim) };
        let failures = message.failures.len() as u32;
        if message.lease.is_some() || failures == 0 || failures != failed_attempts {
            return Err(LeaseError::Superseded);
        }
        let of_this_process = claim.lease >= self.first_lease;
        if of_this_process { Ok(()) } else { Err(LeaseError::Expired) }
    }

    fn check_outside(&self, claim: LeaseRef) -> Result<(), LeaseError> {
        let known = self.messages.iter().find(|m| m.offer.sequence == claim.sequence);
        let settled = claim.sequence < self.cursor || known.is_some_and(|m| !m.is_open());
        Err(if settled { LeaseError::AlreadySettled } else { LeaseError::Expired })
    }

    /// The outcomes of several reports in one call.
    pub(crate) fn check_reports(
        &self,
        now: Timestamp,
        reports: &[(LeaseRef, AttemptVerdict)],
    ) -> Vec<Result<(), LeaseError>> {
        let check = |(claim, verdict): &(LeaseRef, AttemptVerdict)| match verdict {
            AttemptVerdict::AcknowledgeLate { failed_attempts } => self.check_late(*claim, *failed_attempts),
            _ => self.check(now, *claim),
        };
        let mut held = Vec::new();
        let once = |report: &(LeaseRef, AttemptVerdict)| {
            check(report)?;
            if held.contains(&report.0.sequence) {
                return Err(LeaseError::AlreadySettled);
            }
            held.push(report.0.sequence);
            Ok(())
        };
        reports.iter().map(once).collect()
    }

    /// The outcomes of several claims in one call.
    pub(crate) fn check_all(&self, now: Timestamp, claims: &[LeaseRef]) -> Vec<Result<(), LeaseError>> {
        (0..claims.len())
            .map(|index| {
                let outcome = self.check(now, claims[index]);
                let repeated = outcome.is_ok() && claims[..index].contains(&claims[index]);
                if repeated { Err(LeaseError::AlreadySettled) } else { outcome }
            })
            .collect()
    }

    pub(crate) fn extend(&mut self, claim: LeaseRef, deadline: Timestamp) {
        self.find(claim.sequence).lease = Some((claim.lease, deadline));
    }

    pub(crate) fn release(&mut self, claim: LeaseRef, until: Option<Timestamp>) {
        let held =
            self.in_window(claim.sequence).and_then(|m| m.lease).is_some_and(|(id, _)| id == claim.lease);
        if held {
            self.find(claim.sequence).lease = None;
            self.find(claim.sequence).released_until = until;
        }
    }

    pub(crate) fn settle(&mut self, sequence: Sequence) {
        let message = self.find(sequence);
        assert!(message.is_open(), "{sequence} is settled once");
        message.settled = true;
        message.lease = None;
    }

    /// A failed attempt; `record` is what the queue decided, which must be one of what is allowed.
    pub(crate) fn fail(&mut self, record: &Record, at: Timestamp, next: Next) -> Sequence {
        let sequence = subject(record);
        let spent = self.find(sequence).failures.len() as u32 + 1 >= self.settings.attempts();
        let exhausted = spent || next == Next::Never;
        let action = exhausted.then_some(self.settings.when_exhausted);
        self.totals.failed_attempts += 1;
        match record {
            Record::AttemptFailed { failure, retry_at, .. } => {
                assert_eq!(action, None, "an exhausted message is not tried again");
                assert_wait(retry_at.since(at).as_millis() as u64, next);
                self.find(sequence).fail(*failure, at);
                self.find(sequence).retry_at = *retry_at;
            }
            Record::DeadLettered { failure, .. } => {
                assert_eq!(action, Some(ExhaustedAction::DeadLetter));
                self.find(sequence).fail(*failure, at);
                self.find(sequence).bury(at);
                self.totals.dead_lettered += 1;
            }
            _ => {
                assert_eq!(action, Some(ExhaustedAction::Drop));
                self.settle(sequence);
                self.totals.dropped += 1;
            }
        }
        sequence
    }

    /// Whose lease ran out, and who is past its life, at `now`.
    pub(crate) fn due(&self, now: Timestamp) -> (Vec<Sequence>, Vec<Sequence>) {
        let ended = |m: &&Message| m.lease.is_none_or(|(_, deadline)| deadline <= now);
        let (expired, rest): (Vec<_>, Vec<_>) =
            self.window().filter(ended).partition(|m| m.offer.expire_at <= now);
        let failed = rest.into_iter().filter(|m| m.lease.is_some());
        (failed.map(|m| m.offer.sequence).collect(), expired.into_iter().map(|m| m.offer.sequence).collect())
    }

    pub(crate) fn expire(&mut self, sequence: Sequence, reason: ExpiryReason) {
        assert_eq!(self.find(sequence).offer.expiry, reason);
        self.settle(sequence);
        self.count_expired(reason, 1);
    }

    fn count_expired(&mut self, reason: ExpiryReason, messages: u64) {
        match reason {
            ExpiryReason::MessageExpiry => self.totals.expired_message += messages,
            ExpiryReason::RetentionAge => self.totals.expired_age += messages,
            ExpiryReason::RetentionBytes => self.totals.expired_bytes += messages,
            ExpiryReason::Damaged => self.totals.damaged += messages,
        }
    }

    /// Messages below that were not read yet and are still to be delivered.
    pub(crate) fn unread_below(&self, below: Sequence) -> u64 {
        let unread = |m: &&Message| m.is_open() && (self.cursor..below).contains(&m.offer.sequence);
        self.messages.iter().filter(unread).count() as u64
    }

    pub(crate) fn trim(&mut self, below: Sequence, reason: ExpiryReason) {
        let open: Vec<_> = self
            .messages
            .iter()
            .filter(|m| m.is_open() && m.offer.sequence < below)
            .map(|m| m.offer.sequence)
            .collect();
        for sequence in &open {
            self.settle(*sequence);
        }
        self.count_expired(reason, open.len() as u64);
        self.cursor = self.cursor.max(below);
        self.durable_cursor = self.durable_cursor.max(below);
    }

    pub(crate) fn seek(&mut self, to: Sequence) {
        for message in &mut self.messages {
            message.settled = message.dead.is_none() && message.offer.sequence < to;
            message.lease = None;
            message.released_until = None;
            message.delivered = false;
            if message.dead.is_none() {
                message.failures.clear();
                message.retry_at = Timestamp::EPOCH;
            }
        }
        self.cursor = to;
        self.durable_cursor = to;
        self.delivered_below = self.mark;
        if let Some(lease) = self.last_lease {
            self.fence = LeaseId(lease.0 + 1);
        }
    }

    pub(crate) fn crash(&mut self, boot: u32) {
        self.first_lease = LeaseId(u64::from(boot) << 40);
        for message in &mut self.messages {
            message.lease = None;
            message.released_until = None;
            message.delivered = false;
        }
        self.cursor = self.durable_cursor;
        self.delivered_below = self.mark;
        self.fence = LeaseId(0);
        self.last_lease = None;
        self.seen = Timestamp::EPOCH;
        self.totals.deliveries = 0;
    }

    pub(crate) fn counts(&self, now: Timestamp) -> Counts {
        let mut counts = self.totals;
        counts.dead_letters = self.messages.iter().filter(|m| m.dead.is_some()).count() as u64;
        counts.settled_ahead =
            self.messages.iter().filter(|m| !m.is_open() && m.offer.sequence >= self.cursor).count() as u64;
        for message in self.window() {
            if message.lease.is_some() {
                counts.leased += 1;
            } else if message.offer.expire_at <= now {
            } else if self.waits_for_key(message) {
                counts.waiting_for_key += 1;
            } else if message.rests_until() <= now {
                counts.ready += 1;
            } else if message.failures.is_empty() && message.released_until.is_none() {
                counts.delayed += 1;
            } else {
                counts.backing_off += 1;
            }
        }
        counts
    }

    pub(crate) fn next_deadline(&self) -> Option<Timestamp> {
        let of = |m: &Message| match m.lease {
            Some((_, deadline)) => Some(deadline),
            None => {
                let rests = m.rests_until() > self.seen && !self.paused && !self.waits_for_key(m);
                let expires = Some(m.offer.expire_at).filter(|at| *at < Timestamp::MAX);
                expires.into_iter().chain(rests.then(|| m.rests_until())).min()
            }
        };
        self.window().filter_map(of).min()
    }

    pub(crate) fn needed_below(&self, below: Sequence) -> Vec<Sequence> {
        let needed = |m: &&Message| m.dead.is_some() || (m.is_open() && m.offer.sequence < self.cursor);
        let sequences = self.messages.iter().filter(needed).map(|m| m.offer.sequence);
        sequences.filter(|sequence| *sequence < below).collect()
    }
}

/// The message that failed.
pub(crate) fn subject(record: &Record) -> Sequence {
    match record {
        Record::AttemptFailed { sequence, .. }
        | Record::DeadLettered { sequence, .. }
        | Record::Dropped { sequence, .. } => *sequence,
        other => panic!("no failure: {other:?}"),
    }
}

/// What is asked of the next attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    Policy,
    After(u64),
    NotBefore(u64),
    Never,
}

fn assert_wait(wait: u64, next: Next) {
    match next {
        Next::After(asked) => assert_eq!(wait, asked, "the asked delay is the wait"),
        Next::NotBefore(least) => {
            assert!(
                wait >= least && wait <= least.max(op::LONGEST_WAIT),
                "the wait is at least what was asked"
            );
        }
        Next::Policy => assert!(wait <= op::LONGEST_WAIT, "the wait is at most the longest backoff"),
        Next::Never => panic!("a rejected message is tried again"),
    }
}

impl Message {
    fn fail(&mut self, failure: Failure, at: Timestamp) {
        assert_eq!(failure.at, at);
        self.failures.push(failure);
        self.lease = None;
        self.released_until = None;
    }

    fn bury(&mut self, at: Timestamp) {
        let failed_attempts = self.failures.len() as u32;
        self.dead = Some(DeadLetter { at, failures: self.failures.clone(), failed_attempts });
    }

    /// Still to be delivered.
    pub(crate) fn is_open(&self) -> bool {
        !self.settled && self.dead.is_none()
    }

    fn rests_until(&self) -> Timestamp {
        let rests = if self.failures.is_empty() { self.offer.deliver_at } else { self.retry_at };
        self.released_until.map_or(rests, |until| until.max(rests))
    }
}
