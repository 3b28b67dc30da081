use std::{convert::Infallible, fmt, future::Future, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures_util::FutureExt as _;
use tokio::{
    pin, select,
    task::JoinSet,
    time::{sleep, timeout},
};
use tracing::Instrument as _;

use super::{ConsumeError, Delivery, MessageStream, OnShutdown, SubscriberBuilder};
use crate::{ReceivedMessage, correlation, trace};

/// For handlers that were cancelled to let go of what they have.
const LETTING_GO: Duration = Duration::from_secs(1);

/// What a handler makes of its message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is done.
    Ack,
    /// It failed, and comes again as the subscription's retry policy says.
    Nack,
    /// It failed, and comes again after this. At most 12 h; more counts as that.
    NackAfter(Duration),
}

impl From<()> for Verdict {
    fn from((): ()) -> Self {
        Self::Ack
    }
}

impl<E: fmt::Display> From<Result<(), E>> for Verdict {
    /// An error is logged, and the message comes again.
    fn from(result: Result<(), E>) -> Self {
        match result {
            Ok(()) => Self::Ack,
            Err(error) => {
                tracing::warn!(%error, "a handler failed; its message comes again");
                Self::Nack
            }
        }
    }
}

/// A consumer with a handler, to be awaited.
#[must_use = "nothing is consumed until it is awaited"]
pub struct Run<H> {
    builder: SubscriberBuilder,
    handler: Arc<H>,
}

impl<H> fmt::Debug for Run<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Run").field("builder", &self.builder).finish_non_exhaustive()
    }
}

impl<H, F> Run<H>
where
    H: Fn(ReceivedMessage) -> F + Send + Sync + 'static,
    F: Future + Send + 'static,
    F::Output: Into<Verdict>,
{
    /// Fetches ahead no more than the handlers that run can take next.
    pub(super) fn new(builder: SubscriberBuilder, handler: H) -> Self {
        let ahead = u32::try_from(builder.concurrency.saturating_mul(2)).unwrap_or(u32::MAX);
        let messages = builder.max_outstanding_messages.min(ahead);
        Self { builder: builder.max_outstanding_messages(messages), handler: Arc::new(handler) }
    }

    /// Consumes until `shutdown` is ready, then ends as [`OnShutdown`] says.
    ///
    /// # Errors
    /// [`ConsumeError`] if it ended before. Handlers under way are then treated as at a shutdown; what they settle is not confirmed.
    pub async fn until(self, shutdown: impl Future<Output = ()>) -> Result<(), ConsumeError> {
        let (concurrency, on_shutdown) = (self.builder.concurrency, self.builder.on_shutdown);
        let subscription: Arc<str> = self.builder.subscription.as_str().into();
        let mut messages = MessageStream::start(self.builder);
        let mut handlers = JoinSet::new();
        pin!(shutdown);
        let end = loop {
            select! {
                () = &mut shutdown => break Ok(()),
                next = messages.next(), if handlers.len() < concurrency => match next {
                    Some(Ok(delivery)) => {
                        _ = handlers.spawn(handle(self.handler.clone(), subscription.clone(), delivery));
                    }
                    Some(Err(error)) => break Err(error),
                    None => break Ok(()),
                },
                Some(_) = handlers.join_next() => {}
            }
        };
        finish(messages, handlers, on_shutdown).await;
        end
    }

    /// Consumes until it cannot go on. Dropped, it cancels its handlers and gives back what is held.
    ///
    /// # Errors
    /// [`ConsumeError`] says why.
    pub async fn forever(self) -> Result<Infallible, ConsumeError> {
        self.until(std::future::pending()).await?;
        // Only its runtime's end stops a session that nobody stops; then this is not polled again.
        std::future::pending().await
    }
}

/// Lets handlers end, or ends them.
async fn finish(mut messages: MessageStream, mut handlers: JoinSet<()>, on_shutdown: OnShutdown) {
    messages.stop(on_shutdown);
    let joined = async |handlers: &mut JoinSet<()>| while handlers.join_next().await.is_some() {};
    if let OnShutdown::Wait(patience) = on_shutdown {
        select! {
            () = joined(&mut handlers) => {}
            () = sleep(patience) => {}
        }
    }
    handlers.abort_all();
    // One that never yields cannot be cancelled; its message is given back all the same.
    _ = timeout(LETTING_GO, joined(&mut handlers)).await;
    messages.stopped().await;
}

/// One message. Cancelled or panicking, it gives the message back.
async fn handle<H, F>(handler: Arc<H>, subscription: Arc<str>, delivery: Delivery)
where
    H: Fn(ReceivedMessage) -> F,
    F: Future,
    F::Output: Into<Verdict>,
{
    let (message, handle) = delivery.into_parts();
    let span = trace::process_span(&subscription, message.message(), message.message_id());
    let correlation: Arc<str> = message.correlation_id().into();
    // What a handler shares with others is its own matter; its message is settled as if it had failed.
    let handling = AssertUnwindSafe(async { handler(message).await.into() }).catch_unwind();
    let settling = async {
        match handling.await {
            // It is sent in any case; what is not made comes again.
            Ok(verdict) => drop(handle.settle(verdict)),
            Err(_) => {
                tracing::Span::current().record("error.type", "panic");
                tracing::error!("a handler panicked; its message comes again");
                drop(handle);
            }
        }
    };
    correlation::scope(correlation, settling).instrument(span).await;
}
