//! The broker's answers out of the frames of HTTP/2, past tonic's decoder, which would copy every byte to have an answer in one piece.
//!
//! # Invariants
//!
//! - An answer is read where the transport has put it. Only what is one field and came in two frames is copied, to be one again.
//! - All else of the call (the request, its metadata, refusals) is tonic's: a stream that is none never comes here.
//!
//! # Limits
//!
//! An answer has [`ANSWER_BYTES`] at most; what does not fit is refused by its length, before it is read.

use std::{
    collections::VecDeque,
    fmt,
    future::poll_fn,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::{Buf, Bytes};
use parking_lot::Mutex;
use tonic::{
    Status,
    body::Body,
    codegen::{Body as _, BoxFuture, Service, http},
    transport::{self, Channel},
};

use super::wire::{self, Answer};

/// Bytes of one answer: the largest message that a broker can be set to take, and what is around it.
const ANSWER_BYTES: usize = 72 << 20;
/// A byte that says whether an answer is compressed, and four for its length.
const PREFIX: usize = 5;

/// Bytes in the pieces in which they came.
#[derive(Debug, Default)]
pub(super) struct Pieces {
    /// None is empty.
    pieces: VecDeque<Bytes>,
    length: usize,
}

impl Pieces {
    pub(super) fn push(&mut self, piece: Bytes) {
        self.length += piece.len();
        if !piece.is_empty() {
            self.pieces.push_back(piece);
        }
    }
}

impl Buf for Pieces {
    fn remaining(&self) -> usize {
        self.length
    }

    fn chunk(&self) -> &[u8] {
        self.pieces.front().map_or(&[], |piece| piece)
    }

    fn advance(&mut self, mut count: usize) {
        assert!(count <= self.length, "{count} bytes of {}", self.length);
        self.length -= count;
        while let Some(piece) = self.pieces.front_mut() {
            if piece.len() > count {
                return piece.advance(count);
            }
            count -= piece.len();
            self.pieces.pop_front();
        }
    }

    fn copy_to_bytes(&mut self, length: usize) -> Bytes {
        match self.pieces.front_mut() {
            Some(piece) if piece.len() > length => {
                self.length -= length;
                piece.split_to(length)
            }
            Some(piece) if piece.len() == length => {
                self.length -= length;
                self.pieces.pop_front().unwrap_or_default()
            }
            _ => self.copied(length),
        }
    }
}

impl Pieces {
    fn copied(&mut self, length: usize) -> Bytes {
        let mut bytes = vec![0; length];
        self.copy_to_slice(&mut bytes);
        bytes.into()
    }
}

/// The broker's side of an open stream.
pub(super) struct Incoming {
    body: Body,
    pieces: Pieces,
    /// Of the answer under way, once it is known.
    length: Option<usize>,
}

impl fmt::Debug for Incoming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Incoming").field("length", &self.length).finish_non_exhaustive()
    }
}

impl Incoming {
    fn new(body: Body) -> Self {
        Self { body, pieces: Pieces::default(), length: None }
    }

    /// The next answer; none at the end. Cancel safe.
    pub(super) async fn next(&mut self) -> Result<Option<Answer>, Status> {
        poll_fn(|context| self.poll_next(context)).await
    }

    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Result<Option<Answer>, Status>> {
        loop {
            if let Some(answer) = self.whole()? {
                return Poll::Ready(Ok(Some(answer)));
            }
            let Some(frame) = ready!(Pin::new(&mut self.body).poll_frame(context)?) else {
                return Poll::Ready(Ok(None));
            };
            match frame.into_data() {
                Ok(piece) => self.pieces.push(piece),
                Err(frame) => match frame.trailers_ref().and_then(Status::from_header_map) {
                    Some(status) if status.code() != tonic::Code::Ok => return Poll::Ready(Err(status)),
                    _ => return Poll::Ready(Ok(None)),
                },
            }
        }
    }

    /// The next answer, if all of it is here.
    fn whole(&mut self) -> Result<Option<Answer>, Status> {
        if self.length.is_none() && self.pieces.remaining() >= PREFIX {
            self.length = Some(length(self.pieces.get_u8(), self.pieces.get_u32())?);
        }
        let Some(length) = self.length.filter(|length| *length <= self.pieces.remaining()) else {
            return Ok(None);
        };
        self.length = None;
        // As tonic-prost says it.
        wire::read((&mut self.pieces).take(length))
            .map(Some)
            .map_err(|error| Status::internal(error.to_string()))
    }
}

fn length(compression: u8, length: u32) -> Result<usize, Status> {
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    if compression != 0 {
        return Err(Status::internal("the broker compresses an answer, which it was not asked for"));
    }
    if length > ANSWER_BYTES {
        return Err(Status::out_of_range(format!("an answer has {length} bytes, more than {ANSWER_BYTES}")));
    }
    Ok(length)
}

/// A channel that keeps the body of an answer to itself and gives tonic an empty one.
#[derive(Debug, Clone)]
pub(super) struct Aside {
    channel: Channel,
    kept: Arc<Mutex<Option<Incoming>>>,
}

impl Aside {
    pub(super) fn new(channel: Channel) -> Self {
        Self { channel, kept: Arc::default() }
    }

    /// What was kept. None if tonic has it, since there is more to say than the answers: that there will be none.
    pub(super) fn kept(&self) -> Option<Incoming> {
        self.kept.lock().take()
    }
}

impl Service<http::Request<Body>> for Aside {
    type Response = http::Response<Body>;
    type Error = transport::Error;
    type Future = BoxFuture<Self::Response, Self::Error>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.channel.poll_ready(context)
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let (answer, kept) = (self.channel.call(request), self.kept.clone());
        Box::pin(async move {
            let response = answer.await?;
            let is_stream =
                response.status() == http::StatusCode::OK && !response.headers().contains_key("grpc-status");
            if !is_stream {
                return Ok(response);
            }
            let (head, body) = response.into_parts();
            *kept.lock() = Some(Incoming::new(body));
            Ok(http::Response::from_parts(head, Body::empty()))
        })
    }
}

#[cfg(test)]
mod tests;
