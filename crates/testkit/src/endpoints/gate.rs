//! Holds requests until they are released.

use std::sync::Arc;

use tokio::sync::Semaphore;

/// A permit is there for each request that is released.
#[derive(Debug, Clone)]
pub(super) struct Gate(Arc<Semaphore>);

impl Default for Gate {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(0)))
    }
}

impl Gate {
    /// Waits to be released. The first to wait is the first to be.
    pub(super) async fn pass(&self) {
        if let Ok(permit) = self.0.acquire().await {
            permit.forget();
        }
    }

    /// Lets so many go on, also such that have yet to come.
    pub(super) fn release(&self, count: usize) {
        self.0.add_permits(count);
    }
}
