//! Where settlements are put by handles, at once and from any thread, until the session takes them.
//!
//! Bounded by what is handed out: a handle settles once, and a block is here once at a time.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::{Verdict, block::Block};

/// One settlement that is no acknowledgement.
#[derive(Debug)]
pub(super) struct Post {
    pub(super) block: Arc<Block>,
    pub(super) index: u32,
    pub(super) verdict: Verdict,
}

/// What was posted.
#[derive(Debug, Default)]
pub(super) struct Posted {
    /// In which something is acknowledged.
    pub(super) blocks: Vec<Arc<Block>>,
    pub(super) others: Vec<Post>,
}

impl Posted {
    fn is_empty(&self) -> bool {
        self.blocks.is_empty() && self.others.is_empty()
    }
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    posts: Mutex<Posts>,
    posted: Notify,
}

#[derive(Debug, Default)]
struct Posts {
    waiting: Posted,
    is_closed: bool,
}

impl Outbox {
    /// Whether it is taken. Once the session is over nothing is.
    pub(super) fn post(&self, post: Post) -> bool {
        self.put(|waiting| waiting.others.push(post))
    }

    /// As [`post`](Self::post), for the acknowledgements of a block.
    pub(super) fn post_acks(&self, block: Arc<Block>) -> bool {
        self.put(|waiting| waiting.blocks.push(block))
    }

    fn put(&self, put: impl FnOnce(&mut Posted)) -> bool {
        let posts = &mut *self.posts.lock();
        if posts.is_closed {
            return false;
        }
        if posts.waiting.is_empty() {
            self.posted.notify_one();
        }
        put(&mut posts.waiting);
        true
    }

    /// Returns when something was posted since the last [`take`](Self::take), or for no reason. Cancel safe.
    pub(super) async fn posted(&self) {
        self.posted.notified().await;
    }

    pub(super) fn take(&self) -> Posted {
        std::mem::take(&mut self.posts.lock().waiting)
    }

    /// Nothing is taken from now on; of what was, nobody knows what comes.
    pub(super) fn close(&self) {
        let Posted { blocks, others } = {
            let posts = &mut *self.posts.lock();
            posts.is_closed = true;
            std::mem::take(&mut posts.waiting)
        };
        blocks.iter().chain(others.iter().map(|post| &post.block)).for_each(|block| block.abandon());
    }
}
