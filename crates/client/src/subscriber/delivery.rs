use std::{
    future::Future,
    ops::Deref,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use super::{AckError, Verdict, block::Block};
use crate::ReceivedMessage;

/// The longest delay of a nack.
const LONGEST_DELAY: Duration = Duration::from_secs(43_200);

/// A message and the right to settle it. Dropped without a settlement, it is given back: nacked, as the subscription's retry policy says.
///
/// ```no_run
/// # async fn example(mut messages: fanfare_client::subscriber::MessageStream) -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
///
/// while let Some(delivery) = messages.next().await {
///     let delivery = delivery?;
///     match delivery.text() {
///         // Sent in any case; awaited, it tells when it is durable.
///         Some("order") => delivery.ack().await?,
///         Some(_) => _ = delivery.nack_after(Duration::from_secs(60)),
///         None => drop(delivery),
///     }
/// }
/// # Ok(()) }
/// ```
#[derive(Debug)]
#[must_use = "a delivery that is dropped is given back"]
pub struct Delivery {
    message: ReceivedMessage,
    handle: AckHandle,
}

impl Delivery {
    pub(super) fn new(message: ReceivedMessage, handle: AckHandle) -> Self {
        Self { message, handle }
    }

    /// From here on it is the user's: dropped, it counts as failed.
    pub(super) fn hand_out(mut self) -> Self {
        self.handle.is_handed_out = true;
        self
    }

    /// The message is done.
    pub fn ack(self) -> Settled {
        self.handle.ack()
    }

    /// The message failed: it comes again as the subscription's retry policy says.
    pub fn nack(self) -> Settled {
        self.handle.nack()
    }

    /// The message failed: it comes again after this. At most 12 h; more counts as that.
    pub fn nack_after(self, delay: Duration) -> Settled {
        self.handle.nack_after(delay)
    }

    /// The message, and what settles it, apart.
    pub fn into_parts(self) -> (ReceivedMessage, AckHandle) {
        (self.message, self.handle)
    }
}

impl Deref for Delivery {
    type Target = ReceivedMessage;

    fn deref(&self) -> &ReceivedMessage {
        &self.message
    }
}

/// Settles one delivery. Dropped, it gives the message back.
#[derive(Debug)]
#[must_use = "a handle that is dropped gives its message back"]
pub struct AckHandle {
    /// None once it was used.
    block: Option<Arc<Block>>,
    index: u32,
    is_handed_out: bool,
}

impl AckHandle {
    pub(super) fn new(block: Arc<Block>, index: u32) -> Self {
        Self { block: Some(block), index, is_handed_out: false }
    }

    /// See [`Delivery::ack`].
    pub fn ack(self) -> Settled {
        self.settle(Verdict::Ack)
    }

    /// See [`Delivery::nack`].
    pub fn nack(self) -> Settled {
        self.settle(Verdict::Nack)
    }

    /// See [`Delivery::nack_after`].
    pub fn nack_after(self, delay: Duration) -> Settled {
        self.settle(Verdict::NackAfter(delay))
    }

    pub(super) fn settle(mut self, verdict: Verdict) -> Settled {
        let verdict = match verdict {
            Verdict::NackAfter(delay) => Verdict::NackAfter(delay.min(LONGEST_DELAY)),
            other => other,
        };
        let block = self.block.take();
        if let Some(block) = &block {
            block.settle(self.index, verdict);
        }
        Settled { block, index: self.index }
    }
}

impl Drop for AckHandle {
    fn drop(&mut self) {
        let Some(block) = self.block.take() else { return };
        // Nobody has tried one that was not handed out: no reason to wait before someone does.
        let verdict = if self.is_handed_out { Verdict::Nack } else { Verdict::NackAfter(Duration::ZERO) };
        block.settle(self.index, verdict);
    }
}

/// Whether a settlement was made. It is sent in any case; awaiting it tells when it is durable, or why it was not made.
///
/// One whose lease had run out waits 5 s before it fails, and is made if the message is delivered here again by then.
#[derive(Debug)]
pub struct Settled {
    /// None if there was nothing to settle with, which never happens.
    block: Option<Arc<Block>>,
    index: u32,
}

impl Future for Settled {
    type Output = Result<(), AckError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &self.block {
            Some(block) => block.poll(self.index, context),
            None => Poll::Ready(Err(AckError::Unconfirmed)),
        }
    }
}
