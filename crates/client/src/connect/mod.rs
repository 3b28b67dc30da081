//! The ways to the broker: one connection an endpoint, made when it is needed and again when it broke.
//!
//! Calls go round the endpoints in turn. One whose connection failed is passed over until its pause is over, which grows from failure to
//! failure; if all are paused, the one whose pause ends first is tried.

mod call;
mod endpoint;

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use parking_lot::Mutex;
use tokio::time::Instant;
use tonic::{Request, metadata::AsciiMetadataValue, transport::Channel};

use crate::{
    clock,
    retry::{Backoff, RetryPolicy},
};
pub(crate) use endpoint::Transport;

/// Why a client cannot be built. Nothing was connected to.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// There is no endpoint.
    #[error("a client needs at least one endpoint")]
    NoEndpoint,
    /// It is no URL of a broker.
    #[error("{endpoint} is no endpoint, must be http://host:port or https://host:port: {why}")]
    Endpoint {
        /// As it was given.
        endpoint: String,
        /// What is wrong with it.
        why: String,
    },
    /// The token cannot be put into a header.
    #[error("the token must be visible ASCII")]
    Token,
    /// The certificates or the key cannot be used, or the feature `tls` is off.
    #[error("TLS: {0}")]
    Tls(String),
}

/// All ways to the broker. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Lines(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    lines: Vec<Line>,
    next: AtomicUsize,
    authorization: Option<AsciiMetadataValue>,
    retry: RetryPolicy,
    request_timeout: std::time::Duration,
}

/// One way.
#[derive(Debug)]
struct Line {
    channel: Channel,
    pause: Mutex<Pause>,
}

#[derive(Debug)]
struct Pause {
    until: Option<Instant>,
    backoff: Backoff,
}

impl Line {
    fn new(channel: Channel, retry: RetryPolicy) -> Self {
        Self { channel, pause: Mutex::new(Pause { until: None, backoff: Backoff::new(retry) }) }
    }

    fn until(&self) -> Option<Instant> {
        self.pause.lock().until
    }
}

/// A way that was picked for one call or stream.
#[derive(Debug, Clone)]
pub(crate) struct Picked {
    lines: Lines,
    index: usize,
}

impl Lines {
    pub(crate) fn new(transport: &Transport) -> Result<Self, ConnectError> {
        let lines = transport.channels()?.into_iter().map(|channel| Line::new(channel, transport.retry));
        let lines: Vec<_> = lines.collect();
        if lines.is_empty() {
            return Err(ConnectError::NoEndpoint);
        }
        let authorization = transport.token.as_deref().map(bearer).transpose()?;
        Ok(Self(Arc::new(Inner {
            lines,
            next: AtomicUsize::default(),
            authorization,
            retry: transport.retry,
            request_timeout: transport.request_timeout,
        })))
    }

    /// The next in turn that is not paused; else the one whose pause ends first.
    pub(crate) fn pick(&self) -> Picked {
        let (count, now) = (self.0.lines.len(), clock::now());
        let first = self.0.next.fetch_add(1, Ordering::Relaxed) % count;
        let in_turn = (0..count).map(|step| (first + step) % count);
        let is_free = |index: &usize| self.0.lines[*index].until().is_none_or(|until| until <= now);
        let index = in_turn
            .clone()
            .find(is_free)
            .or_else(|| in_turn.min_by_key(|&index| self.0.lines[index].until()));
        Picked { lines: self.clone(), index: index.unwrap_or(first) }
    }

    /// The policy of unary calls.
    pub(crate) fn retry(&self) -> RetryPolicy {
        self.0.retry
    }

    /// Until one try counts as failed.
    pub(crate) fn request_timeout(&self) -> std::time::Duration {
        self.0.request_timeout
    }

    /// A request with the token.
    pub(crate) fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        if let Some(authorization) = &self.0.authorization {
            request.metadata_mut().insert("authorization", authorization.clone());
        }
        request
    }
}

/// The header that shows a token to the broker, and to nobody who prints it.
fn bearer(token: &str) -> Result<AsciiMetadataValue, ConnectError> {
    let mut value: AsciiMetadataValue = format!("Bearer {token}").parse().map_err(|_| ConnectError::Token)?;
    value.set_sensitive(true);
    Ok(value)
}

impl Picked {
    pub(crate) fn channel(&self) -> Channel {
        self.line().channel.clone()
    }

    /// Its connection failed: the others go first for a while.
    pub(crate) fn failed(&self) {
        let pause = &mut *self.line().pause.lock();
        pause.until = Some(clock::after(clock::now(), pause.backoff.next(None)));
    }

    /// The broker has answered on it.
    pub(crate) fn works(&self) {
        let pause = &mut *self.line().pause.lock();
        pause.until = None;
        pause.backoff.reset();
    }

    fn line(&self) -> &Line {
        &self.lines.0.lines[self.index]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(count: usize) -> Lines {
        let endpoints = (1..=count).map(|port| format!("http://127.0.0.1:{port}")).collect();
        Lines::new(&Transport { endpoints, ..Transport::default() }).unwrap()
    }

    #[tokio::test]
    async fn calls_go_round_the_endpoints() {
        let lines = lines(3);
        let picked: Vec<_> = (0..6).map(|_| lines.pick().index).collect();
        assert_eq!(picked, [0, 1, 2, 0, 1, 2]);
    }

    #[test]
    #[should_panic(expected = "runtime")]
    fn outside_of_a_runtime_no_client_can_be_built() {
        lines(1);
    }

    #[tokio::test]
    async fn the_token_is_in_no_debug_text() {
        let client = crate::Client::builder().endpoint("http://127.0.0.1:1").token("a-secret");
        let built = client.clone().build().unwrap();
        let request = built.lines().request(());
        let text =
            format!("{client:?} {built:?} {:?} {:?} {request:?}", built.publisher("t"), built.topics());
        assert!(!text.contains("a-secret"), "{text}");
        assert_eq!(request.metadata().get("authorization").unwrap(), "Bearer a-secret");
    }

    #[tokio::test(start_paused = true)]
    async fn an_endpoint_that_failed_is_passed_over_until_its_pause_is_over() {
        let lines = lines(2);
        lines.pick().failed();
        assert!((0..4).all(|_| lines.pick().index == 1));
        tokio::time::advance(std::time::Duration::from_millis(101)).await;
        assert!((0..4).any(|_| lines.pick().index == 0));
    }

    #[tokio::test(start_paused = true)]
    async fn if_all_have_failed_the_one_that_is_due_first_is_tried() {
        let lines = lines(2);
        let (first, second) = (lines.pick(), lines.pick());
        first.failed();
        first.failed();
        first.failed();
        second.failed();
        assert!((0..4).all(|_| lines.pick().index == second.index));
        second.works();
        first.works();
        assert!((0..4).any(|_| lines.pick().index == first.index));
    }
}
