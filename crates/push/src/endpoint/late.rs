//! Requests that go on after their time is over, for the case that they succeed after all.

use std::{collections::HashMap, sync::Arc, time::Duration};

use broker::Delivery;
use futures_util::{StreamExt as _, future::BoxFuture, stream::FuturesUnordered};
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, DropGuard};
use types::AckId;

use super::attempt::{Request, Sent, complete};
use crate::Answer;

/// At a time.
const MOST: usize = 16;

/// Those of one endpoint.
#[derive(Default)]
pub(super) struct LateRequests<'a> {
    requests: FuturesUnordered<BoxFuture<'a, LateAnswer>>,
    /// Messages that have not been leased again, by their sequences. A request that has none left ends.
    open: HashMap<u64, (AckId, Arc<DropGuard>)>,
}

/// One that has ended.
pub(super) struct LateAnswer {
    sent: Sent,
    /// None if nobody waits any more.
    answers: Option<Vec<Answer>>,
}

impl<'a> LateRequests<'a> {
    /// Waits a while longer for these of its messages. It is dropped if there are too many already.
    pub(super) fn add(&mut self, sent: Sent, request: Request<'a>, ids: &[AckId], patience: Duration) {
        if self.requests.len() >= MOST || ids.is_empty() {
            return;
        }
        let over = CancellationToken::new();
        let guard = Arc::new(over.clone().drop_guard());
        for id in ids {
            self.open.insert(id.sequence, (*id, guard.clone()));
        }
        self.requests.push(Box::pin(async move {
            let answers = tokio::select! {
                biased;
                () = over.cancelled() => None,
                answers = timeout(patience, request) => answers.ok(),
            };
            let answers = answers.map(|answers| complete(answers, sent.messages.len()));
            LateAnswer { sent, answers }
        }));
    }

    /// The message has been leased again: what comes late is for nobody.
    pub(super) fn supersede(&mut self, sequence: u64) {
        self.open.remove(&sequence);
    }

    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.requests.is_empty()
    }

    /// The next that ends; none if there is none.
    pub(super) async fn next(&mut self) -> Option<LateAnswer> {
        self.requests.next().await
    }

    /// What of it still counts.
    pub(super) fn close(&mut self, late: LateAnswer) -> (Sent, Vec<(Delivery, Answer)>) {
        let mut counts = Vec::new();
        let answers = late.answers.unwrap_or_default().into_iter().map(Some).chain(std::iter::repeat(None));
        for (message, answer) in late.sent.messages.iter().zip(answers) {
            let id = message.ack_id;
            if self.open.get(&id.sequence).is_none_or(|(open, _)| *open != id) {
                continue;
            }
            self.open.remove(&id.sequence);
            counts.extend(answer.map(|answer| (message.clone(), answer)));
        }
        (late.sent, counts)
    }
}
