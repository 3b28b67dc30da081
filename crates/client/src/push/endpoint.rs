//! A handler, and how what is pushed gets to it.

use std::{fmt, future::Future, sync::Arc, time::Duration};

use fanfare_proto::push::v1::push_endpoint_service_server::PushEndpointServiceServer;

use super::{Answer, Confirmation, GrpcEndpoint, Pushed, Webhook, desk::Desk};

/// Why an endpoint cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EndpointError {
    /// A signing secret is malformed.
    #[error(
        "a signing secret must be whsec_ and the base64 of 24 to 64 bytes, or whpk_ and that of an Ed25519 public key: {0}"
    )]
    Secret(String),
}

/// Receives pushes with a handler. Cheap to clone.
pub struct Endpoint<H> {
    handler: Arc<H>,
    desk: Desk,
}

impl<H> Clone for Endpoint<H> {
    fn clone(&self) -> Self {
        Self { handler: self.handler.clone(), desk: self.desk.clone() }
    }
}

impl<H> fmt::Debug for Endpoint<H> {
    /// Without secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint").field("desk", &self.desk).finish_non_exhaustive()
    }
}

impl<H, F> Endpoint<H>
where
    H: Fn(Pushed) -> F + Send + Sync + 'static,
    F: Future<Output = Answer> + Send + 'static,
{
    /// Hands what is pushed to `handler`. Consents to every subscription that asks, see [`consent`](Self::consent).
    ///
    /// The handler runs in a span that is linked to the publisher's, and under the message's [correlation ID](crate::correlation). If it panics,
    /// there is another attempt.
    pub fn new(handler: H) -> Self {
        Self { handler: Arc::new(handler), desk: Desk::default() }
    }

    /// Takes only what is signed with this secret: `whsec_…`, or the public key `whpk_…` of `whsk_…`. May be called several times; then what any
    /// of them has signed is taken, so that secrets can be changed without a gap. gRPC is not signed, so this says nothing about it.
    ///
    /// # Errors
    /// [`EndpointError::Secret`] if it is malformed.
    pub fn signing_secret(self, secret: impl Into<String>) -> Result<Self, EndpointError> {
        Ok(Self { desk: self.desk.signing_secret(&secret.into())?, ..self })
    }

    /// Whether a subscription's messages are wanted. Without, or with a secret that only your own broker's subscriptions have, all are.
    ///
    /// ```
    /// # use fanfare_client::push::{Answer, Endpoint, Pushed};
    /// let endpoint = Endpoint::new(|_: Pushed| async { Answer::Taken })
    ///     .consent(|asked| asked.topic == "projects/default/topics/orders");
    /// # let _ = endpoint;
    /// ```
    pub fn consent(self, consent: impl Fn(&Confirmation) -> bool + Send + Sync + 'static) -> Self {
        Self { desk: self.desk.consent(consent), ..self }
    }

    /// How far the time of a signature may be from this server's, in whole seconds. Default: 5 min.
    pub fn tolerance(self, tolerance: Duration) -> Self {
        Self { desk: self.desk.tolerance(tolerance), ..self }
    }

    /// Bytes of a body, at most; a message with more is rejected. Default: 8 MiB, enough for the largest message of a broker with its defaults in
    /// any content mode.
    pub fn max_body(self, bytes: usize) -> Self {
        Self { desk: self.desk.max_body(bytes), ..self }
    }

    /// A service for webhooks, which works in `axum::Router::route_service` and in hyper.
    pub fn webhook(self) -> Webhook<H> {
        Webhook::new(self.handler, self.desk)
    }

    /// A service for gRPC pushes, to be added to a tonic server. Takes requests up to 4 MiB, or [`max_body`](Self::max_body) if that is more.
    pub fn grpc(self) -> PushEndpointServiceServer<GrpcEndpoint<H>> {
        GrpcEndpoint::new(self.handler, self.desk).into_server()
    }
}
