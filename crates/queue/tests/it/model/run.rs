//! Does each operation to the queue, as a broker would, and to the model, and compares.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use proptest::sample::Index;
use queue::{
    Ask, ExpiryReason, FailureCause, LeaseError, LeaseRef, LeaseRun, Offer, Queue, Record, Report, Snapshot,
};
use types::{
    KeyHash, LeaseId, Sequence, SubscriptionSettings, Timestamp,
    push::{AttemptClass, AttemptVerdict},
};

use super::{
    audit::Audit,
    naive::{Model, Next, subject},
    op::{Op, Pick, Publish, Twist},
};
use crate::support::{UID, acknowledged, lease};

/// Where the subscription begins.
const START: Sequence = 5;

/// Of every failure that is reported.
const CAUSE: FailureCause = FailureCause::Push { class: AttemptClass::Retryable, status: Some(503) };

pub(crate) struct Run {
    queue: Queue,
    model: Model,
    audit: Audit,
    now: Timestamp,
    boot: u32,
    /// The next position of the log.
    end: Sequence,
    /// Every lease that was ever given out.
    claims: Vec<LeaseRef>,
    checkpoint: Option<Vec<u8>>,
    /// Since the checkpoint.
    records: Vec<Record>,
}

impl Run {
    pub(crate) fn new(settings: SubscriptionSettings) -> Self {
        Self {
            queue: Queue::new(UID, settings.clone(), START, 1),
            audit: Audit::new(settings.attempts()),
            model: Model::new(settings, START),
            now: Timestamp::from_millis(1_000),
            boot: 1,
            end: START,
            claims: Vec::new(),
            checkpoint: None,
            records: Vec::new(),
        }
    }

    pub(crate) fn step(&mut self, op: &Op) {
        match op {
            Op::Publish(messages) => messages.iter().for_each(|message| self.publish(message)),
            Op::Read { most } => self.read(*most),
            Op::Lease { messages, bytes, marks } => self.lease(*messages, *bytes, *marks),
            Op::Leasable => self.leasable(),
            Op::Ack(picks) => self.ack(picks),
            Op::Nack(picks) => self.nack(picks),
            Op::Extend(pick, by) => self.extend(pick, *by),
            Op::Release(pick) => self.release(pick),
            Op::Report(reports) => self.report(reports),
            Op::Advance(by) => self.now = self.now.plus(Duration::from_millis(*by)),
            Op::Due { limit } => self.due(*limit),
            Op::Seek(to) => self.seek(to),
            Op::Trim(below) => self.trim(below),
            Op::FilterOut(which) => self.filter_out(which),
            Op::Pause => self.pause(true),
            Op::Resume => self.pause(false),
            Op::Settings(settings) => self.set_settings(settings),
            Op::Checkpoint => self.checkpoint(),
            Op::Crash => self.crash(),
        }
        self.compare();
    }

    fn publish(&mut self, publish: &Publish) {
        self.end += publish.gap;
        let at = |after: u64| self.now.plus(Duration::from_millis(after));
        let (expire_at, by_age) = publish.life.map_or((Timestamp::MAX, false), |(life, age)| (at(life), age));
        let offer = Offer {
            sequence: self.end,
            bytes: publish.bytes,
            key: publish.key.map(KeyHash),
            deliver_at: if publish.delay == 0 { Timestamp::EPOCH } else { at(publish.delay) },
            expire_at,
            expiry: if by_age { ExpiryReason::RetentionAge } else { ExpiryReason::MessageExpiry },
        };
        self.end += 1;
        self.audit.published(&offer);
        self.model.publish(offer);
    }

    /// All that the log has from the cursor on, settled or not, up to `most` messages.
    fn read(&mut self, most: usize) {
        let from = self.queue.cursor();
        let offers: Vec<_> = self.log_from(from).take(most).collect();
        let to = if offers.len() < most { from.max(self.end) } else { offers[most - 1].sequence + 1 };
        self.queue.read_on(&offers, to);
        self.model.cursor = to;
    }

    fn log_from(&self, from: Sequence) -> impl Iterator<Item = Offer> {
        self.model.messages.iter().map(|m| m.offer).filter(move |offer| offer.sequence >= from)
    }

    fn lease(&mut self, max_messages: usize, max_bytes: u64, marks: bool) {
        if marks {
            self.leasable();
            if let Some(mark) = self.queue.decide_mark() {
                self.write(mark);
            }
        }
        let ask = Ask { max_messages, max_bytes };
        let expected = self.model.lease(self.now, ask);
        let leased = lease(&mut self.queue, self.now, ask);
        self.model.seen = self.now;
        let found: Vec<_> = leased.iter().map(|l| (l.sequence, l.attempt, l.first_delivery)).collect();
        assert_eq!(found, expected, "what a lease gives");
        for lease in &leased {
            assert!(self.claims.last().is_none_or(|last| last.lease < lease.lease), "leases increase");
            assert_eq!(lease.deadline, self.now.plus(self.model.settings.ack_deadline));
            self.claims.push(LeaseRef { sequence: lease.sequence, lease: lease.lease });
            self.model.was_leased(lease.sequence, lease.lease, lease.deadline);
            self.audit.delivered(lease, self.model.settings.ordered);
        }
        if marks && max_messages > 0 && self.model.leasable(self.now) > 0 && leased.is_empty() {
            panic!("once the mark is durable what is leasable is leased");
        }
    }

    fn leasable(&mut self) {
        assert_eq!(self.queue.leasable(self.now), self.model.leasable(self.now), "what is leasable");
        self.model.seen = self.now;
    }

    fn claim(&self, pick: &Pick) -> LeaseRef {
        let index = self.claims.len().saturating_sub(1 + pick.back);
        let claim = self.claims.get(index).copied();
        let claim = claim.unwrap_or(LeaseRef { sequence: START, lease: LeaseId(0) });
        match pick.twist {
            Twist::None => claim,
            Twist::OtherLease => LeaseRef { lease: LeaseId(claim.lease.0 + 1), ..claim },
            Twist::OtherMessage => LeaseRef { sequence: claim.sequence + 1, ..claim },
        }
    }

    fn ack(&mut self, picks: &[Pick]) {
        let claims: Vec<_> = picks.iter().map(|pick| self.claim(pick)).collect();
        let expected = self.model.check_all(self.now, &claims);
        let mut outcomes = Vec::new();
        let before = self.queue.snapshot();
        let record = self.queue.decide_ack(self.now, &claims, &mut outcomes);
        assert_eq!(before, self.queue.snapshot(), "deciding changes nothing");
        assert_eq!(outcomes, expected, "the outcomes of {claims:?}");
        let held = claims.iter().zip(&expected).filter(|(_, outcome)| outcome.is_ok());
        let held: BTreeSet<_> = held.map(|(claim, _)| claim.sequence).collect();
        for sequence in &held {
            self.model.settle(*sequence);
            self.model.totals.acked += 1;
        }
        let sequences: Vec<_> = held.into_iter().collect();
        let expected = (!sequences.is_empty()).then_some(sequences);
        assert_eq!(record.as_ref().and_then(acknowledged), expected, "the record of an ack");
        self.compare_ack_in_runs(&claims, &outcomes, record.as_ref());
        record.into_iter().for_each(|record| self.write(record));
    }

    /// The same claims as runs, here of one each and there all together, decide the same.
    fn compare_ack_in_runs(
        &self,
        claims: &[LeaseRef],
        outcomes: &[Result<(), LeaseError>],
        record: Option<&Record>,
    ) {
        let messages: Vec<_> = claims.iter().map(|claim| (claim.sequence, 7)).collect();
        let follow = |claims: &[LeaseRef]| claims[1].lease.0 == claims[0].lease.0 + 1;
        let mut runs: Vec<LeaseRun<'_>> = Vec::new();
        for (index, claim) in claims.iter().enumerate() {
            match runs.last_mut().filter(|_| follow(&claims[index - 1..=index])) {
                Some(run) => run.messages = &messages[index - run.messages.len()..=index],
                None => runs.push(LeaseRun { first_lease: claim.lease, messages: &messages[index..=index] }),
            }
        }
        let mut refused = Vec::new();
        assert_eq!(self.queue.decide_ack_runs(self.now, &runs, &mut refused).as_ref(), record);
        let expected = outcomes.iter().enumerate().filter_map(|(at, outcome)| Some((at, outcome.err()?)));
        assert_eq!(refused, expected.collect::<Vec<_>>(), "what is refused of {claims:?}");
    }

    fn nack(&mut self, picks: &[(Pick, Option<u64>)]) {
        let asked: Vec<_> = picks.iter().map(|(pick, delay)| (self.claim(pick), *delay)).collect();
        let claims: Vec<_> = asked.iter().map(|(claim, _)| *claim).collect();
        let expected = self.model.check_all(self.now, &claims);
        let mut outcomes = Vec::new();
        let before = self.queue.snapshot();
        let durations: Vec<_> =
            asked.iter().map(|(c, delay)| (*c, delay.map(Duration::from_millis))).collect();
        let records = self.queue.decide_nack(self.now, &durations, &mut outcomes);
        assert_eq!(before, self.queue.snapshot(), "deciding changes nothing");
        assert_eq!(outcomes, expected, "the outcomes of {claims:?}");
        assert_eq!(records.len(), expected.iter().filter(|outcome| outcome.is_ok()).count());
        for record in records {
            let sequence = subject(&record);
            let (_, delay) =
                asked.iter().find(|(claim, _)| claim.sequence == sequence && self.holds(*claim)).unwrap();
            let next = delay.map_or(Next::Policy, Next::After);
            assert_eq!(self.model.fail(&record, self.now, next), sequence);
            self.write(record);
        }
    }

    fn holds(&self, claim: LeaseRef) -> bool {
        self.model.check(self.now, claim).is_ok()
    }

    fn extend(&mut self, pick: &Pick, by: u64) {
        let claim = self.claim(pick);
        let by = Duration::from_millis(by);
        let deadline = self.now.plus(by);
        let expected = self.model.check(self.now, claim).map(|()| deadline);
        assert_eq!(self.queue.extend(self.now, claim, by), expected);
        if expected.is_ok() {
            self.model.extend(claim, deadline);
        }
    }

    fn release(&mut self, pick: &Pick) {
        let claim = self.claim(pick);
        self.queue.release(claim);
        self.model.release(claim, None);
    }

    fn report(&mut self, picks: &[(Pick, AttemptVerdict)]) {
        let asked: Vec<_> = picks.iter().map(|(pick, verdict)| (self.claim(pick), *verdict)).collect();
        let expected = self.model.check_reports(self.now, &asked);
        let before = self.queue.snapshot();
        let reports =
            asked.iter().map(|(claim, verdict)| Report { claim: *claim, verdict: *verdict, cause: CAUSE });
        let mut outcomes = Vec::new();
        let decided = self.queue.decide_report(self.now, &reports.collect::<Vec<_>>(), &mut outcomes);
        assert_eq!(before, self.queue.snapshot(), "deciding changes nothing");
        assert_eq!(outcomes, expected, "the outcomes of {asked:?}");
        let held = asked.iter().zip(&expected).filter(|(_, outcome)| outcome.is_ok());
        let mut held: BTreeMap<_, _> = held.map(|((claim, verdict), _)| (claim.sequence, *verdict)).collect();
        for record in decided.records {
            if let Some(sequences) = acknowledged(&record) {
                assert!(sequences.is_sorted(), "settled messages ascend");
                for sequence in &sequences {
                    let verdict = held.remove(sequence);
                    use AttemptVerdict::{Acknowledge, AcknowledgeLate};
                    assert!(matches!(verdict, Some(Acknowledge | AcknowledgeLate { .. })), "{verdict:?}");
                    self.model.settle(*sequence);
                    self.model.totals.acked += 1;
                }
            } else {
                let next = next_of(held.remove(&subject(&record)).unwrap());
                self.model.fail(&record, self.now, next);
            }
            self.write(record);
        }
        for (claim, until) in decided.releases {
            let verdict = held.remove(&claim.sequence).unwrap();
            assert_eq!(verdict, AttemptVerdict::Release { after: until.since(self.now) });
            self.queue.release_until(claim, until);
            self.model.release(claim, Some(until));
        }
        assert!(held.is_empty(), "nothing came of {held:?}");
    }

    fn due(&mut self, limit: usize) {
        let (failed, expired) = self.model.due(self.now);
        let records = self.queue.decide_due(self.now, limit);
        let mut seen = BTreeSet::new();
        for record in records {
            match &record {
                Record::Expired { sequences, reason } => {
                    assert!(sequences.is_sorted(), "expired messages ascend");
                    for sequence in sequences {
                        assert!(expired.contains(sequence), "{sequence} is not past its life");
                        assert!(seen.insert(*sequence));
                        self.model.expire(*sequence, *reason);
                    }
                }
                failure => {
                    let sequence = self.model.fail(failure, self.now, Next::Policy);
                    assert!(failed.contains(&sequence), "the lease of {sequence} has not run out");
                    assert!(seen.insert(sequence));
                }
            }
            self.write(record);
        }
        assert_eq!(seen.len(), limit.min(failed.len() + expired.len()), "all that is due happens");
        if limit == usize::MAX {
            self.leasable();
            let deadline = self.queue.next_deadline();
            assert!(deadline.is_none_or(|deadline| deadline > self.now), "a deadline passes: {deadline:?}");
        }
    }

    fn seek(&mut self, to: &Index) {
        let to = START + to.index((self.end - START) as usize + 1) as u64;
        self.model.seek(to);
        self.write(Record::Sought { to });
    }

    fn trim(&mut self, below: &Index) {
        let below = START + below.index((self.end - START) as usize + 1) as u64;
        let unread = self.model.unread_below(below);
        let in_window = self.model.window().filter(|m| m.offer.sequence < below).count() as u64;
        let reason = ExpiryReason::RetentionBytes;
        let record = self.queue.decide_trim(below, unread, reason);
        let changes = below > self.model.cursor || in_window > 0;
        assert_eq!(record, changes.then_some(Record::Trimmed { below, unread, reason, in_window }));
        if let Some(record) = record {
            self.model.trim(below, reason);
            self.write(record);
        }
    }

    fn filter_out(&mut self, which: &[Index]) {
        let window: Vec<_> = self.model.window().map(|m| m.offer.sequence).collect();
        assert_eq!(self.queue.in_window(0).collect::<Vec<_>>(), window);
        if window.is_empty() {
            return;
        }
        let sequences: BTreeSet<_> = which.iter().map(|index| window[index.index(window.len())]).collect();
        for sequence in &sequences {
            self.model.settle(*sequence);
        }
        self.write(Record::FilteredOut { sequences: sequences.into_iter().collect() });
    }

    fn pause(&mut self, paused: bool) {
        self.model.paused = paused;
        self.write(if paused { Record::Paused } else { Record::Resumed });
    }

    fn set_settings(&mut self, settings: &SubscriptionSettings) {
        let ordered = self.model.settings.ordered;
        self.model.settings = SubscriptionSettings { ordered, ..settings.clone() };
        self.audit.attempts = self.audit.attempts.max(settings.attempts());
        self.queue.set_settings(settings.clone());
        assert_eq!(*self.queue.settings(), self.model.settings);
    }

    fn checkpoint(&mut self) {
        self.checkpoint = Some(postcard::to_stdvec(&self.queue.snapshot()).unwrap());
        self.model.durable_cursor = self.model.cursor;
        self.records.clear();
    }

    fn crash(&mut self) {
        let live = self.queue.snapshot();
        let cursor = self.queue.cursor();
        self.boot += 1;

        let mut caught_up = self.recovered();
        let offers: Vec<_> =
            self.log_from(caught_up.cursor()).filter(|offer| offer.sequence < cursor).collect();
        caught_up.read_on(&offers, cursor.max(caught_up.cursor()));
        assert_eq!(caught_up.snapshot(), live, "recovery and reading on give the same durable state");

        self.queue = self.recovered();
        self.model.crash(self.boot);
    }

    /// From the checkpoint, or from nothing, and the records since.
    fn recovered(&self) -> Queue {
        let settings = self.model.settings.clone();
        let mut queue = match &self.checkpoint {
            Some(bytes) => {
                let snapshot: Snapshot = postcard::from_bytes(bytes).unwrap();
                Queue::restore(UID, settings, snapshot, self.boot)
            }
            None => Queue::new(UID, settings, START, self.boot),
        };
        for record in &self.records {
            queue.apply(record);
            queue.assert_invariants();
        }
        queue
    }

    /// Appends and applies.
    fn write(&mut self, record: Record) {
        self.audit.recorded(&record);
        if let Record::DeliveryMark { below } = record {
            assert!(below > self.model.mark, "a mark moves up");
            self.model.mark = below;
        }
        self.queue.apply(&record);
        self.records.push(record);
    }

    fn compare(&self) {
        let (queue, model) = (&self.queue, &self.model);
        queue.assert_invariants();
        assert_eq!(queue.cursor(), model.cursor, "the cursor");
        assert_eq!(queue.is_paused(), model.paused);
        assert_eq!(queue.counts(self.now), model.counts(self.now), "the counts");
        assert_eq!(queue.next_deadline(), model.next_deadline(), "the next deadline");
        assert_eq!(queue.needed_below(u64::MAX), model.needed_below(u64::MAX), "what is needed");
        assert_eq!(queue.needed_below(START + 9), model.needed_below(START + 9), "what is needed early");
        let lowest = model.needed_below(u64::MAX).first().copied();
        assert_eq!(queue.floor(), lowest.unwrap_or(u64::MAX).min(model.cursor), "the floor");
        let oldest = model.window().map(|m| m.offer.sequence).next();
        assert_eq!(queue.oldest_unsettled(), oldest.unwrap_or(model.cursor), "the oldest unsettled");
        let ahead = model.messages.iter().filter(|m| !m.is_open() && m.offer.sequence >= model.cursor);
        let ahead = ahead.filter(|m| m.offer.sequence < START + 9).count() as u64;
        assert_eq!(queue.settled_ahead_below(START + 9), ahead, "what is settled ahead");
        let dead = model.messages.iter().filter_map(|m| m.dead.as_ref().map(|dead| (m.offer.sequence, dead)));
        assert!(queue.dead_letters().eq(dead), "the dead letters");
    }
}

/// What a verdict asks of the next attempt.
fn next_of(verdict: AttemptVerdict) -> Next {
    match verdict {
        AttemptVerdict::Retry { at_least } => {
            at_least.map_or(Next::Policy, |wait| Next::NotBefore(wait.as_millis() as u64))
        }
        AttemptVerdict::Reject => Next::Never,
        other => panic!("{other:?} is no failure"),
    }
}
