//! Consumers as push workers: they report what came of each attempt, and sometimes that a failed one has succeeded after all.

use std::time::Duration;

use types::{
    Timestamp,
    push::{Attempt, AttemptClass, AttemptReport, AttemptVerdict},
};

use super::{
    consume::{Held, claims, durable, settle},
    world::{Done, World},
};
use crate::history::SettleKind;

/// Failed or forgotten attempts that are remembered.
const LATE: usize = 40;

impl World {
    /// Says that some attempts succeeded, failed, failed for good, or were none.
    pub(crate) fn report(&mut self, taken: Vec<Held>) {
        let wait = Duration::from_millis(self.random.below(5_001));
        let some = self.random.percent(60).then_some(wait);
        let (kind, verdict, class) = match self.random.weighted(&[35, 40, 7, 18]) {
            0 => (SettleKind::Ack, AttemptVerdict::Acknowledge, AttemptClass::Ok),
            1 => (SettleKind::Retry, AttemptVerdict::Retry { at_least: some }, AttemptClass::Timeout),
            2 => (SettleKind::Reject, AttemptVerdict::Reject, AttemptClass::Rejected),
            _ => (SettleKind::Return, AttemptVerdict::Release { after: wait }, AttemptClass::Throttled),
        };
        let delay = match verdict {
            AttemptVerdict::Retry { at_least } => at_least,
            AttemptVerdict::Release { after } => Some(after),
            _ => None,
        };
        self.begin_report(kind, &taken, delay, verdict, class);
        match kind {
            SettleKind::Retry => self.keep_late(taken),
            SettleKind::Return => self.given_back.extend(taken.iter().map(|held| held.ack_id)),
            _ => {}
        }
    }

    /// Says of an attempt that was reported as failed, or forgotten, that it has succeeded. Sometimes it is said again.
    pub(crate) fn acknowledge_late(&mut self) {
        if self.late.is_empty() {
            return;
        }
        let index = self.random.index(self.late.len());
        let held = self.late.remove(index);
        if self.given_back.contains(&held.ack_id) {
            return;
        }
        let verdict = AttemptVerdict::AcknowledgeLate { failed_attempts: held.attempt };
        let held = [held];
        self.begin_report(SettleKind::AckLate, &held, None, verdict, AttemptClass::OkLate);
        if self.random.percent(20) {
            self.late.extend(held);
        }
    }

    /// They may succeed later.
    pub(crate) fn keep_late(&mut self, held: Vec<Held>) {
        self.late.extend(held);
        let too_many = self.late.len().saturating_sub(LATE);
        self.late.drain(..too_many);
    }

    fn begin_report(
        &mut self,
        kind: SettleKind,
        held: &[Held],
        delay: Option<Duration>,
        verdict: AttemptVerdict,
        class: AttemptClass,
    ) {
        let Some((subscriber, ids)) = claims(held) else { return };
        let started_at = Timestamp::from_micros(self.now());
        let records_attempt = self.random.percent(80);
        let reports: Vec<_> = held
            .iter()
            .map(|held| AttemptReport {
                ack_id: held.ack_id,
                verdict,
                attempt: records_attempt.then(|| attempt(held.attempt, class, started_at)),
            })
            .collect();
        let call = self.next_call();
        self.begin(settle(kind, &ids, delay), None, async move {
            let answer = durable(subscriber.report(&reports).await).await;
            let done: Done = Box::new(move |world| world.settled(call, answer));
            done
        });
    }
}

fn attempt(number: u32, class: AttemptClass, started_at: Timestamp) -> Attempt {
    Attempt {
        number,
        started_at,
        latency: Duration::from_millis(5),
        status: Some(200),
        class,
        response: vec![b'.'; 100],
        error: String::new(),
    }
}
