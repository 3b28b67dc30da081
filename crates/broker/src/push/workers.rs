//! The workers that share the endpoints.

use std::{fmt, sync::Arc};

use tokio::sync::watch;
use types::limits;

use super::{AssignedEndpoint, PushRole, endpoints::WorkerId};
use crate::{Broker, JoinPushError, shared::Shared};

/// A place among the workers that share the endpoints, until dropped.
pub struct PushWorker {
    shared: Arc<Shared>,
    id: WorkerId,
    changes: watch::Receiver<u64>,
}

impl PushWorker {
    /// Waits until its share may have changed since the last call; the first does not wait. Returns once more when the broker begins to
    /// shut down.
    pub async fn changed(&mut self) {
        // The other end is in `shared`, so this does not fail.
        let _ = self.changes.changed().await;
    }

    /// Its share at the moment. Another worker has none of it; but one that has just lost an endpoint may not know it yet.
    pub fn assigned(&self) -> Vec<AssignedEndpoint> {
        let share = self.shared.endpoints.share_of(self.id);
        share.iter().filter_map(|subscription| subscription.assignment()).collect()
    }
}

impl Drop for PushWorker {
    fn drop(&mut self) {
        self.shared.endpoints.leave(self.id);
    }
}

impl fmt::Debug for PushWorker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PushWorker").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Broker {
    /// Joins the workers that share the endpoints of a role.
    ///
    /// # Errors
    /// There are as many as it takes, or it is being shut down.
    pub fn join_push(&self, role: PushRole) -> Result<PushWorker, JoinPushError> {
        let shared = self.inner.shared.clone();
        shared.check_serving()?;
        let limit = limits::PUSH_WORKERS;
        let id = shared.endpoints.join(role).ok_or(JoinPushError::TooMany { limit })?;
        let changes = shared.endpoints.changes();
        Ok(PushWorker { shared, id, changes })
    }
}
