use std::{
    future::Future,
    ops::Deref,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use super::AckError;
use crate::ReceivedMessage;

/// A message and the right to settle it. Dropped without a settlement, it is given back.
#[derive(Debug)]
#[must_use = "a delivery that is dropped is given back"]
pub struct Delivery {
    message: ReceivedMessage,
    handle: AckHandle,
}

impl Delivery {
    /// The message is done.
    pub fn ack(self) -> Settled {
        self.handle.ack()
    }

    /// The message failed: it comes again as the subscription's retry policy says.
    pub fn nack(self) -> Settled {
        self.handle.nack()
    }

    /// The message failed: it comes again after this. At most 12 h.
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
pub struct AckHandle {}

impl AckHandle {
    /// See [`Delivery::ack`].
    pub fn ack(self) -> Settled {
        todo!()
    }

    /// See [`Delivery::nack`].
    pub fn nack(self) -> Settled {
        todo!()
    }

    /// See [`Delivery::nack_after`].
    pub fn nack_after(self, delay: Duration) -> Settled {
        let _ = delay;
        todo!()
    }
}

/// Whether a settlement was made. It is sent in any case; awaiting it tells when it is durable, or why it was not made.
#[derive(Debug)]
pub struct Settled {}

impl Future for Settled {
    type Output = Result<(), AckError>;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
        todo!()
    }
}
