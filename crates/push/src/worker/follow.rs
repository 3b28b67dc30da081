//! Keeps up with the broker: the worker's share in one direction, how the endpoints are in the other.

use std::{collections::HashSet, time::Duration};

use tokio::{sync::mpsc, task::JoinSet, time::sleep};
use types::SubscriptionUid;

use super::slots::Board;
use crate::{
    Assignments, Backend, BackendError, Changes,
    endpoint::{Backoff, Stopwatch},
};

/// Of one report.
const ENDPOINTS: usize = 1_000;
/// A place that was kept for so long was worth joining for: every join moves endpoints from one worker to another.
const LASTED: Duration = Duration::from_secs(10);

/// What the broker said.
#[derive(Debug)]
pub(super) struct News {
    pub(super) changes: Changes,
    /// The whole share, once it is known after a join: what is not in it is withdrawn.
    pub(super) whole: Option<HashSet<SubscriptionUid>>,
}

/// Joins the workers, again and again if need be, and hands on what the broker says.
pub(super) fn follow<B: Backend>(tasks: &mut JoinSet<()>, backend: B) -> mpsc::Receiver<News> {
    let (news, receiver) = mpsc::channel(1);
    tasks.spawn(async move {
        let mut backoff = Backoff::default();
        while !news.is_closed() {
            let joined = Stopwatch::start();
            let error = match backend.join().await {
                Ok(assignments) => hand_on(assignments, &news).await,
                Err(error) => error,
            };
            if joined.now() >= LASTED {
                backoff.reset();
            }
            tracing::warn!(%error, "the push worker has no connection to the broker");
            sleep(backoff.next()).await;
        }
    });
    receiver
}

async fn hand_on(mut assignments: impl Assignments, news: &mpsc::Sender<News>) -> BackendError {
    let mut told = Some(HashSet::new());
    loop {
        let changes = match assignments.next().await {
            Ok(changes) => changes,
            Err(error) => return error,
        };
        if let Some(told) = &mut told {
            for uid in &changes.withdrawn {
                told.remove(uid);
            }
            told.extend(changes.assigned.iter().map(|endpoint| endpoint.uid));
        }
        let whole = told.take_if(|_| changes.is_complete);
        if news.send(News { changes, whole }).await.is_err() {
            return BackendError::Unavailable("the worker has ended".to_owned());
        }
    }
}

/// Says how the endpoints are at the moment.
pub(super) async fn report<B: Backend>(backend: &B, board: &Board) {
    let reports = board.reports();
    for part in reports.chunks(ENDPOINTS) {
        backend.report(part.to_vec()).await;
    }
}
