//! Receive pushes in your own server: webhooks by a tower service or layer, gRPC by a tonic service.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use fanfare_client::push::{Answer, Endpoint, Pushed};
//!
//! let endpoint = Endpoint::new(|pushed: Pushed| async move {
//!     println!("{} got {:?}", pushed.subscription(), pushed.data());
//!     Answer::Taken
//! })
//! .signing_secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")?;
//!
//! // In axum: Router::new().route_service("/hook", endpoint.webhook())
//! let webhook = endpoint.clone().webhook();
//! // In tonic: Server::builder().add_service(endpoint.grpc())
//! let grpc = endpoint.grpc();
//! # let _ = (webhook, grpc);
//! # Ok(()) }
//! ```

use std::{future::Future, ops::Deref, time::Duration};

use crate::ReceivedMessage;

/// A message that was pushed.
#[derive(Debug, Clone, PartialEq)]
pub struct Pushed {
    subscription: String,
    message: ReceivedMessage,
}

impl Pushed {
    /// Full name of the subscription.
    pub fn subscription(&self) -> &str {
        &self.subscription
    }
}

impl Deref for Pushed {
    type Target = ReceivedMessage;

    fn deref(&self) -> &ReceivedMessage {
        &self.message
    }
}

/// What becomes of a message that was pushed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Answer {
    /// It is done.
    Taken,
    /// The attempt failed; there is another, not before this if it is given (at most 1 h is taken into account).
    Retry(Option<Duration>),
    /// No attempt will ever succeed: it goes where exhausted messages go. The text is kept with the attempt.
    Reject(String),
    /// This endpoint wants nothing more of the subscription: it is disabled, and its backlog stays.
    Gone,
}

/// Asked for consent to the messages of a subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Confirmation {
    /// Full name of the subscription.
    pub subscription: String,
    /// Full name of its topic; empty where the content mode does not say it.
    pub topic: String,
}

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
#[derive(Debug)]
pub struct Endpoint<H> {
    #[expect(dead_code, reason = "to come")]
    handler: std::sync::Arc<H>,
}

impl<H, F> Endpoint<H>
where
    H: Fn(Pushed) -> F + Send + Sync + 'static,
    F: Future<Output = Answer> + Send + 'static,
{
    /// Hands what is pushed to `handler`. Consents to every subscription that asks, see [`consent`](Self::consent).
    pub fn new(handler: H) -> Self {
        Self { handler: std::sync::Arc::new(handler) }
    }
}
