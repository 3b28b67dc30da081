//! How a stream's answers get past tonic's encoder, which would copy every byte: the method hands its body over beside an empty answer, and
//! this service puts it in. All else of the call (the request, metadata, refusals) is tonic's.

use std::{
    sync::Arc,
    task::{Context, Poll},
};

use futures_util::{TryFutureExt as _, future::MapOk, stream};
use http::{Request, Response};
use parking_lot::Mutex;
use tonic::{body::Body, server::NamedService};
use tower::Service;

use super::outbound::Deliveries;

/// What tonic believes the answers to be.
pub(crate) type NoAnswers = stream::Empty<Result<fanfare_proto::v1::StreamingPullResponse, tonic::Status>>;

/// A body on its way.
#[derive(Debug, Clone)]
struct Handover(Arc<Mutex<Option<Deliveries>>>);

/// An answer whose body is this, once it has passed [`OwnBody`].
pub(crate) fn answer(deliveries: Deliveries) -> tonic::Response<NoAnswers> {
    let mut response = tonic::Response::new(stream::empty());
    response.extensions_mut().insert(Handover(Arc::new(Mutex::new(Some(deliveries)))));
    response
}

/// See the module.
#[derive(Debug, Clone)]
pub(crate) struct OwnBody<S>(pub(crate) S);

impl<S: NamedService> NamedService for OwnBody<S> {
    const NAME: &'static str = S::NAME;
}

impl<S, B> Service<Request<B>> for OwnBody<S>
where
    S: Service<Request<B>, Response = Response<Body>>,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = MapOk<S::Future, fn(Response<Body>) -> Response<Body>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        self.0.call(request).map_ok(put_in)
    }
}

fn put_in(mut response: Response<Body>) -> Response<Body> {
    let handover = response.extensions_mut().remove::<Handover>();
    match handover.and_then(|handover| handover.0.lock().take()) {
        Some(deliveries) => response.map(|_| Body::new(deliveries)),
        None => response,
    }
}
