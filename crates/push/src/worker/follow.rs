//! Keeps up with the broker: the worker's share in one direction, how the endpoints are in the other.

use tokio::{sync::mpsc, task::JoinSet, time::sleep};

use super::slots::Board;
use crate::{Assignments, Backend, BackendError, Changes, endpoint::Backoff};

/// Of one report.
const ENDPOINTS: usize = 1_000;

/// What the broker said.
#[derive(Debug)]
pub(super) struct News {
    pub(super) changes: Changes,
    /// It is the whole share: what is not in it is withdrawn.
    pub(super) is_whole: bool,
}

/// Joins the workers, again and again if need be, and hands on what the broker says.
pub(super) fn follow<B: Backend>(tasks: &mut JoinSet<()>, backend: B) -> mpsc::Receiver<News> {
    let (news, receiver) = mpsc::channel(1);
    tasks.spawn(async move {
        let mut backoff = Backoff::default();
        while !news.is_closed() {
            let error = match backend.join().await {
                Ok(assignments) => hand_on(assignments, &news, &mut backoff).await,
                Err(error) => error,
            };
            tracing::warn!(%error, "the push worker has no connection to the broker");
            sleep(backoff.next()).await;
        }
    });
    receiver
}

async fn hand_on(
    mut assignments: impl Assignments,
    news: &mpsc::Sender<News>,
    backoff: &mut Backoff,
) -> BackendError {
    let mut is_whole = true;
    loop {
        let changes = match assignments.next().await {
            Ok(changes) => changes,
            Err(error) => return error,
        };
        backoff.reset();
        if news.send(News { changes, is_whole }).await.is_err() {
            return BackendError::Unavailable("the worker has ended".to_owned());
        }
        is_whole = false;
    }
}

/// Says how the endpoints are at the moment.
pub(super) async fn report<B: Backend>(backend: &B, board: &Board) {
    let reports = board.reports();
    for part in reports.chunks(ENDPOINTS) {
        backend.report(part.to_vec()).await;
    }
}
