//! What protects an endpoint: how many requests, and when.
//!
//! # Invariants
//!
//! - No I/O, no clock, no randomness: time is an argument, counted from whenever the endpoint's task began.
//! - A gate is asked before a lease and told after it; nobody else asks in between, since an endpoint has one task.

mod breaker;
mod bucket;
mod budget;
mod concurrency;
mod ramp;
#[cfg(test)]
mod tests;
mod window;

use std::time::Duration;

use types::push::{BreakerState, PushSettings};

pub(crate) use breaker::Admission;
pub(crate) use concurrency::RoundTrip;

use breaker::Breaker;
use bucket::Bucket;
use budget::Budget;
use concurrency::Concurrency;
use ramp::Ramp;

/// All of them, of one endpoint.
#[derive(Debug, Clone)]
pub(crate) struct Gates {
    batch: usize,
    rate: Option<(f64, Bucket)>,
    concurrency: Concurrency,
    breaker: Breaker,
    budget: Budget,
    ramp: Ramp,
    /// What was begun before says nothing: the endpoint was away, and is back.
    back_since: Duration,
}

/// What may be leased at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Allowance {
    /// So many messages, at least one.
    Messages(usize),
    /// One, to see whether the endpoint is back.
    Probe,
    /// None before then.
    NotBefore(Duration),
    /// None before a request is back.
    Full,
}

/// What a request said about the endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Health {
    /// It takes messages.
    Good,
    /// It answers, and does not want these.
    Picky,
    /// It does not answer, or not as it should.
    Bad,
    /// Nothing: it was not asked.
    Unknown,
}

/// What changed by a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    /// Nothing that matters to others.
    None,
    /// The breaker opened.
    Opened,
    /// It closed.
    Closed,
}

impl Gates {
    /// Of an endpoint that nothing is known about; the seed tells it apart.
    pub(crate) fn new(push: &PushSettings, seed: u64) -> Self {
        Self {
            batch: batch(push),
            rate: push.max_receives_per_second.map(|rate| (rate, Bucket::new(rate))),
            concurrency: Concurrency::new(push.max_concurrency),
            breaker: Breaker::new(push.breaker.clone(), seed),
            budget: Budget::new(),
            ramp: Ramp::new(),
            back_since: Duration::ZERO,
        }
    }

    /// The same for the next task of the endpoint: its settings may have changed, and no request is under way any more.
    pub(crate) fn renewed(mut self, now: Duration, push: &PushSettings) -> Self {
        self.batch = batch(push);
        self.set_rate(now, push);
        self.concurrency.set_most(push.max_concurrency);
        self.breaker.renew(now, push.breaker.clone());
        self
    }

    /// Those of another endpoint of the same subscription, or of one that is wanted again: only the rate is the owner's, not the endpoint's.
    pub(crate) fn of_another(self, now: Duration, push: &PushSettings, seed: u64) -> Self {
        let mut another = Self::new(push, seed);
        another.rate = self.rate;
        another.set_rate(now, push);
        another.ramp.begin_at(now);
        another
    }

    /// Time has passed, with so many requests under way.
    pub(crate) fn advance(&mut self, now: Duration, in_flight: usize) {
        let is_closed = self.breaker.open_since().is_none();
        self.ramp.advance(now, is_closed, in_flight);
    }

    /// What may be leased with so many requests under way.
    pub(crate) fn allowance(&self, now: Duration, in_flight: usize) -> Allowance {
        let is_probe = match self.breaker.admission(now) {
            Admission::NotBefore(at) => return Allowance::NotBefore(at),
            Admission::Probing => return Allowance::Full,
            Admission::Probe => true,
            Admission::All => false,
        };
        let slots = self.concurrency.limit().saturating_sub(in_flight);
        if slots == 0 && !is_probe {
            return Allowance::Full;
        }
        let rate = self.rate.as_ref().map(|(_, bucket)| (bucket.available(now), bucket.next_at()));
        let gates = rate.into_iter().chain(self.ramp.available(now));
        let (most, next_at) =
            gates.fold((usize::MAX, Duration::ZERO), |all, gate| (all.0.min(gate.0), all.1.max(gate.1)));
        match most {
            0 => Allowance::NotBefore(next_at),
            _ if is_probe => Allowance::Probe,
            most => Allowance::Messages(most.min(slots * self.batch)),
        }
    }

    /// So many messages go out.
    pub(crate) fn take(&mut self, now: Duration, messages: usize, is_probe: bool) {
        if is_probe {
            self.breaker.begin_probe();
        }
        if let Some((_, bucket)) = &mut self.rate {
            bucket.take(now, messages);
        }
        self.ramp.take(now, messages);
    }

    /// Leave to make another attempt at this message now. If there is none: how long to put it off.
    pub(crate) fn retry(&mut self, now: Duration, sequence: u64) -> Result<(), Duration> {
        self.budget.spend(now, sequence)
    }

    /// A request is back, with so many messages taken.
    pub(crate) fn settle(&mut self, trip: RoundTrip, health: Health, taken: u32, is_probe: bool) -> Turn {
        let now = trip.ended;
        self.budget.earn(now, taken);
        self.ramp.delivered(taken);
        if trip.started < self.back_since && !is_probe {
            return Turn::None;
        }
        match health {
            Health::Good | Health::Picky => self.good(trip, health, is_probe),
            Health::Bad => self.bad(trip, is_probe),
            Health::Unknown => {
                if is_probe {
                    self.breaker.void_probe(now);
                }
                Turn::None
            }
        }
    }

    /// Nothing goes out before then.
    pub(crate) fn pause(&mut self, until: Duration) {
        self.breaker.pause(until);
    }

    /// A lease came back empty.
    pub(crate) fn drained(&mut self) {
        self.ramp.drained();
    }

    /// Requests that may be under way.
    pub(crate) fn concurrency(&self) -> usize {
        self.concurrency.limit()
    }

    /// Messages a second, if that is limited.
    pub(crate) fn rate_limit(&self, now: Duration) -> Option<f64> {
        let owners = self.rate.as_ref().map(|(rate, _)| *rate);
        owners.into_iter().chain(self.ramp.rate(now)).reduce(f64::min)
    }

    /// Whether requests go out.
    pub(crate) fn breaker(&self, now: Duration) -> BreakerState {
        self.breaker.state(now)
    }

    /// The breaker has not been closed since then.
    pub(crate) fn open_since(&self) -> Option<Duration> {
        self.breaker.open_since()
    }

    /// No request goes out before, because of the breaker or because the endpoint asked for it.
    pub(crate) fn not_before(&self) -> Duration {
        self.breaker.not_before()
    }

    /// When the endpoint is to be disabled. While a probe is under way or there is no message for one, that is not known.
    pub(crate) fn disables_at(&self, now: Duration) -> Option<Duration> {
        self.breaker.disables_at().filter(|_| self.breaker(now) == BreakerState::Open)
    }

    fn set_rate(&mut self, now: Duration, push: &PushSettings) {
        let before = self.rate.take().map(|(_, bucket)| bucket);
        self.rate = push.max_receives_per_second.map(|rate| {
            let bucket = before.map_or_else(|| Bucket::new(rate), |bucket| bucket.at_rate(now, rate));
            (rate, bucket)
        });
    }

    fn good(&mut self, trip: RoundTrip, health: Health, is_probe: bool) -> Turn {
        if health == Health::Good {
            self.concurrency.succeeded(trip);
        } else if !is_probe {
            // It neither shows that more would go well nor that less would go better.
            return Turn::None;
        }
        if !self.breaker.succeeded(trip.ended, is_probe) {
            return Turn::None;
        }
        self.back_since = trip.ended;
        self.concurrency.restart();
        self.ramp.begin(trip.ended);
        Turn::Closed
    }

    fn bad(&mut self, trip: RoundTrip, is_probe: bool) -> Turn {
        self.concurrency.failed(trip);
        self.ramp.failed();
        if !self.breaker.failed(trip.ended, is_probe) {
            return Turn::None;
        }
        self.ramp.cancel();
        Turn::Opened
    }
}

fn batch(push: &PushSettings) -> usize {
    usize::try_from(push.max_batch).unwrap_or(1).max(1)
}
