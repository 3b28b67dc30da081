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
        let fits = |report: &AttemptReport| sequences.insert(report.ack_id.sequence);
        let count = self.waiting.iter().take(BATCH).take_while({
            let mut fits = fits;
            move |report| fits(report)
        });
        let count = count.count();
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
