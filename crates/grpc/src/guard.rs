//! Around every call: a limit on its time, and tonic's own refusals in this API's words.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use http::{Request, Response};
use tonic::{Status, body::Body};
use tower::{Layer, Service};

use crate::{intake, reason::Reason, refusal::Refusal};

/// Wraps services in a [`Guard`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct GuardLayer {
    /// Until a unary call is answered, or a stream's first request is there.
    pub(crate) timeout: Duration,
}

impl<S> Layer<S> for GuardLayer {
    type Service = Guard<S>;

    fn layer(&self, inner: S) -> Guard<S> {
        Guard { inner, timeout: self.timeout }
    }
}

/// See the module.
#[derive(Debug, Clone)]
pub(crate) struct Guard<S> {
    inner: S,
    timeout: Duration,
}

type Answer<E> = Pin<Box<dyn Future<Output = Result<Response<Body>, E>> + Send>>;

impl<S, B> Service<Request<B>> for Guard<S>
where
    S: Service<Request<B>, Response = Response<Body>>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Answer<S::Error>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let method = request.uri().path().to_owned();
        let (answer, timeout) = (self.inner.call(request), self.timeout);
        Box::pin(async move {
            match tokio::time::timeout(timeout, answer).await {
                Ok(answer) => Ok(in_our_words(answer?, bulk(&method))),
                Err(_) => Ok(too_late(&method, timeout)),
            }
        })
    }
}

/// The field that makes a request of this method large.
fn bulk(path: &str) -> &'static str {
    match path.rsplit('/').next() {
        Some("Publish" | "PublishStream") => "messages",
        Some("Acknowledge" | "Nack" | "ExtendLease") => "ack_ids",
        Some("StreamingPull") => "acks",
        Some("ReportAttempts" | "ReportEndpoints") => "reports",
        _ => "request",
    }
}

fn in_our_words(answer: Response<Body>, field: &str) -> Response<Body> {
    let refusal =
        Status::from_header_map(answer.headers()).and_then(|status| intake::refusal(&status, field));
    match refusal {
        Some(refusal) => Status::from(refusal).into_http(),
        None => answer,
    }
}

fn too_late(method: &str, timeout: Duration) -> Response<Body> {
    let refusal = Refusal::new(
        Reason::RequestTimeout,
        format_args!("no answer within {timeout:?}, which is the limit"),
    );
    refusal.log(method, None);
    Status::from(refusal).into_http()
}
