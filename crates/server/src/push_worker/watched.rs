//! A backend whose share says whether the worker is ready.

use broker::AssignedEndpoint;
use push::{Assignments, Backend, BackendError, Changes, EndpointChange, EndpointFigures};
use tokio::sync::watch;

use crate::readiness::Readiness;

/// See the module.
#[derive(Debug, Clone)]
pub(super) struct Watched<B> {
    pub(super) backend: B,
    pub(super) readiness: watch::Sender<Readiness>,
}

/// A share that is watched.
#[derive(Debug)]
pub(super) struct Share<A> {
    share: A,
    readiness: watch::Sender<Readiness>,
}

/// Says what came of it, unless the process is stopping.
fn say<T>(readiness: &watch::Sender<Readiness>, result: &Result<T, BackendError>) {
    let now = match result {
        Ok(_) => Readiness::Ready,
        Err(error) => Readiness::Joining(Some(error.to_string())),
    };
    readiness.send_if_modified(|state| {
        let changes = *state != now && *state != Readiness::Draining;
        if changes {
            tracing::info!(state = ?now, "readiness changed");
            *state = now;
        }
        changes
    });
}

impl<B: Backend> Backend for Watched<B> {
    type Assignments = Share<B::Assignments>;
    type Leases = B::Leases;

    async fn join(&self) -> Result<Self::Assignments, BackendError> {
        let joined = self.backend.join().await;
        if joined.is_err() {
            say(&self.readiness, &joined);
        }
        joined.map(|share| Share { share, readiness: self.readiness.clone() })
    }

    async fn leases(&self, endpoint: &AssignedEndpoint) -> Result<Self::Leases, BackendError> {
        self.backend.leases(endpoint).await
    }

    async fn begin_confirmation(
        &self,
        endpoint: &AssignedEndpoint,
        token: &str,
    ) -> Result<bool, BackendError> {
        self.backend.begin_confirmation(endpoint, token).await
    }

    async fn change(&self, endpoint: &AssignedEndpoint, change: EndpointChange) -> Result<(), BackendError> {
        self.backend.change(endpoint, change).await
    }

    async fn report(&self, figures: Vec<EndpointFigures>) {
        self.backend.report(figures).await;
    }
}

impl<A: Assignments> Assignments for Share<A> {
    /// The first answer is what says that the broker has let it in.
    async fn next(&mut self) -> Result<Changes, BackendError> {
        let changes = self.share.next().await;
        say(&self.readiness, &changes);
        changes
    }
}
