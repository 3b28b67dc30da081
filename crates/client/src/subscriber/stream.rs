use std::{
    pin::Pin,
    task::{Context, Poll},
};

use futures_core::Stream;
use tokio::{sync::oneshot, task::JoinHandle};

use super::{
    ConsumeError, Delivery, OnShutdown, SubscriberBuilder,
    fetched::Fetched,
    session::{Ends, Frame, Session},
};

/// The messages of a subscription. Dropped, it gives back what was not handed out, to be delivered again at once, which counts as an attempt
/// that failed; deliveries that were handed out stay good until they are dropped too.
///
/// An error is the last item.
///
/// ```no_run
/// # async fn example(client: fanfare_client::Client) -> Result<(), Box<dyn std::error::Error>> {
/// let mut messages = client.subscriber("billing").max_outstanding_messages(100).messages();
/// for _ in 0..10 {
///     let Some(delivery) = messages.next().await else { break };
///     _ = delivery?.ack();
/// }
/// // All ten are confirmed when this returns.
/// messages.shutdown().await;
/// # Ok(()) }
/// ```
#[derive(Debug)]
#[must_use = "a stream does nothing until it is polled"]
pub struct MessageStream {
    /// None once it was used. Dropped first, so that the session knows why messages are given back.
    stop: Option<oneshot::Sender<OnShutdown>>,
    frames: tokio::sync::mpsc::Receiver<Frame>,
    current: Option<Fetched>,
    on_shutdown: OnShutdown,
    session: JoinHandle<()>,
}

impl MessageStream {
    pub(super) fn start(builder: SubscriberBuilder) -> Self {
        let on_shutdown = builder.on_shutdown;
        let (session, Ends { frames, stop }) = Session::new(builder);
        let session = tokio::spawn(session.run());
        Self { stop: Some(stop), frames, current: None, on_shutdown, session }
    }

    /// The next message; none when consuming has ended. Cancel safe.
    pub async fn next(&mut self) -> Option<Result<Delivery, ConsumeError>> {
        std::future::poll_fn(|context| Pin::new(&mut *self).poll_next(context)).await
    }

    /// Takes no more messages, and ends when all that were handed out are settled and confirmed, or as [`OnShutdown`] says.
    pub async fn shutdown(mut self) {
        self.stop(self.on_shutdown);
        self.stopped().await;
    }

    /// Takes no more messages, and gives back those that were not handed out.
    pub(super) fn stop(&mut self, how: OnShutdown) {
        if let Some(stop) = self.stop.take() {
            // It may have ended by itself.
            _ = stop.send(how);
        }
        self.frames.close();
        self.current = None;
        while let Ok(frame) = self.frames.try_recv() {
            drop(frame);
        }
    }

    /// Returns when the session has ended.
    pub(super) async fn stopped(&mut self) {
        // It fails if it panicked or its runtime ends; either way it is over.
        _ = (&mut self.session).await;
    }
}

impl Stream for MessageStream {
    type Item = Result<Delivery, ConsumeError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(delivery) = self.current.as_mut().and_then(Iterator::next) {
                return Poll::Ready(Some(Ok(delivery.hand_out())));
            }
            match self.frames.poll_recv(context) {
                Poll::Ready(Some(Ok(fetched))) => self.current = Some(fetched),
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Some(Err(error))),
                Poll::Ready(None) => return Poll::Ready(None),
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}
