//! One endpoint: leases what the gates allow, delivers it, and reports what came of it.
//!
//! # Invariants
//!
//! - One task an endpoint; all it does is futures inside this task, so it ends as a whole and leaves nothing behind.
//! - What is leased is sent or given back at once; nothing waits here. While the breaker is open, nothing is leased.
//! - A message that was sent is reported once, as it went or as its time ran out; a success after that is reported on top.
//! - What the gates know is kept for the next task of the endpoint, however this one ends.
//! - Bounded: requests under way by the gates, messages and bytes in hand, late requests, and the time to stop.

mod attempt;
mod backoff;
mod bytes;
mod figures;
mod late;
mod lease;
mod memory;
mod outbox;
mod send;
mod settle;
mod stop;
mod stopwatch;

use std::{sync::Arc, time::Duration};

use broker::AssignedEndpoint;
use futures_util::{StreamExt as _, future::BoxFuture, stream::FuturesUnordered};
use tokio::time::{sleep, sleep_until};
use tokio_util::sync::CancellationToken;
use types::{Clock, push::DisabledReason};

pub(crate) use backoff::Backoff;
pub(crate) use bytes::{ByteBudget, Share};
pub(crate) use figures::Figures;
pub(crate) use memory::Memory;
pub(crate) use stop::Stop;
pub(crate) use stopwatch::Stopwatch;

use crate::{
    Backend, BackendError, Carrier, EndpointChange,
    gates::{Allowance, Gates},
};
use attempt::Back;
use late::{LateAnswer, LateRequests};
use lease::{InHand, Lease, Leased};
use outbox::{Outbox, Reported};

/// Reports are repeated for so long if the broker is away; then their leases are over.
const REPORT_PATIENCE: Duration = Duration::from_secs(30);
/// When it has to stop: time for the last reports.
const LAST_REPORTS: Duration = Duration::from_secs(5);

/// What a task works with.
pub(crate) struct Given<'a, B, C> {
    pub(crate) endpoint: &'a AssignedEndpoint,
    pub(crate) backend: &'a B,
    pub(crate) carrier: &'a C,
    pub(crate) clock: &'a dyn Clock,
    pub(crate) bytes: Arc<ByteBudget>,
    pub(crate) figures: Figures,
    pub(crate) memory: Memory,
    pub(crate) stop: Stop,
}

/// Why a task ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum End {
    /// It was told to.
    Stopped,
    /// There is nothing to do until the endpoint changes.
    Settled,
    /// The broker was told what has become of the endpoint, and will say so.
    Told,
    /// The broker does not go along.
    Failed(BackendError),
}

/// Delivers to an endpoint until told to stop.
pub(crate) async fn deliver<B: Backend, C: Carrier>(given: Given<'_, B, C>) -> End {
    let leases = match given.backend.leases(given.endpoint).await {
        Ok(leases) => leases,
        Err(error) => return End::Failed(error),
    };
    Task::new(given, &leases).run().await
}

struct Task<'a, B: Backend, C> {
    given: Given<'a, B, C>,
    leases: &'a B::Leases,
    time: Stopwatch,
    gates: Gates,
    attempts: FuturesUnordered<BoxFuture<'a, Back<'a>>>,
    late: LateRequests<'a>,
    outbox: Outbox<'a>,
    in_hand: InHand,
    share: Share,
    lease: Option<Lease<'a>>,
    /// The queue was empty when it was asked last.
    is_empty: bool,
    /// The queue is not asked before.
    not_before: Duration,
    backoff: Backoff,
    extensions: FuturesUnordered<BoxFuture<'a, ()>>,
    /// The endpoint gets nothing more, and the broker does not know yet.
    change: Option<BoxFuture<'a, Result<(), BackendError>>>,
    ending: Option<Ending>,
    /// How long requests may go on since it was told to stop.
    grace: Option<Duration>,
    /// Requests are no longer waited for.
    cut: CancellationToken,
}

/// Nothing more is leased.
#[derive(Debug)]
struct Ending {
    end: End,
    /// Requests are waited for until then.
    until: Duration,
}

enum Event<'a> {
    Stop(Duration),
    Time,
    Back(Back<'a>),
    Late(LateAnswer),
    Leased(Leased),
    Reported(Reported),
    Extended,
    Changed(Result<(), BackendError>),
}

impl<'a, B: Backend, C: Carrier> Task<'a, B, C> {
    fn new(given: Given<'a, B, C>, leases: &'a B::Leases) -> Self {
        let (time, gates) = given.memory.take_up(&given.endpoint.push, given.endpoint.uid.0);
        Self {
            gates,
            share: Share::new(given.bytes.clone()),
            given,
            leases,
            time,
            attempts: FuturesUnordered::new(),
            late: LateRequests::default(),
            outbox: Outbox::default(),
            in_hand: InHand { messages: 0, bytes: 0, mean: 0 },
            lease: None,
            is_empty: false,
            not_before: Duration::ZERO,
            backoff: Backoff::default(),
            extensions: FuturesUnordered::new(),
            change: None,
            ending: None,
            grace: None,
            cut: CancellationToken::new(),
        }
    }

    async fn run(mut self) -> End {
        loop {
            let now = self.time.now();
            self.gates.advance(now, self.attempts.len());
            if let Some(end) = self.ended(now) {
                self.show(now);
                return end;
            }
            self.disable_if_dead(now);
            let wake_at = self.lease_more(now);
            self.outbox.start(self.leases, REPORT_PATIENCE);
            self.show(now);
            match self.event(wake_at).await {
                Event::Stop(grace) => {
                    self.grace = Some(grace);
                    self.end(End::Stopped, grace);
                }
                Event::Back(back) => self.back(back),
                Event::Late(late) => self.late(late),
                Event::Leased(leased) => self.leased(leased),
                Event::Reported(reported) => self.reported(reported),
                Event::Changed(result) => self.changed(result),
                Event::Time | Event::Extended => {}
            }
        }
    }

    /// Waits until something happens. What waits is kept, so nothing is lost by leaving.
    async fn event(&mut self, wake_at: Option<Duration>) -> Event<'a> {
        let time = self.time;
        let Self { attempts, late, lease, outbox, extensions, change, given, grace, .. } = self;
        tokio::select! {
            biased;
            sooner = given.stop.sooner_than(*grace) => Event::Stop(sooner),
            Some(back) = attempts.next(), if !attempts.is_empty() => Event::Back(back),
            Some(answer) = late.next(), if !late.is_empty() => Event::Late(answer),
            reported = outbox.done() => Event::Reported(reported),
            leased = lease::done(lease) => Event::Leased(leased),
            result = done(change) => Event::Changed(result),
            Some(()) = extensions.next(), if !extensions.is_empty() => Event::Extended,
            () = sleep_until(time.at(wake_at.unwrap_or_default())), if wake_at.is_some() => Event::Time,
        }
    }

    /// Asks the queue for what the gates allow, and gives up asking for more than that. When to look again if nothing happens.
    fn lease_more(&mut self, now: Duration) -> Option<Duration> {
        if let Some(ending) = &self.ending {
            self.lease = None;
            let is_cut = self.cut.is_cancelled();
            return Some(ending.until + if is_cut { LAST_REPORTS } else { Duration::ZERO });
        }
        let allowance = match self.gates.allowance(now, self.attempts.len()) {
            Allowance::Messages(_) | Allowance::Probe if self.not_before > now => {
                Allowance::NotBefore(self.not_before)
            }
            allowance => allowance,
        };
        if self.lease.as_ref().is_some_and(|lease| !lease.fits(allowance)) {
            self.lease = None;
        }
        if self.lease.is_none() {
            self.lease = Lease::begin(self.leases, allowance, self.in_hand(), &self.share, self.is_empty);
        }
        let gates = match allowance {
            Allowance::NotBefore(at) => Some(at),
            _ => None,
        };
        gates.into_iter().chain(self.gates.disables_at(now)).min()
    }

    fn in_hand(&self) -> InHand {
        InHand { messages: self.in_hand.messages + self.outbox.len(), ..self.in_hand }
    }

    /// Leases nothing more, and ends when all is reported.
    fn end(&mut self, end: End, grace: Duration) {
        let until = self.time.now() + grace.min(self.given.endpoint.push.request_timeout);
        // What has been decided about the endpoint stays so; the time may only get shorter.
        match &mut self.ending {
            Some(ending) => ending.until = ending.until.min(until),
            None => self.ending = Some(Ending { end, until }),
        }
    }

    /// Whether all is done.
    fn ended(&mut self, now: Duration) -> Option<End> {
        let ending = self.ending.as_ref()?;
        let is_done = self.attempts.is_empty() && self.outbox.len() == 0 && self.change.is_none();
        if is_done {
            return Some(ending.end.clone());
        }
        if now >= ending.until + LAST_REPORTS {
            return Some(End::Failed(BackendError::Unavailable(
                "there was no time to tell it all".to_owned(),
            )));
        }
        if now >= ending.until {
            self.cut.cancel();
        }
        None
    }

    fn disable_if_dead(&mut self, now: Duration) {
        if self.ending.is_none() && self.gates.disables_at(now).is_some_and(|at| at <= now) {
            self.disable(DisabledReason::BreakerOpen);
        }
    }

    /// The endpoint gets nothing more.
    fn disable(&mut self, reason: DisabledReason) {
        if self.ending.is_some() {
            return;
        }
        tracing::warn!(subscription = %self.given.endpoint.subscription, ?reason, "the endpoint is disabled");
        let (backend, endpoint) = (self.given.backend, self.given.endpoint);
        self.change = Some(Box::pin(change(backend, endpoint, EndpointChange::Disabled(reason))));
        self.end(End::Told, Duration::MAX);
    }

    fn changed(&mut self, result: Result<(), BackendError>) {
        if let (Err(error), Some(ending)) = (result, &mut self.ending) {
            ending.end = End::Failed(error);
        }
    }
}

impl<B: Backend, C> Drop for Task<'_, B, C> {
    fn drop(&mut self) {
        let Given { memory, endpoint, .. } = &self.given;
        memory.keep(self.time, &self.gates, &endpoint.push.endpoint);
        if self.ending.as_ref().is_some_and(|ending| ending.end == End::Told) {
            memory.is_resumed();
        }
    }
}

/// Says what has become of an endpoint, until the broker has heard it or the caller drops it.
pub(crate) async fn change<B: Backend>(
    backend: &B,
    endpoint: &AssignedEndpoint,
    change: EndpointChange,
) -> Result<(), BackendError> {
    let mut backoff = Backoff::default();
    loop {
        match backend.change(endpoint, change).await {
            Err(BackendError::Unavailable(_)) => sleep(backoff.next()).await,
            result => return result,
        }
    }
}

/// What it comes to, and then there is none; for ever if there is none.
async fn done<T>(waiting: &mut Option<BoxFuture<'_, T>>) -> T {
    let Some(future) = waiting else { return std::future::pending().await };
    let result = future.await;
    *waiting = None;
    result
}
