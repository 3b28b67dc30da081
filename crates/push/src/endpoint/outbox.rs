//! Reports on their way to the broker: all that are ready in one call, one call at a time, so in their order.

use std::{
    collections::{HashSet, VecDeque},
    time::Duration,
};

use broker::Outcome;
use futures_util::future::BoxFuture;
use tokio::time::{sleep, timeout};
use types::push::AttemptReport;

use crate::{BackendError, Leases, endpoint::backoff::Backoff};

/// Of one call.
const BATCH: usize = 1_000;

/// Those of one endpoint. What bounds it is what may be leased.
#[derive(Default)]
pub(super) struct Outbox<'a> {
    waiting: VecDeque<AttemptReport>,
    call: Option<BoxFuture<'a, Reported>>,
    under_way: usize,
}

/// What came of a call.
pub(super) struct Reported {
    pub(super) reports: Vec<AttemptReport>,
    pub(super) result: Result<Vec<Outcome>, BackendError>,
}

impl<'a> Outbox<'a> {
    /// Goes out with the next call.
    pub(super) fn push(&mut self, report: AttemptReport) {
        self.waiting.push_back(report);
    }

    /// How many the broker has not answered yet.
    pub(super) fn len(&self) -> usize {
        self.waiting.len() + self.under_way
    }

    /// Begins a call if there is none and something to say. It is repeated as long as the leases may hold.
    pub(super) fn start<L: Leases>(&mut self, leases: &'a L, patience: Duration) {
        if self.call.is_some() || self.waiting.is_empty() {
            return;
        }
        let reports = self.batch();
        self.under_way = reports.len();
        self.call = Some(Box::pin(async move {
            let result = send(leases, &reports, patience).await;
            Reported { reports, result }
        }));
    }

    /// Waits for the end of the call; for ever if there is none.
    pub(super) async fn done(&mut self) -> Reported {
        let Some(call) = &mut self.call else { return std::future::pending().await };
        let reported = call.await;
        (self.call, self.under_way) = (None, 0);
        reported
    }

    /// The first ones, no two of them about the same message: the second would be judged before the first has been applied.
    fn batch(&mut self) -> Vec<AttemptReport> {
        let mut sequences = HashSet::new();
        let others = self.waiting.iter().take_while(|report| sequences.insert(report.ack_id.sequence));
        let count = others.take(BATCH).count();
        self.waiting.drain(..count).collect()
    }
}

async fn send<L: Leases>(
    leases: &L,
    reports: &[AttemptReport],
    patience: Duration,
) -> Result<Vec<Outcome>, BackendError> {
    let mut last = BackendError::Unavailable("it does not answer".to_owned());
    let repeated = timeout(patience, async {
        let mut backoff = Backoff::default();
        loop {
            match leases.report(reports.to_vec()).await {
                Err(error @ BackendError::Unavailable(_)) => last = error,
                result => return result,
            }
            sleep(backoff.next()).await;
        }
    });
    match repeated.await {
        Ok(result) => result,
        Err(_) => Err(last),
    }
}

#[cfg(test)]
mod tests {
    use types::{AckId, LeaseId, SubscriptionUid, push::AttemptVerdict};

    use super::*;

    fn report(sequence: u64) -> AttemptReport {
        let ack_id = AckId { subscription: SubscriptionUid(1), sequence, lease: LeaseId(1) };
        AttemptReport { ack_id, verdict: AttemptVerdict::Acknowledge, attempt: None }
    }

    #[test]
    fn no_call_has_two_reports_about_one_message_and_none_is_left_out() {
        let mut outbox = Outbox::default();
        [1, 2, 3, 2, 4].into_iter().for_each(|sequence| outbox.push(report(sequence)));
        let batch = |outbox: &mut Outbox<'_>| -> Vec<_> {
            outbox.batch().iter().map(|report| report.ack_id.sequence).collect()
        };
        assert_eq!(batch(&mut outbox), [1, 2, 3]);
        assert_eq!(batch(&mut outbox), [2, 4]);
    }

    #[test]
    fn a_call_has_a_thousand_reports_at_most() {
        let mut outbox = Outbox::default();
        (0..2_500).for_each(|sequence| outbox.push(report(sequence)));
        assert_eq!([0; 3].map(|_| outbox.batch().len()), [1_000, 1_000, 500]);
    }
}
