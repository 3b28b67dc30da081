use std::{fmt, future::Future, time::Duration};

use super::ConsumeError;
use crate::ReceivedMessage;

/// What a handler makes of its message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is done.
    Ack,
    /// It failed, and comes again as the subscription's retry policy says.
    Nack,
    /// It failed, and comes again after this.
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
#[derive(Debug)]
#[must_use = "nothing is consumed until it is awaited"]
pub struct Run<H> {
    #[expect(dead_code, reason = "to come")]
    handler: H,
}

impl<H, F> Run<H>
where
    H: Fn(ReceivedMessage) -> F + Send + Sync + 'static,
    F: Future + Send + 'static,
    F::Output: Into<Verdict>,
{
    /// Consumes until `shutdown` is ready, then ends as [`OnShutdown`](super::OnShutdown) says.
    ///
    /// # Errors
    /// [`ConsumeError`] if it ended before.
    pub async fn until(self, shutdown: impl Future<Output = ()>) -> Result<(), ConsumeError> {
        let _ = shutdown;
        todo!()
    }

    /// Consumes until it cannot go on. Dropped, it gives back what is held.
    ///
    /// # Errors
    /// [`ConsumeError`] says why.
    pub async fn forever(self) -> Result<std::convert::Infallible, ConsumeError> {
        todo!()
    }
}
