//! A worker: has a task for each endpoint that the broker gives it.
//!
//! # Invariants
//!
//! - One task an endpoint at a time. One that has changed gets a new task when the old one has ended.
//! - What happens to one task (an error, a panic) is nothing to the others; it is begun again after a pause.
//! - What the gates of an endpoint know outlives its task, so beginning again is no way around them.
//! - While the broker is away the tasks go on with what they have, and the share is compared when it is back.

mod follow;
mod slots;

use std::{sync::Arc, time::Duration};

use broker::AssignedEndpoint;
use tokio::{
    task::JoinSet,
    time::{MissedTickBehavior, interval, timeout},
};
use tokio_util::sync::CancellationToken;
use types::{Clock, Invalid, push::EndpointStatus};

use crate::{
    Backend, Carrier, Config,
    confirm::{self, AskLimits, Asking},
    endpoint::{self, ByteBudget, End, Given},
};
use follow::{follow, report};
use slots::{Board, Job, Slots};

/// Between two reports of how the endpoints are.
const REPORTS: Duration = Duration::from_secs(2);
/// For the last one, and for tasks that should have ended by themselves.
const LAST: Duration = Duration::from_secs(10);

/// Makes what brings messages to endpoints.
pub trait Carriers: Send + Sync + 'static {
    /// What brings them.
    type Carrier: Carrier;

    /// For one endpoint.
    ///
    /// # Errors
    /// It is none that can be delivered to: the field is a path from the push settings.
    fn carrier(&self, endpoint: &AssignedEndpoint) -> Result<Self::Carrier, Invalid>;

    /// Whether the operator vouches for the endpoint, so that it need not be asked for its consent.
    fn is_trusted(&self, endpoint: &AssignedEndpoint) -> bool;

    /// A new token nobody can guess, for a request for consent: 43 characters. None if there is no randomness.
    fn token(&self) -> Option<String>;
}

/// Delivers to the endpoints that fall to it.
#[derive(Debug)]
pub struct Worker<B, S> {
    shared: Arc<Shared<B, S>>,
}

/// What all tasks of a worker share.
struct Shared<B, S> {
    backend: B,
    carriers: S,
    clock: Arc<dyn Clock>,
    bytes: Arc<ByteBudget>,
    asks: AskLimits,
}

impl<B, S> std::fmt::Debug for Shared<B, S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("bytes", &self.bytes).finish_non_exhaustive()
    }
}

impl<B: Backend, S: Carriers> Worker<B, S> {
    /// Begins nothing yet. The clock is the wall's, for what is recorded of attempts.
    pub fn new(backend: B, carriers: S, config: &Config, clock: Arc<dyn Clock>) -> Self {
        let bytes = ByteBudget::new(config.max_in_flight_bytes);
        Self { shared: Arc::new(Shared { backend, carriers, clock, bytes, asks: AskLimits::new() }) }
    }

    /// Works until told to stop; then leases nothing more, and ends when what is under way is done, at the latest soon after `grace`.
    pub async fn run(self, shutdown: CancellationToken, grace: Duration) {
        let board = Board::default();
        let mut slots = Slots::new(self.shared.clone(), board.clone());
        // Both end with it.
        let mut aside = JoinSet::new();
        let mut changes = follow(&mut aside, self.shared.backend.clone());
        aside.spawn(self.shared.clone().report(board.clone()));
        loop {
            tokio::select! {
                biased;
                () = shutdown.cancelled() => break,
                ended = slots.ended() => slots.again(ended),
                changes = changes.recv() => match changes {
                    Some(changes) => slots.apply(changes),
                    None => {
                        tracing::error!("the push worker ends: what follows the broker broke");
                        break;
                    }
                },
            }
        }
        slots.stop(grace, LAST).await;
        let _ = timeout(LAST, report(&self.shared.backend, &board)).await;
    }
}

impl<B: Backend, S: Carriers> Shared<B, S> {
    /// Says how the endpoints are, for ever.
    async fn report(self: Arc<Self>, board: Board) {
        let mut ticks = interval(REPORTS);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            report(&self.backend, &board).await;
        }
    }

    /// What there is to do for an endpoint.
    async fn work(self: Arc<Self>, job: Job) -> End {
        let Job { endpoint, stop, status, figures, memory } = job;
        let carrier = match self.carriers.carrier(&endpoint) {
            Ok(carrier) => carrier,
            Err(invalid) => {
                tracing::warn!(subscription = %endpoint.subscription, %invalid, "the endpoint cannot be delivered to");
                figures.failed(&invalid.to_string(), self.clock.now());
                return End::Settled;
            }
        };
        let (backend, clock) = (&self.backend, &*self.clock);
        match endpoint.status {
            EndpointStatus::Disabled { .. } => {
                memory.is_resumed();
                End::Settled
            }
            EndpointStatus::Pending(_) if self.vouches_for(&endpoint) => {
                confirm::vouch(backend, &endpoint, &stop).await
            }
            EndpointStatus::Pending(_) => {
                let token = || self.carriers.token();
                let (endpoint, carrier, token) = (&endpoint, &carrier, &token);
                let limits = &self.asks;
                let asking =
                    Asking { endpoint, backend, carrier, clock, limits, token, figures, status, stop };
                confirm::confirm(asking).await
            }
            EndpointStatus::Active => {
                let (endpoint, carrier, bytes) = (&endpoint, &carrier, self.bytes.clone());
                let given = Given { endpoint, backend, carrier, clock, bytes, figures, memory, stop };
                endpoint::deliver(given).await
            }
        }
    }

    /// A topic cannot be asked, and need not be: who may name it may publish to it.
    fn vouches_for(&self, endpoint: &AssignedEndpoint) -> bool {
        matches!(endpoint.push.topic(), Ok(Some(_))) || self.carriers.is_trusted(endpoint)
    }
}
