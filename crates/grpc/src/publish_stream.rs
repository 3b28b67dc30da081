//! `PublishStream`: requests in, one answer each, in order.
//!
//! # Invariants
//!
//! - Requests are accepted one after the other, in the order they came, so that their messages have positions in that order.
//! - At most [`IN_FLIGHT`] requests wait for the disk; then no further request is read. All of this runs only when
//!   tonic asks for answers, so a client that takes none is not read from either.
//! - A refused request is answered in its place. Only what makes every further request fail ends the stream.

use std::{pin::Pin, sync::Arc};

use fanfare_proto::v1::{self, publish_stream_response::Outcome};
use futures_util::{FutureExt as _, Stream, StreamExt as _, future, future::BoxFuture, stream};
use tonic::{Status, Streaming};
use types::TopicName;

use crate::{
    check, intake,
    origin::Origin,
    publisher::{OnTheirWay, Publisher},
    refusal::Refusal,
};

/// Requests accepted and not yet answered, of one stream.
const IN_FLIGHT: usize = 64;

/// What the client gets.
pub(crate) type Answers = Pin<Box<dyn Stream<Item = Result<v1::PublishStreamResponse, Status>> + Send>>;

/// One answer to come.
type Pending = BoxFuture<'static, Result<v1::PublishStreamResponse, Status>>;

/// The answers to a stream of requests.
pub(crate) fn answers(
    publisher: Publisher,
    origin: Origin,
    requests: Streaming<v1::PublishStreamRequest>,
) -> Answers {
    let intake = Intake {
        publisher,
        origin: Arc::new(origin),
        requests,
        topic: None,
        stop_at_error: None,
        ended: false,
    };
    let pending = stream::unfold(intake, |mut intake| async move { Some((intake.next().await?, intake)) });
    Box::pin(pending.buffered(IN_FLIGHT))
}

/// Reads requests and accepts them.
struct Intake {
    publisher: Publisher,
    origin: Arc<Origin>,
    requests: Streaming<v1::PublishStreamRequest>,
    /// The one named last.
    topic: Option<TopicName>,
    /// As the first request says; none before it came.
    stop_at_error: Option<bool>,
    /// No request is accepted any more.
    ended: bool,
}

impl Intake {
    async fn next(&mut self) -> Option<Pending> {
        if self.ended {
            return None;
        }
        let request = match self.requests.message().await {
            Ok(request) => request?,
            Err(status) => return Some(self.end(intake::refined(status, "messages"))),
        };
        let stop_at_error = *self.stop_at_error.get_or_insert(request.stop_at_error);
        match self.accept(request).await {
            Ok(on_their_way) => Some(settle(on_their_way, self.origin.clone(), stop_at_error).boxed()),
            Err(refusal) => Some(self.refuse(refusal, stop_at_error)),
        }
    }

    async fn accept(&mut self, request: v1::PublishStreamRequest) -> Result<OnTheirWay, Refusal> {
        let topic = match (&self.topic, request.topic.as_str()) {
            (Some(topic), "") => topic.clone(),
            (_, named) => check::topic("topic", named)?,
        };
        self.topic = Some(topic.clone());
        self.publisher.accept(topic, request.messages, &self.origin).await
    }

    fn refuse(&mut self, refusal: Refusal, stop_at_error: bool) -> Pending {
        let answer = refused(refusal, &self.origin, stop_at_error);
        self.ended = answer.is_err();
        future::ready(answer).boxed()
    }

    fn end(&mut self, status: Status) -> Pending {
        self.ended = true;
        future::ready(Err(status)).boxed()
    }
}

async fn settle(
    messages: OnTheirWay,
    origin: Arc<Origin>,
    stop_at_error: bool,
) -> Result<v1::PublishStreamResponse, Status> {
    match messages.results().await {
        Ok(results) => {
            let published = v1::PublishedMessages { results };
            Ok(v1::PublishStreamResponse { outcome: Some(Outcome::Published(published)) })
        }
        Err(refusal) => refused(refusal, &origin, stop_at_error),
    }
}

/// The answer in its place, or the end of the stream.
fn refused(
    refusal: Refusal,
    origin: &Origin,
    stop_at_error: bool,
) -> Result<v1::PublishStreamResponse, Status> {
    refusal.log("PublishStream", origin.correlation_id.as_deref());
    if stop_at_error || refusal.reason().ends_publishing() {
        return Err(refusal.into());
    }
    Ok(v1::PublishStreamResponse { outcome: Some(Outcome::Error(refusal.into())) })
}
