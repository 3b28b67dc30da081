use std::{future::Future, time::Duration};

use super::{MessageStream, Run, Verdict};
use crate::{ReceivedMessage, RetryPolicy, connect::Lines};

/// What becomes of messages that are held when consuming ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnShutdown {
    /// Handlers under way are waited for, for so long; what has not been handed to one is given back at once. Then as [`Self::Nack`].
    Wait(Duration),
    /// All of them are given back at once, and handlers under way are cancelled.
    Nack,
}

/// Collects how a subscription is consumed.
#[derive(Debug, Clone)]
#[must_use = "a builder does nothing until it is built"]
pub struct SubscriberBuilder {
    pub(super) lines: Lines,
    pub(super) subscription: String,
    pub(super) max_outstanding_messages: u32,
    pub(super) max_outstanding_bytes: u64,
    pub(super) concurrency: usize,
    pub(super) lease: Option<Duration>,
    pub(super) max_lease: Duration,
    pub(super) on_shutdown: OnShutdown,
    pub(super) retry: RetryPolicy,
}

impl SubscriberBuilder {
    pub(crate) fn new(lines: Lines, subscription: String) -> Self {
        Self {
            lines,
            subscription,
            max_outstanding_messages: 1_000,
            max_outstanding_bytes: 64 << 20,
            concurrency: 64,
            lease: None,
            max_lease: Duration::from_secs(3_600),
            on_shutdown: OnShutdown::Wait(Duration::from_secs(30)),
            retry: RetryPolicy::default().within(Duration::MAX),
        }
    }

    /// Messages delivered and not settled, at most. 1 to 100,000; less or more counts as the limit. Default: 1,000.
    pub fn max_outstanding_messages(mut self, messages: u32) -> Self {
        self.max_outstanding_messages = messages.clamp(1, 100_000);
        self
    }

    /// Their bytes, at most; one message may go past it. 1 to 256 MiB; less or more counts as the limit. Default: 64 MiB.
    pub fn max_outstanding_bytes(mut self, bytes: u64) -> Self {
        self.max_outstanding_bytes = bytes.clamp(1, 256 << 20);
        self
    }

    /// Handlers of [`run`](Self::run) at a time, at most. At least 1. Default: 64.
    pub fn concurrency(mut self, handlers: usize) -> Self {
        self.concurrency = handlers.max(1);
        self
    }

    /// How long a lease is extended for. 1 s to 12 h. Default: the subscription's `ack_deadline`.
    pub fn lease(mut self, lease: Duration) -> Self {
        self.lease = Some(lease.clamp(Duration::from_secs(1), Duration::from_secs(43_200)));
        self
    }

    /// How long one delivery is held with extensions, at most; then its lease runs out, which is a failed attempt. Zero extends nothing.
    /// Default: 1 h.
    pub fn max_lease(mut self, longest: Duration) -> Self {
        self.max_lease = longest;
        self
    }

    /// What becomes of what is held when consuming ends. Default: handlers are waited for, for 30 s.
    pub fn on_shutdown(mut self, on_shutdown: OnShutdown) -> Self {
        self.on_shutdown = on_shutdown;
        self
    }

    /// The waits between connections, and for how long a broker that cannot be reached is tried. Default: for ever; see [`RetryPolicy`].
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.retry = policy;
        self
    }

    /// The messages, one after the other. Must be called in a tokio runtime, in which its task runs.
    pub fn messages(self) -> MessageStream {
        MessageStream::start(self)
    }

    /// Hands each message to a handler, several at a time; await the answer to consume.
    ///
    /// A handler's [`Verdict`] settles its message; one that panics gives it back. It runs in a span of its own that is linked to the
    /// publisher's, under the message's [correlation ID](crate::correlation).
    ///
    /// ```no_run
    /// # async fn example(client: fanfare_client::Client) -> Result<(), Box<dyn std::error::Error>> {
    /// let run = client.subscriber("billing").run(|message| async move {
    ///     println!("{}", message.text().unwrap_or_default());
    ///     Ok::<_, std::io::Error>(())
    /// });
    /// run.until(async { _ = tokio::signal::ctrl_c().await }).await?;
    /// # Ok(()) }
    /// ```
    pub fn run<H, F>(self, handler: H) -> Run<H>
    where
        H: Fn(ReceivedMessage) -> F + Send + Sync + 'static,
        F: Future + Send + 'static,
        F::Output: Into<Verdict>,
    {
        Run::new(self, handler)
    }
}
