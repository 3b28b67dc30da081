//! The tower service for webhooks.

use std::{
    convert::Infallible,
    error::Error,
    fmt,
    future::Future,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use futures_util::future::{BoxFuture, FutureExt as _};
use http::{Request, Response};
use http_body::Body;
use http_body_util::Full;

use super::{
    Answer, Pushed,
    desk::{Desk, Received},
    handle::handle,
};

/// Receives webhooks: see [`Endpoint::webhook`](super::Endpoint::webhook). Cheap to clone.
pub struct Webhook<H> {
    handler: Arc<H>,
    desk: Desk,
}

impl<H> Webhook<H> {
    pub(super) fn new(handler: Arc<H>, desk: Desk) -> Self {
        Self { handler, desk }
    }
}

impl<H> Clone for Webhook<H> {
    fn clone(&self) -> Self {
        Self::new(self.handler.clone(), self.desk.clone())
    }
}

impl<H> fmt::Debug for Webhook<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Webhook").field("desk", &self.desk).finish_non_exhaustive()
    }
}

impl<H, F, B> tower::Service<Request<B>> for Webhook<H>
where
    H: Fn(Pushed) -> F + Send + Sync + 'static,
    F: Future<Output = Answer> + Send + 'static,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let Self { handler, desk } = self.clone();
        async move {
            Ok(match desk.receive(request).await {
                Received::Message(message) => handle(&*handler, message.pushed).await.into_response(),
                Received::Answered(response) => response,
            })
        }
        .boxed()
    }
}
