//! One subscription as its clients saw it: what each message has been through.

use std::collections::HashMap;

use super::{Rule, Violation, policies::Policies};
use crate::history::{Call, Delivered, Lease, Sequence, SettleKind, Settlement, Sought, SubscriptionRules};

/// What one message has been through at one subscription.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    pub(crate) ever_delivered: bool,
    pub(crate) deliveries: u32,
    pub(crate) last: Option<Last>,
    /// Nacks that were answered, since the last seek.
    pub(crate) failures: u32,
    /// When the last of them allows the next attempt, and which attempt that is.
    not_before: (u64, u32),
    /// It was returned until then.
    returned_until: u64,
    /// A rejection has begun, so it may be exhausted after any attempt.
    pub(crate) rejected: bool,
    /// Certainly over, since that line.
    pub(crate) over: Option<(Over, u64)>,
    /// Perhaps over, since that line.
    pub(crate) maybe_over: Option<u64>,
    /// The highest attempt that was delivered.
    pub(crate) highest: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Over {
    Acked,
    Exhausted,
}

/// The latest delivery.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Last {
    pub(crate) lease: Lease,
    pub(crate) attempt: u32,
    pub(crate) at: u64,
    pub(crate) line: u64,
    pub(crate) deadline: u64,
    /// A settlement of it has begun.
    pub(crate) given_up: bool,
    /// It was given back, or may have been, without an attempt that counts.
    returned: bool,
    epoch: u64,
}

#[derive(Debug)]
pub(crate) struct Subscription {
    pub(crate) rules: SubscriptionRules,
    /// The fewest attempts that the settings ever allowed.
    pub(crate) fewest_attempts: u32,
    pub(crate) created_line: u64,
    pub(crate) policies: Policies,
    /// The line of the first attempt to delete it that may have worked.
    pub(crate) deleting_since: Option<u64>,
    pub(crate) deleted: Option<u64>,
    /// Known for certain, since that line.
    pub(crate) paused: Option<(bool, u64)>,
    pub(crate) pauses_pending: u32,
    pub(crate) pauses_overlap: bool,
    /// Lines of seeks that are not answered.
    pub(crate) seeks: HashMap<Call, u64>,
    pub(crate) sought: bool,
    /// The line of the latest answer to a seek: what was asked for before it may have been undone by it.
    pub(crate) sought_line: u64,
    /// Where it is after a seek is not known.
    pub(crate) adrift: bool,
    pub(crate) found: bool,
    pub(crate) progress: HashMap<Sequence, Progress>,
    pub(crate) lines: HashMap<u64, KeyLine>,
    pub(crate) acked: u64,
    pub(crate) maybe_acked: u64,
    /// Counts crashes and seeks: leases of an earlier epoch are over.
    pub(crate) epoch: u64,
    crash_line: u64,
}

/// How far the deliveries of one key are.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct KeyLine {
    /// The highest sequence delivered in this epoch.
    pub(crate) highest: (Sequence, u64, u64),
    /// Everything below is over, for all that is known.
    pub(crate) frontier: Sequence,
}

impl Subscription {
    pub(crate) fn new(rules: SubscriptionRules, line: u64) -> Self {
        Self {
            rules,
            fewest_attempts: rules.max_attempts,
            created_line: line,
            policies: Policies::new(rules.lets_in, rules.required_from.saturating_sub(1)),
            deleting_since: None,
            deleted: None,
            paused: Some((false, line)),
            pauses_pending: 0,
            pauses_overlap: false,
            seeks: HashMap::new(),
            sought: false,
            sought_line: 0,
            adrift: false,
            found: true,
            progress: HashMap::new(),
            lines: HashMap::new(),
            acked: 0,
            maybe_acked: 0,
            epoch: 0,
            crash_line: 0,
        }
    }

    /// All leases are over, and whether it is still there has to be looked up.
    pub(crate) fn crashed(&mut self, line: u64) {
        self.epoch += 1;
        self.crash_line = line;
        self.found = false;
        self.pauses_pending = 0;
        self.progress.values_mut().for_each(|progress| progress.returned_until = 0);
        if let Some(begun) = self.seeks.drain().map(|(_, begun)| begun).min() {
            self.sought(begun, None, line);
        }
    }

    /// Old and new rules hold, until the change is answered and after.
    pub(crate) fn loosen(&mut self, rules: &SubscriptionRules) {
        self.fewest_attempts = self.fewest_attempts.min(rules.max_attempts);
        self.rules.max_attempts = self.rules.max_attempts.max(rules.max_attempts);
        self.rules.min_backoff = self.rules.min_backoff.min(rules.min_backoff);
    }

    /// What one delivery must not be, by what this message has been through.
    pub(crate) fn delivered(&mut self, delivered: &Delivered, line: u64, at: u64, out: &mut Vec<Violation>) {
        let (name, sequence) = (self.rules.subscription, delivered.sequence);
        let (settled, most) = (self.seeks.is_empty(), self.rules.max_attempts);
        let epoch = self.epoch;
        let progress = self.progress.entry(sequence).or_default();
        let before = progress.last.map_or(0, |last| last.line);
        let mut wrong = |rule, what: &str, other: u64| {
            let what = format!("subscription {name}, sequence {sequence}: {what}");
            out.push(Violation::new(rule, what, &[before, other, line]));
        };
        if delivered.first_delivery && progress.ever_delivered {
            wrong(Rule::FirstDelivery, "delivered for the first time after an earlier delivery", 0);
        }
        if delivered.attempt > most {
            wrong(Rule::Attempts, "more attempts than allowed", 0);
        }
        if settled {
            match progress.over {
                Some((Over::Acked, acked)) => {
                    wrong(Rule::AckHolds, "delivered after its ack was confirmed", acked);
                }
                Some((Over::Exhausted, ended)) => {
                    wrong(Rule::DeadLetter, "delivered after its last attempt", ended);
                }
                None => {}
            }
            let waits = at < progress.not_before.0 && delivered.attempt == progress.not_before.1;
            if waits || at < progress.returned_until {
                wrong(Rule::Timing, "delivered before its wait was over", 0);
            }
            if delivered.attempt <= progress.failures || delivered.attempt > progress.deliveries + 1 {
                wrong(Rule::Attempts, "an attempt that does not follow from the failures", 0);
            }
            if let Some(last) = progress.last.filter(|last| last.epoch == epoch) {
                if !last.given_up && at < last.deadline {
                    wrong(Rule::Lease, "delivered while another consumer has its lease", 0);
                }
                if delivered.attempt < last.attempt {
                    wrong(Rule::Attempts, "attempts went backwards", 0);
                }
            }
        }
        if progress.last.is_some_and(|last| delivered.lease <= last.lease) {
            wrong(Rule::Lease, "a lease that is not newer than the one before", 0);
        }
        progress.take(delivered, line, at, epoch);
    }

    /// Clients have begun to settle: what they claim may be over from now on.
    pub(crate) fn settling(&mut self, kind: SettleKind, claims: &[(Sequence, Lease)], line: u64) {
        let fewest = self.fewest_attempts;
        for (sequence, lease) in claims {
            let Some(progress) = self.progress.get_mut(sequence) else { continue };
            if kind == SettleKind::AckLate {
                progress.maybe_over = Some(line);
                continue;
            }
            let Some(last) = progress.last.as_mut().filter(|last| last.lease == *lease) else { continue };
            last.given_up |= kind != SettleKind::Extend;
            last.returned |= matches!(kind, SettleKind::Release | SettleKind::Return);
            progress.rejected |= kind == SettleKind::Reject;
            let may_end = match kind {
                SettleKind::Ack | SettleKind::Reject => true,
                SettleKind::Nack | SettleKind::Retry => last.attempt >= fewest,
                _ => false,
            };
            if may_end {
                progress.maybe_over = Some(line);
            }
        }
    }

    /// The answer to that.
    pub(crate) fn settled(
        &mut self,
        settle: &Settle,
        outcomes: &[Settlement],
        line: u64,
        at: u64,
        out: &mut Vec<Violation>,
    ) {
        let mut seen = std::collections::HashSet::new();
        for ((sequence, lease), outcome) in settle.claims.iter().zip(outcomes) {
            if !outcome.held || !seen.insert(sequence) {
                continue;
            }
            self.acked += u64::from(settle.kind.acknowledges());
            if settle.kind == SettleKind::AckLate {
                self.one_settled_late(*sequence, *lease, settle, line, at, out);
            } else {
                self.one_settled(*sequence, *lease, settle, outcome, line, out);
            }
        }
    }

    /// A success that came after its attempt was counted as failed was taken.
    fn one_settled_late(
        &mut self,
        sequence: Sequence,
        lease: Lease,
        settle: &Settle,
        line: u64,
        at: u64,
        out: &mut Vec<Violation>,
    ) {
        let Some((progress, last)) =
            self.progress.get_mut(&sequence).and_then(|progress| progress.last.map(|last| (progress, last)))
        else {
            let what = format!("sequence {sequence} was settled late and never delivered");
            return out.push(Violation::new(Rule::Lease, what, &[line]));
        };
        if !self.seeks.is_empty() || settle.line < self.sought_line {
            progress.maybe_over = Some(line);
            return;
        }
        let crashed = last.line < self.crash_line && self.crash_line < settle.line;
        let is_leased =
            last.lease == lease && last.epoch == self.epoch && !last.given_up && at < last.deadline;
        let superseded = last.lease != lease && last.line < settle.line && !last.returned;
        let settled = progress.over.is_some_and(|(_, over)| over < settle.line);
        if crashed || is_leased || superseded || settled {
            let what = format!("sequence {sequence} was settled late though something else came after");
            out.push(Violation::new(Rule::Lease, what, &[last.line, settle.line, line]));
        }
        progress.over = Some((Over::Acked, line));
    }

    fn one_settled(
        &mut self,
        sequence: Sequence,
        lease: Lease,
        settle: &Settle,
        outcome: &Settlement,
        line: u64,
        out: &mut Vec<Violation>,
    ) {
        let Some(progress) = self.progress.get_mut(&sequence) else {
            let what = format!("sequence {sequence} was settled and never delivered");
            return out.push(Violation::new(Rule::Lease, what, &[line]));
        };
        let Some(last) = progress.last.as_mut() else { return };
        let current = last.lease == lease && last.epoch == self.epoch;
        let deadline = last.deadline;
        if settle.kind == SettleKind::Extend && last.lease == lease {
            last.deadline = outcome.until.unwrap_or(deadline);
        }
        if !self.seeks.is_empty() || settle.line < self.sought_line {
            if matches!(settle.kind, SettleKind::Ack | SettleKind::Reject) {
                progress.maybe_over = Some(line);
            }
            return;
        }
        let crashed = last.line < self.crash_line && self.crash_line < settle.line;
        let ended = settle.at >= deadline || crashed;
        let superseded = last.lease != lease && last.line < settle.line;
        let settled = progress.over.is_some_and(|(_, over)| over < settle.line);
        if ended || superseded || settled {
            let what = format!("sequence {sequence} was settled under a lease that was over");
            out.push(Violation::new(Rule::Lease, what, &[last.line, settle.line, line]));
        }
        match settle.kind {
            SettleKind::Ack | SettleKind::AckLate => progress.over = Some((Over::Acked, line)),
            SettleKind::Reject => {
                progress.failures += 1;
                progress.over = Some((Over::Exhausted, line));
            }
            SettleKind::Return => {
                if current {
                    progress.returned_until = settle.at.saturating_add(settle.delay.unwrap_or(0));
                }
            }
            SettleKind::Nack | SettleKind::Retry => {
                progress.failures += 1;
                let least = self.rules.min_backoff;
                let delay = match settle.kind {
                    SettleKind::Retry => least.max(settle.delay.unwrap_or(0)),
                    _ => settle.delay.unwrap_or(least),
                };
                progress.not_before = (settle.at.saturating_add(delay), last.attempt + u32::from(current));
                if current && last.attempt >= self.rules.max_attempts {
                    progress.over = Some((Over::Exhausted, line));
                }
                if !current
                    && last.at < progress.not_before.0
                    && last.epoch == self.epoch
                    && last.line > settle.line
                {
                    let what = format!("sequence {sequence} was delivered before its wait was over");
                    out.push(Violation::new(Rule::Timing, what, &[last.line, line]));
                }
            }
            SettleKind::Extend | SettleKind::Release => {}
        }
    }

    /// After a seek: everything is to be delivered again, unless it was dead-lettered, or settled after the seek began.
    pub(crate) fn sought(&mut self, begun: u64, to: Option<Sought>, line: u64) {
        self.epoch += 1;
        self.sought_line = line;
        self.sought = true;
        self.adrift = to.is_none();
        let drops = self.rules.drops;
        for progress in self.progress.values_mut() {
            progress.failures = 0;
            progress.not_before = (0, 0);
            progress.returned_until = 0;
            let undone = progress.over.take_if(|(over, _)| *over == Over::Acked || drops);
            let acked = undone.and_then(|(over, line)| (over == Over::Acked).then_some(line));
            progress.maybe_over = progress.maybe_over.max(acked).filter(|line| *line > begun);
        }
        self.lines.clear();
        if let Some(to) = to {
            (self.rules.required_from, self.rules.allowed_from) = (to.required_from, to.allowed_from);
        } else {
            self.rules.allowed_from = 0;
        }
    }
}

/// A settlement under way.
#[derive(Debug)]
pub(crate) struct Settle {
    pub(crate) subscription: u64,
    pub(crate) kind: SettleKind,
    pub(crate) claims: Vec<(Sequence, Lease)>,
    pub(crate) delay: Option<u64>,
    pub(crate) at: u64,
    pub(crate) line: u64,
}

impl Progress {
    fn take(&mut self, delivered: &Delivered, line: u64, at: u64, epoch: u64) {
        self.ever_delivered = true;
        self.deliveries += 1;
        self.highest = self.highest.max(delivered.attempt);
        self.maybe_over = None;
        self.returned_until = 0;
        let Delivered { lease, attempt, deadline, .. } = *delivered;
        self.last =
            Some(Last { lease, attempt, at, line, deadline, given_up: false, returned: false, epoch });
    }
}
