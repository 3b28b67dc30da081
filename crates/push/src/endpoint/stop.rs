use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio_util::sync::CancellationToken;

/// Tells a task to stop, and how long requests may go on from then.
#[derive(Debug, Clone)]
pub(crate) struct Stop {
    token: CancellationToken,
    grace_ms: Arc<AtomicU64>,
}

impl Stop {
    /// Not yet.
    pub(crate) fn new() -> Self {
        Self { token: CancellationToken::new(), grace_ms: Arc::new(AtomicU64::new(u64::MAX)) }
    }

    /// Now. The first call counts.
    pub(crate) fn stop(&self, grace: Duration) {
        if !self.token.is_cancelled() {
            self.grace_ms.store(u64::try_from(grace.as_millis()).unwrap_or(u64::MAX), Ordering::Release);
            self.token.cancel();
        }
    }

    /// Waits until it is time.
    pub(crate) async fn cancelled(&self) {
        self.token.cancelled().await;
    }

    /// How long requests may go on.
    pub(crate) fn grace(&self) -> Duration {
        Duration::from_millis(self.grace_ms.load(Ordering::Acquire))
    }
}
