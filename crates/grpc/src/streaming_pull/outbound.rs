use std::{
    collections::VecDeque,
    ops::Range,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use futures_util::FutureExt as _;
use http::HeaderMap;
use tokio::sync::{
    mpsc::{self, Permit},
    oneshot,
};
use tonic::Status;

/// A part of the body.
type Part = http_body::Frame<Bytes>;

/// Frames between the stream's task and the transport.
const FRAMES: usize = 1;

/// What the client gets next, and whose leases go back if it never does.
#[derive(Debug)]
pub(crate) struct Frame {
    /// Without the pieces that the transport has taken.
    pub(crate) pieces: VecDeque<Bytes>,
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
    /// Of which the transport has taken some pieces.
    current: Option<Frame>,
    end: Option<oneshot::Receiver<Status>>,
    unsent: Option<oneshot::Sender<Vec<Range<u64>>>>,
}

pub(crate) fn channel() -> (Sender, Deliveries) {
    let (sender, frames) = mpsc::channel(FRAMES);
    let (end, ended) = oneshot::channel();
    let (give_back, unsent) = oneshot::channel();
    let sender = Sender { frames: sender, end, unsent };
    (sender, Deliveries { frames, current: None, end: Some(ended), unsent: Some(give_back) })
}

impl http_body::Body for Deliveries {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Part, Status>>> {
        loop {
            if let Some(piece) = self.next_piece() {
                return Poll::Ready(Some(Ok(Part::data(piece))));
            }
            match self.frames.poll_recv(context) {
                Poll::Ready(Some(frame)) => self.current = Some(frame),
                Poll::Ready(None) => return self.poll_end(context),
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}

impl Deliveries {
    /// Once the last piece of a frame is taken its messages are the client's.
    fn next_piece(&mut self) -> Option<Bytes> {
        let frame = self.current.as_mut()?;
        let piece = frame.pieces.pop_front();
        if frame.pieces.is_empty() {
            self.current = None;
        }
        piece
    }

    /// The status, in trailers.
    fn poll_end(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Part, Status>>> {
        let Some(end) = self.end.as_mut() else { return Poll::Ready(None) };
        end.poll_unpin(context).map(|status| {
            self.end = None;
            let mut trailers = HeaderMap::new();
            let status = status.unwrap_or_else(|_| Status::ok(""));
            Some(status.add_header(&mut trailers).map(|()| Part::trailers(trailers)))
        })
    }
}

impl Drop for Deliveries {
    fn drop(&mut self) {
        self.frames.close();
        let mut numbers = Vec::new();
        numbers.extend(self.current.take().map(|frame| frame.numbers));
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
    use std::future::poll_fn;

    use http_body::Body as _;

    use super::*;

    fn frame(number: u64) -> Frame {
        let pieces = [Bytes::from_static(b"one"), Bytes::from_static(b"two")].into();
        Frame { pieces, numbers: number..number + 1 }
    }

    async fn next(deliveries: &mut Deliveries) -> Option<Part> {
        poll_fn(|context| Pin::new(&mut *deliveries).poll_frame(context)).await.map(Result::unwrap)
    }

    async fn piece(deliveries: &mut Deliveries) -> Bytes {
        next(deliveries).await.unwrap().into_data().unwrap()
    }

    async fn trailers(deliveries: &mut Deliveries) -> Status {
        let trailers = next(deliveries).await.unwrap().into_trailers().unwrap();
        Status::from_header_map(&trailers).unwrap()
    }

    #[tokio::test]
    async fn what_was_never_sent_comes_back_when_the_client_is_gone() {
        let (sender, deliveries) = channel();
        sender.frames.send(frame(5)).await.unwrap();
        drop(deliveries);
        assert!(sender.frames.is_closed());
        assert!(sender.finish(None).await.iter().eq([&(5..6)]));
    }

    #[tokio::test]
    async fn what_was_sent_in_part_comes_back_and_what_was_sent_does_not() {
        let (sender, mut deliveries) = channel();
        sender.frames.send(frame(5)).await.unwrap();
        assert_eq!(
            (piece(&mut deliveries).await, piece(&mut deliveries).await),
            ("one".into(), "two".into())
        );
        sender.frames.send(frame(6)).await.unwrap();
        piece(&mut deliveries).await;
        sender.frames.send(frame(7)).await.unwrap();
        drop(deliveries);
        assert_eq!(sender.finish(None).await, [6..7, 7..8]);
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
            assert_eq!(piece(&mut deliveries).await, "one");
            assert_eq!(piece(&mut deliveries).await, "two");
            let status = trailers(&mut deliveries).await;
            assert_eq!((status.code(), status.message()), (tonic::Code::Unavailable, "over: ü"));
            assert!(next(&mut deliveries).await.is_none());
        };
        let (unsent, ()) = tokio::join!(sender.finish(Some(Status::unavailable("over: ü"))), reader);
        assert!(unsent.is_empty());
    }

    #[tokio::test]
    async fn without_a_status_the_stream_ends_with_ok() {
        let (sender, mut deliveries) = channel();
        let reader = async move {
            assert_eq!(trailers(&mut deliveries).await.code(), tonic::Code::Ok);
            assert!(next(&mut deliveries).await.is_none());
        };
        tokio::join!(sender.finish(None), reader);
    }
}
