use std::{
    pin::Pin,
    task::{Context, Poll},
};

use futures_core::Stream;

use super::{ConsumeError, Delivery};

/// The messages of a subscription. Dropped, it gives back what was not handed out; deliveries that were stay good until they are dropped too.
///
/// An error is the last item.
#[derive(Debug)]
#[must_use = "a stream does nothing until it is polled"]
pub struct MessageStream {}

impl MessageStream {
    /// The next message; none when consuming has ended. Cancel safe.
    pub async fn next(&mut self) -> Option<Result<Delivery, ConsumeError>> {
        std::future::poll_fn(|context| Pin::new(&mut *self).poll_next(context)).await
    }

    /// Takes no more messages, and ends when all that were handed out are settled and confirmed, or as
    /// [`OnShutdown`](super::OnShutdown) says.
    pub async fn shutdown(self) {
        todo!()
    }
}

impl Stream for MessageStream {
    type Item = Result<Delivery, ConsumeError>;

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        todo!()
    }
}
