use std::{
    future::Future,
    mem,
    pin::Pin,
    task::{Context, Poll},
};

use tonic::Code;

use super::{
    PublishError, Publisher,
    held::Outcome,
    inbox::{self, Waiting},
    shared::OrWait,
    wire::Offer,
};
use crate::ServerError;

/// What becomes of a message that was given to a [`Publisher`].
///
/// Dropped, it takes back a message that still waits for room. One that was taken is sent all the same.
#[derive(Debug)]
#[must_use = "without the result nobody knows whether the message is stored"]
pub struct PublishFuture(Stage);

#[derive(Debug)]
enum Stage {
    Failed(PublishError),
    /// There was no room; it waits from the first poll on.
    Offered(Publisher, Offer),
    Waits(InLine),
    Taken(inbox::Future),
    Over,
}

impl PublishFuture {
    pub(super) fn failed(error: PublishError) -> Self {
        Self(Stage::Failed(error))
    }

    pub(super) fn offered(publisher: Publisher, offer: Offer) -> Self {
        Self(Stage::Offered(publisher, offer))
    }

    pub(super) fn taken(future: inbox::Future) -> Self {
        Self(Stage::Taken(future))
    }
}

impl Future for PublishFuture {
    type Output = Outcome;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let stage = &mut self.0;
        if matches!(stage, Stage::Offered(..)) {
            stage.begin();
        }
        let outcome = match stage {
            Stage::Failed(_) => match mem::replace(stage, Stage::Over) {
                Stage::Failed(error) => Poll::Ready(Err(error)),
                _ => unreachable!("it was just looked at"),
            },
            Stage::Waits(waits) => poll(&mut waits.waiting.future, context),
            Stage::Taken(future) => poll(future, context),
            Stage::Offered(..) | Stage::Over => panic!("a future is polled after it was ready"),
        };
        if outcome.is_ready() {
            *stage = Stage::Over;
        }
        outcome
    }
}

impl Stage {
    /// Gets in line for room.
    fn begin(&mut self) {
        if let Self::Offered(publisher, offer) = mem::replace(self, Self::Over) {
            *self = match publisher.shared().offer_or_wait(offer) {
                Ok(future) => Self::Taken(future),
                Err(OrWait::Waits(waiting)) => Self::Waits(InLine { publisher, waiting }),
                Err(OrWait::Fails(error)) => Self::Failed(error),
            };
        }
    }
}

fn poll(future: &mut inbox::Future, context: &mut Context<'_>) -> Poll<Outcome> {
    Pin::new(future).poll(context).map(|told| told.unwrap_or_else(|_| Err(silence())))
}

/// Every message that is held tells its outcome, at the latest when it is dropped. Should that fail, the worst is true.
fn silence() -> PublishError {
    PublishError::Unconfirmed(ServerError::local(Code::Internal, "the publisher lost the message"))
}

/// A place in the line for room. Dropped, it is left.
#[derive(Debug)]
pub(super) struct InLine {
    pub(super) publisher: Publisher,
    pub(super) waiting: Waiting,
}

impl InLine {
    /// Waits until the message is taken.
    pub(super) async fn taken(mut self) -> Result<PublishFuture, PublishError> {
        let is_taken = (&mut self.waiting.taken).await.is_ok();
        let (_, gone) = tokio::sync::oneshot::channel();
        let mut future = mem::replace(&mut self.waiting.future, gone);
        match is_taken {
            true => Ok(PublishFuture::taken(future)),
            false => match (&mut future).await {
                Ok(Err(error)) => Err(error),
                _ => Err(silence()),
            },
        }
    }
}

impl Drop for InLine {
    fn drop(&mut self) {
        self.publisher.shared().cancel(self.waiting.ticket);
    }
}
