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
//! let app = axum::Router::new().route_service("/hook", endpoint.webhook());
//! let listener = tokio::net::TcpListener::bind("0.0.0.0:8080").await?;
//! axum::serve(listener, app).await?;
//! # Ok(()) }
//! ```
//!
//! [`Endpoint::webhook`] is a [`tower::Service`], for whatever takes one; [`Endpoint::grpc`] is for tonic's `Server::add_service`.
//! [`VerifyLayer`] is for who has handlers of their own and wants pushes verified before them.
//!
//! # What it understands
//!
//! Every content mode of `docs/PUSH.md` (raw, CloudEvents binary and structured, SNS envelope) and gRPC, told apart by what is in the request,
//! so a subscription's `content` can be changed without changing the receiver. All of them give the same [`Pushed`], as far as the mode carries it:
//!
//! - Raw and CloudEvents binary know attributes by their text alone: a number is the text attribute `99.5`. In CloudEvents structured whole
//!   numbers of 32 bits are numbers; the SNS envelope and gRPC keep all types.
//! - Names of attributes that are in headers are in lower case. Of two whose names differ in case only, the first is kept.
//! - The media type `application/octet-stream` and the CloudEvents type `fanfare.message` are what the broker says when the publisher said
//!   nothing, so they count as nothing here too.
//! - Deduplication ID and delay come by gRPC only; [`first_delivery`](crate::ReceivedMessage::first_delivery) is always false, because a push does
//!   not say so.
//!
//! # What the broker is answered
//!
//! | | webhook | gRPC |
//! |---|---|---|
//! | [`Answer::Taken`] | 204 | taken |
//! | [`Answer::Retry`], and a handler that panics | 500, with `Retry-After` | retry |
//! | [`Answer::Reject`] | 422, with the text | reject |
//! | [`Answer::Gone`] | 410 | `NOT_FOUND`, `ENDPOINT_GONE`, for all of the call |
//! | a signature that does not verify, or is too old | 503, with `Retry-After: 60` | |
//! | a request that is not as the broker makes them | 500 | |
//! | a body over [`Endpoint::max_body`] | 413: given up | |
//! | consent refused | 403 | `PERMISSION_DENIED` |
//!
//! A retry is not a 503, because the broker leaves the endpoint as a whole alone when a 503 comes with `Retry-After`, and one message's
//! failure is not the endpoint's. A bad signature is a 503 for that very reason, and not the 401 that one expects: a 401 says that no attempt
//! will ever succeed, so a receiver with a wrong secret would send the whole backlog to the dead letters. As it is, the broker makes one
//! attempt a minute or so and its figures show the reason, until the secret is right or the attempts of a message are used up.
//!
//! # Limits
//!
//! - **Signatures are checked only if a secret was given.** Without, anybody who reaches the endpoint can push.
//! - gRPC has no signatures: there the broker authenticates itself by metadata or by its certificate.
//! - A push can come more than once. [`message_id`](crate::ReceivedMessage::message_id) is the same each time; a request that was signed and is
//!   sent again within [`Endpoint::tolerance`] verifies again.
//! - Signatures are over ID, time and body, not over headers. Who must trust attributes or ordering keys takes CloudEvents structured (whose own
//!   values go before the headers) or the SNS envelope.
//! - If the broker hangs up, the handler's future is dropped where it stands.

mod answer;
mod desk;
mod endpoint;
mod grpc;
mod handle;
mod key;
mod layer;
mod pushed;
mod read;
#[cfg(test)]
mod tests;
mod webhook;

pub use endpoint::{Endpoint, EndpointError};
pub use grpc::GrpcEndpoint;
pub use layer::{Verify, VerifyLayer};
pub use pushed::{Answer, Confirmation, Pushed};
pub use webhook::Webhook;
