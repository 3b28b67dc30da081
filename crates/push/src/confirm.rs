//! Asking endpoints for their consent.
//!
//! # Invariants
//!
//! - No request goes out that the broker has not granted; the broker has the token's hash on the disk by then.
//! - One worker asks an address once a minute and a host once a second, whatever subscriptions there are: it is no tool for flooding others.

use std::{collections::HashMap, time::Duration};

use broker::AssignedEndpoint;
use parking_lot::Mutex;
use tokio::{
    sync::watch,
    time::{sleep, timeout},
};
use types::{
    Clock, limits,
    push::{Confirmation, DisabledReason, EndpointStatus},
};

use crate::{
    Backend, BackendError, Carrier, Consent, EndpointChange,
    endpoint::{Backoff, End, Figures, Stop, Stopwatch, change},
};

/// Between two requests to one host.
const HOST_INTERVAL: Duration = Duration::from_secs(1);
/// Addresses and hosts that are remembered; with so many asked recently, no other is.
const REMEMBERED: usize = 10_000;
/// After a request that the broker did not grant.
const NOT_GRANTED: Duration = Duration::from_secs(5);

/// When which address and host may be asked again. Shared by the endpoints of a worker.
#[derive(Debug)]
pub(crate) struct AskLimits {
    time: Stopwatch,
    asked: Mutex<Asked>,
}

#[derive(Debug, Default)]
struct Asked {
    /// When each may be asked again.
    next: HashMap<String, Duration>,
    /// When it is worth looking for what may be forgotten: so many may ask for room that looking for each would take all the time.
    tidy_at: Duration,
}

impl AskLimits {
    /// None has been asked.
    pub(crate) fn new() -> Self {
        Self { time: Stopwatch::start(), asked: Mutex::default() }
    }

    /// Leave to ask this endpoint now; else how long to wait.
    fn ask(&self, endpoint: &str) -> Result<(), Duration> {
        let now = self.time.now();
        let address = format!("address {endpoint}");
        let host = format!("host {}", host(endpoint));
        let Asked { next, tidy_at } = &mut *self.asked.lock();
        let not_before = [&address, &host].into_iter().filter_map(|key| next.get(key)).max().copied();
        if let Some(at) = not_before.filter(|at| *at > now) {
            return Err(at - now);
        }
        if next.len() + 2 > REMEMBERED && *tidy_at <= now {
            next.retain(|_, at| *at > now);
            *tidy_at = now + HOST_INTERVAL;
        }
        if next.len() + 2 > REMEMBERED {
            return Err(HOST_INTERVAL);
        }
        next.insert(address, now + limits::CONFIRMATION_INTERVAL);
        next.insert(host, now + HOST_INTERVAL);
        Ok(())
    }
}

fn host(endpoint: &str) -> String {
    let url = url::Url::parse(endpoint).ok();
    url.and_then(|url| url.host_str().map(str::to_lowercase)).unwrap_or_else(|| endpoint.to_owned())
}

/// What a task works with.
pub(crate) struct Asking<'a, B, C> {
    pub(crate) endpoint: &'a AssignedEndpoint,
    pub(crate) backend: &'a B,
    pub(crate) carrier: &'a C,
    pub(crate) clock: &'a dyn Clock,
    pub(crate) limits: &'a AskLimits,
    /// A token nobody can guess.
    pub(crate) token: &'a (dyn Fn() -> Option<String> + Send + Sync),
    pub(crate) figures: Figures,
    /// The endpoint's, as the broker says.
    pub(crate) status: watch::Receiver<EndpointStatus>,
    pub(crate) stop: Stop,
}

/// Asks until the endpoint has consented, or it makes no sense any more, or told to stop.
pub(crate) async fn confirm<B: Backend, C: Carrier>(mut asking: Asking<'_, B, C>) -> End {
    let stop = asking.stop.clone();
    tokio::select! {
        biased;
        () = stop.cancelled() => End::Stopped,
        end = asking.run() => end,
    }
}

/// Vouches for an endpoint that need not be asked.
pub(crate) async fn vouch<B: Backend>(backend: &B, endpoint: &AssignedEndpoint, stop: &Stop) -> End {
    tokio::select! {
        biased;
        () = stop.cancelled() => End::Stopped,
        result = change(backend, endpoint, EndpointChange::Confirmed) => settled(result),
    }
}

fn settled(result: Result<(), BackendError>) -> End {
    match result {
        Ok(()) => End::Told,
        Err(error) => End::Failed(error),
    }
}

impl<B: Backend, C: Carrier> Asking<'_, B, C> {
    async fn run(&mut self) -> End {
        let mut backoff = Backoff::default();
        loop {
            let EndpointStatus::Pending(confirmation) = self.status.borrow_and_update().clone() else {
                return End::Settled;
            };
            if let Some(wait) = self.wait(&confirmation) {
                self.wait_for_change(wait).await;
                continue;
            }
            if confirmation.requests >= limits::CONFIRMATION_REQUESTS {
                let disabled = EndpointChange::Disabled(DisabledReason::Unconfirmed);
                return settled(change(self.backend, self.endpoint, disabled).await);
            }
            match self.ask().await {
                Ok(Some(end)) => return end,
                Ok(None) => backoff.reset(),
                Err(BackendError::Unavailable(_)) => self.wait_for_change(backoff.next()).await,
                Err(error) => return End::Failed(error),
            }
        }
    }

    /// How long it is too early.
    fn wait(&self, confirmation: &Confirmation) -> Option<Duration> {
        let wait = confirmation.next_request_at().since(self.clock.now());
        if !wait.is_zero() {
            return Some(wait);
        }
        self.limits.ask(&self.endpoint.push.endpoint).err()
    }

    /// One request. Waits a while after it, unless it says how it ends.
    async fn ask(&mut self) -> Result<Option<End>, BackendError> {
        let Some(token) = (self.token)() else {
            self.failed("the system gives no random numbers");
            self.wait_for_change(NOT_GRANTED).await;
            return Ok(None);
        };
        if !self.backend.begin_confirmation(self.endpoint, &token).await? {
            self.wait_for_change(NOT_GRANTED).await;
            return Ok(None);
        }
        match timeout(self.endpoint.push.request_timeout, self.carrier.confirm(&token)).await {
            Ok(Consent::Given) => {
                let result = change(self.backend, self.endpoint, EndpointChange::Confirmed).await;
                return Ok(Some(settled(result)));
            }
            Ok(Consent::NotYet) => {
                self.failed("it was asked for its consent and has not answered with the token yet");
            }
            Ok(Consent::Failed(why)) => self.failed(&format!("it was asked for its consent: {why}")),
            Err(_) => self.failed("it was asked for its consent: no answer in time"),
        }
        // The broker's word about the request says when the next is due; should it not come, this is the least.
        self.wait_for_change(limits::CONFIRMATION_INTERVAL).await;
        Ok(None)
    }

    fn failed(&self, error: &str) {
        self.figures.failed(error, self.clock.now());
    }

    async fn wait_for_change(&mut self, most: Duration) {
        tokio::select! {
            biased;
            // Whoever sends is gone: so will this be.
            result = self.status.changed() => if result.is_err() { std::future::pending::<()>().await },
            () = sleep(most) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_address_is_asked_once_a_minute_and_a_host_once_a_second() {
        let limits = AskLimits::new();
        assert_eq!(limits.ask("https://one.example/a"), Ok(()));
        assert_eq!(limits.ask("https://ONE.example/b"), Err(HOST_INTERVAL));
        assert_eq!(limits.ask("https://two.example/a"), Ok(()));
        advance(HOST_INTERVAL).await;
        assert_eq!(limits.ask("https://ONE.example/b"), Ok(()));
        assert_eq!(limits.ask("https://one.example/a"), Err(Duration::from_secs(59)));
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_remembered_is_bounded_and_makes_room_again() {
        let limits = AskLimits::new();
        let asked = |n: usize| limits.ask(&format!("https://{n}.example/"));
        assert!((0..REMEMBERED / 2).all(|n| asked(n).is_ok()));
        assert_eq!(asked(REMEMBERED), Err(HOST_INTERVAL));
        assert!(limits.asked.lock().next.len() <= REMEMBERED);
        advance(limits::CONFIRMATION_INTERVAL).await;
        assert_eq!(asked(REMEMBERED), Ok(()));
    }
}
