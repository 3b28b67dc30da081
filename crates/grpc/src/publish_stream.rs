//! `PublishStream`: requests in, one answer each, in order.
//!
//! # Invariants
//!
//! - Requests are accepted one after the other, in the order they came, so that their messages have positions in that order.
//! - At most [`IN_FLIGHT`] requests wait for the disk; then no further request is read. All of this runs only when
//!   tonic asks for answers, so a client that takes none is not read from either.
//! - A request is counted before it is decoded, and decoded once its share of the memory is there: until then no further one
//!   is read.
//! - A refused request is answered in its place. Only what makes every further request fail ends the stream.

use std::{pin::Pin, sync::Arc};

use fanfare_proto::{
    undecoded,
    v1::{self, publish_stream_response::Outcome},
};
use futures_util::{FutureExt as _, Stream, StreamExt as _, future, future::BoxFuture, stream};
use prost::Message as _;
use tonic::{Status, Streaming};
use types::TopicName;

use crate::{
    bounds::{self, Checked},
    check, intake,
    origin::Origin,
    publisher::{OnTheirWay, Publisher},
    reason::Reason,
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
    requests: Streaming<undecoded::PublishStreamRequest>,
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
    requests: Streaming<undecoded::PublishStreamRequest>,
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
        let head = match Head::of(&request) {
            Ok(head) => head,
            Err(refusal) => return Some(self.refuse(refusal, true)),
        };
        let stop_at_error = *self.stop_at_error.get_or_insert(head.stop_at_error);
        match self.accept(&head.topic, request).await {
            Ok(on_their_way) => Some(settle(on_their_way, self.origin.clone(), stop_at_error).boxed()),
            Err(refusal) => Some(self.refuse(refusal, stop_at_error)),
        }
    }

    async fn accept(
        &mut self,
        topic: &str,
        request: undecoded::PublishStreamRequest,
    ) -> Result<OnTheirWay, Refusal> {
        let topic = match (&self.topic, topic) {
            (Some(topic), "") => topic.clone(),
            (_, named) => check::topic("topic", named)?,
        };
        self.topic = Some(topic.clone());
        let request = bounds::check(request)?;
        to_its_end(accept(self.publisher.clone(), self.origin.clone(), topic, request)).await
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

/// What of a request is read before its messages are, which may be too many.
#[derive(Clone, PartialEq, prost::Message)]
struct Head {
    #[prost(string, tag = "1")]
    topic: String,
    #[prost(bool, tag = "3")]
    stop_at_error: bool,
}

impl Head {
    fn of(request: &undecoded::PublishStreamRequest) -> Result<Self, Refusal> {
        Self::decode(&*request.bytes)
            .map_err(|error| Refusal::at(Reason::UnreadableRequest, "messages", error))
    }
}

/// Accepts one request as soon as there is memory for it, and room in the log.
async fn accept(
    publisher: Publisher,
    origin: Arc<Origin>,
    topic: TopicName,
    request: Checked<v1::PublishStreamRequest>,
) -> Result<OnTheirWay, Refusal> {
    let _share = publisher.budget.share(request.weight()).await;
    publisher.accept(topic, request.decode()?.messages, &origin).await
}

/// What cannot be done at once goes on in a task of its own: this stream stands still while its client takes no answers,
/// and must not keep a share of the memory meanwhile.
async fn to_its_end<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> T {
    let mut work = Box::pin(work);
    if let Some(done) = (&mut work).now_or_never() {
        return done;
    }
    match tokio::spawn(work).await {
        Ok(done) => done,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The runtime ends, and with it this task.
            Err(_) => future::pending().await,
        },
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

#[cfg(test)]
mod tests;
