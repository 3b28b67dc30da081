//! The tower layer, for who has handlers of their own.

use std::{
    error::Error,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use futures_util::future::{BoxFuture, FutureExt as _};
use http::{Request, Response};
use http_body::Body;
use http_body_util::BodyExt as _;

use super::{
    Answer, Confirmation, EndpointError,
    answer::HttpAnswer,
    desk::{Desk, Message, Received},
    handle,
};

/// Verifies pushes and answers requests for consent before any other service sees them. What is verified goes on, with its body as it came and
/// with a [`Pushed`](super::Pushed) in the request's extensions.
///
/// The service inside runs as a handler of an [`Endpoint`](super::Endpoint) does: in a span that is linked to the publisher's, under the message's
/// correlation ID, and if it panics there is another attempt. What its status means for the message is in `docs/PUSH.md`; an [`Answer`] turns into a
/// response.
///
/// ```no_run
/// use axum::{Extension, Router, response::IntoResponse, routing::post};
/// use fanfare_client::push::{Answer, Pushed, VerifyLayer};
///
/// async fn hook(Extension(pushed): Extension<Pushed>) -> impl IntoResponse {
///     match pushed.attribute("type") {
///         Some("order.created") => Answer::Taken.into_response(),
///         _ => Answer::Reject("not for us".into()).into_response(),
///     }
/// }
///
/// # fn example() -> Result<Router, fanfare_client::push::EndpointError> {
/// let verify = VerifyLayer::new().signing_secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")?;
/// // `layer` on the router and not on the method's handler: requests for consent may be OPTIONS.
/// let app = Router::new().route("/hook", post(hook)).layer(verify);
/// # Ok(app) }
/// ```
#[derive(Debug, Clone, Default)]
pub struct VerifyLayer {
    desk: Desk,
}

impl VerifyLayer {
    /// One that takes everything, until a [secret](Self::signing_secret) is given.
    pub fn new() -> Self {
        Self::default()
    }

    /// As [`Endpoint::signing_secret`](super::Endpoint::signing_secret).
    ///
    /// # Errors
    /// [`EndpointError::Secret`] if it is malformed.
    pub fn signing_secret(self, secret: impl Into<String>) -> Result<Self, EndpointError> {
        Ok(Self { desk: self.desk.signing_secret(&secret.into())? })
    }

    /// As [`Endpoint::consent`](super::Endpoint::consent).
    #[must_use]
    pub fn consent(self, consent: impl Fn(&Confirmation) -> bool + Send + Sync + 'static) -> Self {
        Self { desk: self.desk.consent(consent) }
    }

    /// As [`Endpoint::tolerance`](super::Endpoint::tolerance).
    #[must_use]
    pub fn tolerance(self, tolerance: Duration) -> Self {
        Self { desk: self.desk.tolerance(tolerance) }
    }

    /// As [`Endpoint::max_body`](super::Endpoint::max_body).
    #[must_use]
    pub fn max_body(self, bytes: usize) -> Self {
        Self { desk: self.desk.max_body(bytes) }
    }
}

impl<S> tower::Layer<S> for VerifyLayer {
    type Service = Verify<S>;

    fn layer(&self, inner: S) -> Verify<S> {
        Verify { inner, desk: self.desk.clone() }
    }
}

/// A service behind a [`VerifyLayer`].
#[derive(Debug, Clone)]
pub struct Verify<S> {
    inner: S,
    desk: Desk,
}

impl<S, B, R> tower::Service<Request<B>> for Verify<S>
where
    S: tower::Service<Request<B>, Response = Response<R>> + Clone + Send + 'static,
    S::Future: Send,
    B: Body + From<Bytes> + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
    R: From<Bytes>,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<Response<R>, S::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        // The one that was asked whether it is ready, and not its clone, gets the request.
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        let desk = self.desk.clone();
        async move {
            match desk.receive(request).await {
                Received::Message(message) => call(&mut inner, *message).await,
                Received::Answered(response) => Ok(with_body(response)),
            }
        }
        .boxed()
    }
}

async fn call<S, B, R>(inner: &mut S, message: Message) -> Result<Response<R>, S::Error>
where
    S: tower::Service<Request<B>, Response = Response<R>>,
    B: From<Bytes>,
    R: From<Bytes>,
{
    let context = handle::Context::of(&message.pushed);
    let mut request = Request::from_parts(message.parts, B::from(message.body));
    request.extensions_mut().insert(message.pushed);
    let answered = context.run(async { inner.call(request).await }).await;
    answered.unwrap_or_else(|| Ok(with_body(Answer::Retry(None).into_response())))
}

/// With the body of another type. Ours are whole, so all of it is there at once.
fn with_body<R: From<Bytes>>(response: HttpAnswer) -> Response<R> {
    let (parts, body) = response.into_parts();
    let whole = body.collect().now_or_never().and_then(Result::ok);
    Response::from_parts(parts, whole.map(http_body_util::Collected::to_bytes).unwrap_or_default().into())
}
