use std::{
    ops::Range,
    pin::Pin,
    task::{Context, Poll},
};

use fanfare_proto::encoded::StreamingPullResponse;
use futures_util::{FutureExt as _, Stream};
use tokio::sync::{
    mpsc::{self, Permit},
    oneshot,
};
use tonic::Status;

/// Frames between the stream's task and the transport.
const FRAMES: usize = 1;

/// What the client gets next, and whose leases go back if it never does.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) response: StreamingPullResponse,
    /// The numbers of its deliveries.
    pub(crate) numbers: Range<u64>,
}

/// The task's end.
#[derive(Debug)]
pub(crate) struct Sender {
    pub(crate) frames: mpsc::Sender<Frame>,
    end: oneshot::Sender<Status>,
    unsent: oneshot::Receiver<Vec<Range<u64>>>,
}

impl Sender {
    /// Sends a frame once there is a place for it. If the client is gone: the leases that it never gets.
    pub(crate) async fn send(&self, frame: Frame) -> Result<(), Range<u64>> {
        match self.frames.reserve().await {
            Ok(place) => self.put(place, frame),
            Err(_) => Err(frame.numbers),
        }
    }

    /// The client may go while the place is ours; then nobody looks at the frame any more.
    fn put(&self, place: Permit<'_, Frame>, frame: Frame) -> Result<(), Range<u64>> {
        let numbers = frame.numbers.clone();
        place.send(frame);
        if self.frames.is_closed() { Err(numbers) } else { Ok(()) }
    }

    /// Ends the stream after the frame that is on its way: with this status, or OK. Returns once the transport has
    /// taken all, or the client is gone; then with the leases of the frame that it never got.
    pub(crate) async fn finish(self, status: Option<Status>) -> Vec<Range<u64>> {
        if let Some(status) = status {
            // A client that is gone needs none.
            _ = self.end.send(status);
        } else {
            drop(self.end);
        }
        drop(self.frames);
        self.unsent.await.unwrap_or_default()
    }
}

/// The transport's end: what the client gets.
#[derive(Debug)]
pub(crate) struct Deliveries {
    frames: mpsc::Receiver<Frame>,
    end: Option<oneshot::Receiver<Status>>,
    unsent: Option<oneshot::Sender<Vec<Range<u64>>>>,
}

pub(crate) fn channel() -> (Sender, Deliveries) {
    let (sender, frames) = mpsc::channel(FRAMES);
    let (end, ended) = oneshot::channel();
    let (give_back, unsent) = oneshot::channel();
    let sender = Sender { frames: sender, end, unsent };
    (sender, Deliveries { frames, end: Some(ended), unsent: Some(give_back) })
}

impl Stream for Deliveries {
    type Item = Result<StreamingPullResponse, Status>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match self.frames.poll_recv(context) {
            Poll::Ready(Some(frame)) => Poll::Ready(Some(Ok(frame.response))),
            Poll::Ready(None) => self.poll_end(context),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl Deliveries {
    fn poll_end(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<StreamingPullResponse, Status>>> {
        let Some(end) = self.end.as_mut() else { return Poll::Ready(None) };
        end.poll_unpin(context).map(|status| {
            self.end = None;
            status.ok().map(Err)
        })
    }
}

impl Drop for Deliveries {
    fn drop(&mut self) {
        self.frames.close();
        let mut numbers = Vec::new();
        while let Ok(frame) = self.frames.try_recv() {
            numbers.push(frame.numbers);
        }
        if let Some(unsent) = self.unsent.take() {
            // The task may have ended already.
            _ = unsent.send(numbers);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt as _;

    use super::*;

    fn frame(number: u64) -> Frame {
        Frame { response: StreamingPullResponse::default(), numbers: number..number + 1 }
    }

    #[tokio::test]
    async fn what_was_never_sent_comes_back_when_the_client_is_gone() {
        let (sender, deliveries) = channel();
        sender.frames.send(frame(5)).await.unwrap();
        drop(deliveries);
        assert!(sender.frames.is_closed());
        assert_eq!(sender.finish(None).await, [5..6]);
    }

    #[tokio::test]
    async fn a_frame_that_is_sent_as_the_client_goes_comes_back_too() {
        let (sender, deliveries) = channel();
        let place = sender.frames.reserve().await.unwrap();
        drop(deliveries);
        assert_eq!(sender.put(place, frame(5)).unwrap_err(), 5..6);
        assert_eq!(sender.send(frame(6)).await.unwrap_err(), 6..7);
    }

    #[tokio::test]
    async fn the_status_comes_after_the_frame() {
        let (sender, mut deliveries) = channel();
        sender.frames.send(frame(5)).await.unwrap();
        let reader = async move {
            assert!(deliveries.next().await.unwrap().is_ok());
            assert_eq!(deliveries.next().await.unwrap().unwrap_err().message(), "over");
            assert!(deliveries.next().await.is_none());
        };
        let (unsent, ()) = tokio::join!(sender.finish(Some(Status::unavailable("over"))), reader);
        assert!(unsent.is_empty());
    }

    #[tokio::test]
    async fn without_a_status_the_stream_ends_with_ok() {
        let (sender, mut deliveries) = channel();
        let reader = async move { assert!(deliveries.next().await.is_none()) };
        tokio::join!(sender.finish(None), reader);
    }
}
