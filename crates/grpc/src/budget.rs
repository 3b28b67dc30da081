//! The memory that all publish requests together may take while they wait.
//!
//! # Invariants
//!
//! - A request takes its share before it is decoded, and gives it back once the log has its messages (which has a bound of
//!   its own) or it is refused.
//! - Shares are given in the order in which they were asked for, so that large requests get theirs too.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

use crate::{reason::Reason, refusal::Refusal};

/// How long a call waits for its share before it is refused.
const PATIENCE: Duration = Duration::from_secs(1);

/// See the module.
#[derive(Debug, Clone)]
pub(crate) struct Budget {
    free: Arc<Semaphore>,
    bytes: usize,
}

/// A part of the budget, until dropped.
pub(crate) type Share = OwnedSemaphorePermit;

impl Budget {
    pub(crate) fn new(bytes: usize) -> Self {
        let bytes = bytes.min(Semaphore::MAX_PERMITS);
        Self { free: Arc::new(Semaphore::new(bytes)), bytes }
    }

    /// Waits for a share of this size, or for all there is if it is less.
    pub(crate) async fn share(&self, bytes: usize) -> Share {
        let bytes = u32::try_from(bytes.min(self.bytes)).unwrap_or(u32::MAX);
        self.free.clone().acquire_many_owned(bytes).await.expect("it is never closed")
    }

    /// The same, not for long.
    pub(crate) async fn share_soon(&self, bytes: usize) -> Result<Share, Refusal> {
        timeout(PATIENCE, self.share(bytes)).await.map_err(|_| {
            let why = format_args!("requests that wait take all of the {} bytes they may take", self.bytes);
            Refusal::new(Reason::TooManyRequestBytes, why)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_call_that_gets_no_share_is_told_when_to_come_again() {
        let budget = Budget::new(100);
        let share = budget.share(90).await;
        let refusal = budget.share_soon(11).await.unwrap_err();
        assert_eq!(refusal.reason(), Reason::TooManyRequestBytes);
        assert!(refusal.reason().retry_after().is_some());
        drop(share);
        assert!(budget.share_soon(11).await.is_ok());
    }

    #[tokio::test]
    async fn a_request_larger_than_the_budget_goes_alone() {
        let budget = Budget::new(100);
        let share = budget.share(1_000).await;
        assert_eq!(share.num_permits(), 100);
    }
}
