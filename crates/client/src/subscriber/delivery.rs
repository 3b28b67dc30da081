use std::{
    future::Future,
    ops::Deref,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use tokio::sync::oneshot;

use super::{
    AckError, Verdict,
    leases::Ticket,
    outbox::{Outbox, Post, Waiter},
};
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
    outbox: Arc<Outbox>,
    ticket: Ticket,
    is_handed_out: bool,
    is_used: bool,
}

impl AckHandle {
    pub(super) fn new(outbox: Arc<Outbox>, ticket: Ticket) -> Self {
        Self { outbox, ticket, is_handed_out: false, is_used: false }
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
        let (waiter, result) = oneshot::channel();
        self.post(verdict, Some(waiter));
        Settled { result }
    }

    fn post(&mut self, verdict: Verdict, waiter: Option<Waiter>) {
        self.is_used = true;
        let verdict = match verdict {
            Verdict::NackAfter(delay) => Verdict::NackAfter(delay.min(LONGEST_DELAY)),
            other => other,
        };
        self.outbox.post(Post { ticket: self.ticket, verdict, waiter });
    }
}

impl Drop for AckHandle {
    fn drop(&mut self) {
        match (self.is_used, self.is_handed_out) {
            (true, _) => {}
            (false, true) => self.post(Verdict::Nack, None),
            // Nobody has tried it: no reason to wait before someone does.
            (false, false) => self.post(Verdict::NackAfter(Duration::ZERO), None),
        }
    }
}

/// Whether a settlement was made. It is sent in any case; awaiting it tells when it is durable, or why it was not made.
#[derive(Debug)]
pub struct Settled {
    result: oneshot::Receiver<Result<(), AckError>>,
}

impl Future for Settled {
    type Output = Result<(), AckError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let result = Pin::new(&mut self.result).poll(context);
        result.map(|result| result.unwrap_or(Err(AckError::Unconfirmed)))
    }
}
