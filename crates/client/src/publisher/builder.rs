use std::{sync::Arc, time::Duration};

use tokio::sync::watch;

use super::{
    Handle, Publisher,
    batch::{BatchLimits, Delay},
    ids::{CorrelationIds, DeduplicationIds},
    inbox::Inbox,
    room::Room,
    shared::Shared,
    state::State,
    task::{Line, Task, Way},
};
use crate::{RetryPolicy, connect::Lines, retry::Backoff};

/// What happens to a message for which there is no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnFull {
    /// It waits for room.
    #[default]
    Wait,
    /// It fails with [`PublishError::Full`](super::PublishError::Full).
    Fail,
}

/// Collects what a [`Publisher`] is made of.
#[derive(Debug, Clone)]
#[must_use = "a builder does nothing until it is built"]
pub struct PublisherBuilder {
    pub(super) lines: Lines,
    pub(super) topic: String,
    pub(super) batch_messages: usize,
    pub(super) batch_bytes: usize,
    pub(super) batch_delay: Delay,
    pub(super) max_outstanding_messages: usize,
    pub(super) max_outstanding_bytes: usize,
    pub(super) on_full: OnFull,
    pub(super) deduplicate: bool,
    pub(super) retry: RetryPolicy,
}

impl PublisherBuilder {
    pub(crate) fn new(lines: Lines, topic: String) -> Self {
        Self {
            lines,
            topic,
            batch_messages: 100,
            batch_bytes: 1 << 20,
            batch_delay: Delay::ByNeed,
            max_outstanding_messages: 10_000,
            max_outstanding_bytes: 64 << 20,
            on_full: OnFull::Wait,
            deduplicate: true,
            retry: RetryPolicy::default(),
        }
    }

    /// Messages of one batch, at most. 1 to 1,000; less or more counts as the limit. Default: 100.
    pub fn batch_messages(mut self, messages: usize) -> Self {
        self.batch_messages = messages.clamp(1, 1_000);
        self
    }

    /// Bytes of one batch, at most; a larger message goes alone. 1 to 8 MiB; less or more counts as the limit. Default: 1 MiB.
    pub fn batch_bytes(mut self, bytes: usize) -> Self {
        self.batch_bytes = bytes.clamp(1, 8 << 20);
        self
    }

    /// How long a message waits for others to fill its batch. 0 sends at once what is there.
    ///
    /// Default: only where that costs little. While at most one request has no answer, a message goes at once; while more have none, messages
    /// gather, until a batch is full or 1 ms is over.
    pub fn batch_delay(mut self, delay: Duration) -> Self {
        self.batch_delay = Delay::Fixed(delay);
        self
    }

    /// Messages taken and not yet answered, at most. At least 1. Default: 10,000.
    pub fn max_outstanding_messages(mut self, messages: usize) -> Self {
        self.max_outstanding_messages = messages.max(1);
        self
    }

    /// Their bytes, at most; one message may go past it. At least 1. Default: 64 MiB.
    pub fn max_outstanding_bytes(mut self, bytes: usize) -> Self {
        self.max_outstanding_bytes = bytes.max(1);
        self
    }

    /// What happens to a message for which there is no room. Default: it waits.
    pub fn on_full(mut self, on_full: OnFull) -> Self {
        self.on_full = on_full;
        self
    }

    /// Whether messages without a deduplication ID get one. Without, a retry after a lost answer can store a message twice. Default: true.
    pub fn deduplicate(mut self, deduplicate: bool) -> Self {
        self.deduplicate = deduplicate;
        self
    }

    /// How long a message is tried, from when it was taken. Default: 60 s; see [`RetryPolicy`].
    ///
    /// A try ends when its stream breaks, is refused, or answers nothing for
    /// [`ClientBuilder::request_timeout`](crate::ClientBuilder::request_timeout). A message for which the next one would be too late is given up.
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.retry = policy;
        self
    }

    /// The publisher. Must be called in a tokio runtime, in which its task runs.
    ///
    /// # Panics
    /// If there is no runtime.
    pub fn build(self) -> Publisher {
        let ids = self.deduplicate.then(DeduplicationIds::random).flatten();
        let room = Room::new(self.max_outstanding_messages, self.max_outstanding_bytes);
        let shared = Arc::new(Shared::new(Inbox::new(room, ids)));
        let (tell, settled_below) = watch::channel(0);
        let handle = Handle {
            shared: shared.clone(),
            settled_below,
            correlation_ids: CorrelationIds::random(),
            on_full: self.on_full,
            deduplicate: self.deduplicate,
        };
        tokio::spawn(self.task(shared, tell).run());
        Publisher(Arc::new(handle))
    }

    fn task(self, shared: Arc<Shared>, settled_below: watch::Sender<u64>) -> Task {
        let Self { batch_messages: messages, batch_bytes: bytes, batch_delay: delay, .. } = self;
        Task {
            shared,
            state: State::new(BatchLimits { messages, bytes, delay }, self.retry.within),
            line: Line::Closed,
            backoff: Backoff::new(self.retry),
            settled_below,
            way: Way { patience: self.lines.request_timeout(), lines: self.lines, topic: self.topic },
        }
    }
}
