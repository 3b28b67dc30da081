//! Decisions on what a push worker says of its attempts. Nothing here changes the queue.

use types::{Timestamp, push::AttemptVerdict};

use crate::{Failure, FailureCause, LeaseError, LeaseRef, Queue, Record, dead_letter::Wait};

/// What a worker says of one lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Report {
    /// The lease.
    pub claim: LeaseRef,
    /// What becomes of the message.
    pub verdict: AttemptVerdict,
    /// How the attempt failed, if the verdict says that it did.
    pub cause: FailureCause,
}

/// What the reports of one call mean.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Decided {
    /// To be appended and applied.
    pub records: Vec<Record>,
    /// To be done with [`Queue::release_until`] once the records are in the log. Of a message that is not in `records`.
    pub releases: Vec<(LeaseRef, Timestamp)>,
}

impl Queue {
    /// What reports mean: outcomes as in [`decide_ack`](Self::decide_ack), and for those that hold records, or releases.
    pub fn decide_report(
        &self,
        now: Timestamp,
        reports: &[Report],
        outcomes: &mut Vec<Result<(), LeaseError>>,
    ) -> Decided {
        let claims = reports.iter().map(|report| report.claim);
        let held = self.judge(claims, outcomes, |index, claim, near| match reports[index].verdict {
            AttemptVerdict::AcknowledgeLate { failed_attempts } => {
                self.held_late(claim, failed_attempts, near)
            }
            _ => self.held(now, claim, near),
        });
        let mut verdict = self.verdict(Failure { at: now, cause: FailureCause::Nack });
        let mut decided = Decided::default();
        let mut sequences = Vec::new();
        for (sequence, index) in held {
            let Some(entry) = self.window.entry(sequence) else { continue };
            let report = &reports[index];
            verdict.failure.cause = report.cause;
            match report.verdict {
                AttemptVerdict::Acknowledge | AttemptVerdict::AcknowledgeLate { .. } => {
                    sequences.push(sequence);
                }
                AttemptVerdict::Retry { at_least } => {
                    decided.records.push(verdict.on(entry, at_least.map_or(Wait::Policy, Wait::AtLeast)));
                }
                AttemptVerdict::Reject => decided.records.push(verdict.on_exhausted(entry)),
                AttemptVerdict::Release { after } => decided.releases.push((report.claim, now.plus(after))),
            }
        }
        decided.records.extend(Record::settled(sequences));
        decided
    }
}
