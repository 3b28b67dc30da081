//! What push workers report: leases settled, and every attempt kept in the log.

use std::sync::Arc;

use journal::{AppendError, Health};
use queue::{FailureCause, Record, Report};
use types::{
    Invalid, Sequence, SubscriptionUid, limits,
    push::{Attempt, AttemptReport, AttemptVerdict},
};

use super::{Settling, Subscriber, Subscription};
use crate::{
    SettleError, SubscriptionNotFound,
    record::{write_attempt, write_queue},
    topic::Topic,
};

/// Reports of one call, in the queue's words.
struct Reports {
    uid: SubscriptionUid,
    reports: Vec<Report>,
    attempts: Vec<(Sequence, Attempt)>,
}

impl Subscriber {
    /// Settles leases by what came of the attempts to push them, and records these in the log: all of it in one batch. An attempt is
    /// recorded whatever becomes of its lease; on a full disk without what the endpoint answered, so that failing endpoints do not eat the
    /// room that is left for settling. At most [`limits::ATTEMPT_REPORTS`] reports; waits are cut to [`limits::RETRY_AFTER_MAX`] and
    /// [`limits::NACK_DELAY_MAX`].
    ///
    /// # Errors
    /// The request as a whole; then nothing changed.
    pub async fn report(&self, reports: &[AttemptReport]) -> Result<Settling, SettleError> {
        let most = limits::ATTEMPT_REPORTS;
        if reports.is_empty() || reports.len() > most {
            let reason = format!("there are {}, must be 1 to {most}", reports.len());
            return Err(Invalid::new("reports", reason).into());
        }
        let claims = self.claims(reports.iter().map(|report| &report.ack_id))?;
        let full = *self.subscription.shared.journal.health().borrow() == Health::OutOfSpace;
        let reports = Reports::new(self.subscription.uid, full, reports.iter().zip(claims));
        let topic = self.subscription.topic()?;
        let (settling, records) = topic
            .retry_when_busy(|| Ok::<_, SettleError>(self.subscription.try_report(&topic, &reports)?))
            .await?;
        self.subscription.report(&topic, records);
        Ok(settling)
    }
}

impl Reports {
    fn new<'a>(
        uid: SubscriptionUid,
        full: bool,
        reports: impl Iterator<Item = (&'a AttemptReport, queue::LeaseRef)>,
    ) -> Self {
        let mut all = Self { uid, reports: Vec::new(), attempts: Vec::new() };
        for (report, claim) in reports {
            let attempt = report.attempt.as_ref();
            let cause = attempt.map_or(FailureCause::Nack, |attempt| FailureCause::Push {
                class: attempt.class,
                status: attempt.status,
            });
            all.reports.push(Report { claim, verdict: bounded(report.verdict), cause });
            all.attempts.extend(attempt.map(|attempt| (claim.sequence, cut(attempt, full))));
        }
        all
    }
}

/// No worker can have a message wait for longer than an endpoint or a consumer could.
fn bounded(verdict: AttemptVerdict) -> AttemptVerdict {
    match verdict {
        AttemptVerdict::Retry { at_least: Some(wait) } => {
            AttemptVerdict::Retry { at_least: Some(wait.min(limits::RETRY_AFTER_MAX)) }
        }
        AttemptVerdict::Release { after } => {
            AttemptVerdict::Release { after: after.min(limits::NACK_DELAY_MAX) }
        }
        others => others,
    }
}

/// What the log keeps of an attempt.
fn cut(attempt: &Attempt, full: bool) -> Attempt {
    let keep = |most: usize| if full { 0 } else { most };
    let mut attempt = attempt.clone();
    attempt.response.truncate(keep(limits::ATTEMPT_RESPONSE_BYTES));
    attempt.error.truncate(attempt.error.floor_char_boundary(keep(limits::ATTEMPT_ERROR_BYTES)));
    attempt
}

impl Subscription {
    /// Decides, appends and applies under the lock.
    fn try_report(
        self: &Arc<Self>,
        topic: &Topic,
        reports: &Reports,
    ) -> Result<Result<(Settling, Vec<Record>), AppendError>, SubscriptionNotFound> {
        let mut state = self.lock()?;
        let now = self.shared.time.now();
        let mut outcomes = Vec::with_capacity(reports.reports.len());
        let decided = state.queue.decide_report(now, &reports.reports, &mut outcomes);
        let mut durable = None;
        let count = decided.records.len() + reports.attempts.len();
        if count > 0 {
            let appended = match topic.append(now, |batch| reports.write(&decided.records, batch)) {
                Ok(appended) => appended,
                Err(error) => return Ok(Err(error)),
            };
            state.end = appended.first + count as u64;
            for (record, position) in decided.records.iter().zip(appended.first..) {
                state.apply(record, 0, position);
                self.count(record);
            }
            durable = Some(appended.durable);
        }
        for (claim, until) in decided.releases {
            state.queue.release_until(claim, until);
        }
        self.changed(&mut state, now);
        Ok(Ok((Settling { outcomes, durable }, decided.records)))
    }
}

impl Reports {
    fn write(&self, records: &[Record], batch: &mut crate::topic::RecordWriter) {
        for record in records {
            batch.push(|out| write_queue(out, self.uid, 0, record));
        }
        for (sequence, attempt) in &self.attempts {
            batch.push(|out| write_attempt(out, self.uid, *sequence, attempt));
        }
    }
}
