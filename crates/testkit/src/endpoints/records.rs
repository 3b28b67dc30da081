//! What an endpoint has seen.

use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, Method};
use parking_lot::Mutex;
use tokio::{sync::watch, time::Instant};

/// How long a condition may take to come true. The clock is tokio's: under a paused one this is no time.
const PATIENCE: Duration = Duration::from_secs(30);

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Request {
    /// How it asks.
    pub method: Method,
    /// Path and query.
    pub path: String,
    /// All of them, names in lower case.
    pub headers: HeaderMap,
    /// All of it.
    pub body: Bytes,
    /// When it was there whole, since the endpoint was started.
    pub at: Duration,
    /// The connection that it came on: a number.
    pub connection: u64,
}

impl Request {
    /// The first header of this name that is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The body as text.
    ///
    /// # Panics
    /// If it is none.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("the body is text")
    }

    /// Whether it asks for consent, and delivers nothing.
    pub fn is_confirmation(&self) -> bool {
        self.method == Method::OPTIONS
            || self.header("x-amz-sns-message-type") == Some("SubscriptionConfirmation")
    }

    /// The token that a request for consent wants back.
    pub fn token(&self) -> Option<String> {
        let in_body = || {
            let body: serde_json::Value = serde_json::from_slice(&self.body).ok()?;
            body["Token"].as_str().map(str::to_owned)
        };
        self.header("fanfare-confirmation-token").map(str::to_owned).or_else(in_body)
    }
}

/// What an endpoint has counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Connections that were accepted.
    pub connections: u64,
    /// Connections that are open.
    pub open: u64,
    /// Requests that deliver something, whole.
    pub deliveries: u64,
    /// Requests that ask for consent.
    pub confirmations: u64,
    /// Requests that are held.
    pub held: u64,
    /// Deliveries that have come and not been answered.
    pub in_flight: u64,
    /// The most that there ever were.
    pub most_in_flight: u64,
}

impl Totals {
    /// A connection is there.
    pub(super) fn open(&mut self) {
        self.connections += 1;
        self.open += 1;
    }

    /// A delivery has begun.
    pub(super) fn begin_flight(&mut self) {
        self.in_flight += 1;
        self.most_in_flight = self.most_in_flight.max(self.in_flight);
    }
}

/// The requests and the counts.
#[derive(Debug)]
pub(super) struct Records<R> {
    started: Instant,
    keep: usize,
    requests: Mutex<VecDeque<R>>,
    attempts: Mutex<HashMap<String, u32>>,
    totals: watch::Sender<Totals>,
}

impl<R: Clone> Records<R> {
    #[expect(clippy::disallowed_methods, reason = "an endpoint is outside, and has a clock of its own")]
    pub(super) fn new(keep: usize) -> Self {
        Self {
            started: Instant::now(),
            keep,
            requests: Mutex::default(),
            attempts: Mutex::default(),
            totals: watch::Sender::default(),
        }
    }

    /// Time since the start.
    pub(super) fn now(&self) -> Duration {
        self.started.elapsed()
    }

    /// Takes note of a request, and then counts it.
    pub(super) fn keep(&self, request: R, count: impl FnOnce(&mut Totals)) {
        {
            let mut requests = self.requests.lock();
            if requests.len() == self.keep {
                requests.pop_front();
            }
            requests.push_back(request);
        }
        self.count(count);
    }

    pub(super) fn count(&self, count: impl FnOnce(&mut Totals)) {
        self.totals.send_modify(count);
    }

    /// The number of this attempt of a message, from 1.
    pub(super) fn attempt(&self, message: &str) -> u32 {
        let mut attempts = self.attempts.lock();
        let attempt = attempts.entry(message.to_owned()).or_default();
        *attempt += 1;
        *attempt
    }

    pub(super) fn requests(&self) -> Vec<R> {
        self.requests.lock().iter().cloned().collect()
    }

    pub(super) fn totals(&self) -> Totals {
        *self.totals.borrow()
    }

    /// Waits for a condition of the counts.
    pub(super) async fn wait_until(&self, what: &str, wanted: impl FnMut(&Totals) -> bool) -> Totals {
        let mut totals = self.totals.subscribe();
        let waited = tokio::time::timeout(PATIENCE, totals.wait_for(wanted)).await;
        let found = waited.ok().and_then(Result::ok).map(|found| *found);
        found.unwrap_or_else(|| panic!("{what}: not in {PATIENCE:?}, there are {:?}", self.totals()))
    }
}

/// Counts something as long as it lives.
pub(super) struct Counted<F: FnMut(&mut Totals)> {
    totals: watch::Sender<Totals>,
    end: F,
}

impl<R> Records<R> {
    /// Counts from now on, until what it gives is dropped.
    pub(super) fn while_alive<F: FnMut(&mut Totals)>(
        &self,
        begin: impl FnOnce(&mut Totals),
        end: F,
    ) -> Counted<F> {
        self.totals.send_modify(begin);
        Counted { totals: self.totals.clone(), end }
    }
}

impl<F: FnMut(&mut Totals)> Drop for Counted<F> {
    fn drop(&mut self) {
        let Self { totals, end } = self;
        totals.send_modify(|totals| end(totals));
    }
}
