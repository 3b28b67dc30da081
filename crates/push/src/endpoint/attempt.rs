//! Requests under way, and what is recorded of them.

use std::{sync::Arc, time::Duration};

use broker::Delivery;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use types::{
    Timestamp, limits,
    push::{Attempt, AttemptClass},
};

use super::{bytes::Held, figures::cut};
use crate::{Answer, Failure, Response, gates::RoundTrip};

/// What comes back of a request: an answer for each message.
pub(super) type Request<'a> = BoxFuture<'a, Vec<Answer>>;

/// A request that has been begun.
#[derive(Debug)]
pub(super) struct Sent {
    /// What it brings.
    pub(super) messages: Arc<[Delivery]>,
    /// Their bytes.
    pub(super) held: Held,
    /// When, as the gates count.
    pub(super) started: Duration,
    /// The same on the wall.
    pub(super) started_at: Timestamp,
    /// Requests under way then, itself included.
    pub(super) in_flight: usize,
    /// It shows whether the endpoint is back.
    pub(super) is_probe: bool,
}

/// A request that is no longer waited for, or not as before.
pub(super) struct Back<'a> {
    pub(super) sent: Sent,
    pub(super) outcome: Outcome<'a>,
}

/// How it ended.
pub(super) enum Outcome<'a> {
    /// With an answer for each message.
    Answered(Vec<Answer>),
    /// Not in time. It is still under way.
    TimedOut(Request<'a>),
    /// The task has no more time for it.
    Cut,
}

/// Waits for a request.
pub(super) async fn attempt(
    sent: Sent,
    mut request: Request<'_>,
    patience: Duration,
    cut: CancellationToken,
) -> Back<'_> {
    let outcome = tokio::select! {
        biased;
        answer = timeout(patience, &mut request) => answer.ok(),
        () = cut.cancelled() => return Back { sent, outcome: Outcome::Cut },
    };
    let outcome = match outcome {
        Some(answers) => Outcome::Answered(complete(answers, sent.messages.len())),
        None => Outcome::TimedOut(request),
    };
    Back { sent, outcome }
}

/// One answer a message, whatever the carrier says.
pub(super) fn complete(mut answers: Vec<Answer>, messages: usize) -> Vec<Answer> {
    answers.resize_with(messages, || no_answer(Failure::Protocol, "there was no answer for this message"));
    answers
}

/// An answer that says that there was none.
pub(super) fn no_answer(failure: Failure, error: &str) -> Answer {
    Answer {
        response: Response::Failed(failure),
        retry_after: None,
        body: Bytes::new(),
        error: error.to_owned(),
    }
}

impl Sent {
    /// As the gates see it.
    pub(super) fn trip(&self, ended: Duration) -> RoundTrip {
        RoundTrip { started: self.started, ended, in_flight: self.in_flight }
    }

    /// The record of one of its messages.
    pub(super) fn record(
        &self,
        number: u32,
        ended: Duration,
        class: AttemptClass,
        answer: &Answer,
    ) -> Attempt {
        let body = &answer.body[..answer.body.len().min(limits::ATTEMPT_RESPONSE_BYTES)];
        Attempt {
            number,
            started_at: self.started_at,
            latency: ended.saturating_sub(self.started),
            status: status(answer.response),
            class,
            response: body.to_vec(),
            error: cut(&answer.error, limits::ATTEMPT_ERROR_BYTES).to_owned(),
        }
    }
}

fn status(response: Response) -> Option<u16> {
    match response {
        Response::Http(status) => Some(status),
        Response::Grpc(code) => Some(u16::from(code)),
        // The call was answered with OK; what it said of the message is in the class.
        Response::Again | Response::Never => Some(0),
        Response::Gone => Some(tonic::Code::NotFound as u16),
        Response::Forwarded | Response::Failed(_) => None,
    }
}

/// What went wrong, for people.
pub(super) fn in_words(answer: &Answer, class: AttemptClass) -> String {
    match answer.response {
        _ if !answer.error.is_empty() => answer.error.clone(),
        Response::Http(status) => format!("HTTP status {status}"),
        Response::Grpc(code) => format!("gRPC status {:?}", tonic::Code::from_i32(i32::from(code))),
        _ => format!("{class:?}"),
    }
}
