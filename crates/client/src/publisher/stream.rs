//! One `PublishStream`, from its opening to its end.

use std::collections::VecDeque;

use bytes::Bytes;
use fanfare_proto::v1::{PublishResult, PublishStreamResponse, publish_stream_response::Outcome};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status, Streaming, client::Grpc, codegen::http::uri::PathAndQuery, transport::Channel};
use tonic_prost::ProstCodec;
use tracing::Span;

use super::{state::IN_FLIGHT, wire::Request};
use crate::{ServerError, connect::Lines, trace};

const METHOD: &str = "/fanfare.v1.PublisherService/PublishStream";

/// A stream that the broker has taken.
#[derive(Debug)]
pub(super) struct Stream {
    topic: String,
    is_first: bool,
    requests: mpsc::Sender<Request>,
    answers: Streaming<PublishStreamResponse>,
    /// One a request without an answer, in their order.
    spans: VecDeque<Span>,
}

impl Stream {
    /// Opens one. Nothing is sent before the broker has answered, so an error here is about no message.
    pub(super) async fn open(lines: Lines, channel: Channel, topic: String) -> Result<Self, ServerError> {
        let (requests, outgoing) = mpsc::channel(IN_FLIGHT);
        let mut grpc = Grpc::new(channel);
        grpc.ready().await.map_err(|error| Status::unavailable(error.to_string()))?;
        let request = lines.request(ReceiverStream::new(outgoing));
        let codec = ProstCodec::<Request, PublishStreamResponse>::default();
        let answers = grpc.streaming(request, PathAndQuery::from_static(METHOD), codec).await?.into_inner();
        Ok(Self { topic, is_first: true, requests, answers, spans: VecDeque::new() })
    }

    /// Sends a request; there are never more than [`IN_FLIGHT`] without an answer. If the stream has ended, [`Self::answer`] tells.
    pub(super) fn send(&mut self, messages: Vec<Bytes>) {
        self.spans.push_back(trace::send_span(&self.topic, messages.len()));
        let topic = if self.is_first { self.topic.clone() } else { String::new() };
        let request = Request { topic, messages, stop_at_error: self.is_first };
        self.is_first = false;
        // One that cannot be sent is one without an answer.
        _ = self.requests.try_send(request);
    }

    /// The answer to the oldest request. Cancel safe.
    pub(super) async fn answer(&mut self) -> Result<Vec<PublishResult>, ServerError> {
        let answer = read(self.answers.message().await);
        let span = self.spans.pop_front();
        if let (Err(error), Some(span)) = (&answer, span) {
            trace::failed(&span, error);
        }
        answer
    }
}

fn read(answer: Result<Option<PublishStreamResponse>, Status>) -> Result<Vec<PublishResult>, ServerError> {
    match answer?.map(|answer| answer.outcome) {
        Some(Some(Outcome::Published(published))) => Ok(published.results),
        // With `stop_at_error` a refusal ends the stream. Whoever goes on after one may store what is behind it, so this says nothing certain.
        Some(Some(Outcome::Error(error))) => Err(ServerError::local(
            Code::Internal,
            format!("the stream goes on after an error: {}", error.message),
        )),
        Some(None) => Err(ServerError::local(Code::Internal, "an answer without an outcome")),
        None => Err(ServerError::local(Code::Unavailable, "the broker has ended the stream")),
    }
}
