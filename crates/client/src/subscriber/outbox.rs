//! Where settlements are put by handles, at once and from any thread, until the session takes them.
//!
//! Bounded by what is handed out: a handle settles once.

use parking_lot::Mutex;
use tokio::sync::{Notify, oneshot};

use super::{AckError, Verdict, leases::Ticket};

/// Who waits for a settlement's result.
pub(super) type Waiter = oneshot::Sender<Result<(), AckError>>;

/// One settlement.
#[derive(Debug)]
pub(super) struct Post {
    pub(super) ticket: Ticket,
    pub(super) verdict: Verdict,
    pub(super) waiter: Option<Waiter>,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    posts: Mutex<Posts>,
    posted: Notify,
}

#[derive(Debug, Default)]
struct Posts {
    waiting: Vec<Post>,
    is_closed: bool,
}

impl Outbox {
    /// Once the session is over nothing is taken: dropping the waiter tells its future that nobody knows.
    pub(super) fn post(&self, post: Post) {
        let posts = &mut *self.posts.lock();
        if posts.is_closed {
            return;
        }
        posts.waiting.push(post);
        if posts.waiting.len() == 1 {
            self.posted.notify_one();
        }
    }

    /// Returns when something was posted since the last [`take`](Self::take), or for no reason. Cancel safe.
    pub(super) async fn posted(&self) {
        self.posted.notified().await;
    }

    pub(super) fn take(&self) -> Vec<Post> {
        std::mem::take(&mut self.posts.lock().waiting)
    }

    pub(super) fn close(&self) {
        let waiting = {
            let posts = &mut *self.posts.lock();
            posts.is_closed = true;
            std::mem::take(&mut posts.waiting)
        };
        drop(waiting);
    }
}
