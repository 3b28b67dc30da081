//! The services of `fanfare.v1` over a [`broker::Broker`].
//!
//! Each request goes the same way: read every field and check it ([`convert`], [`check`]), ask the broker, convert its
//! answer, or turn its error into a refusal ([`status`]), which is what becomes a gRPC status with details.
//!
//! # Invariants
//!
//! - The only crate that knows the wire. A message is encoded once, here, when it is published, and never decoded again:
//!   what filter policies look at is read where it lies ([`StoredMessages`]).
//! - Every refusal has a [`Reason`] from one table; docs/ERRORS.md is the same table for people.
//! - Nothing is buffered without a bound: unary answers have limits, streams have flow control and bounded channels.
//! - No state: what two calls share is the broker's.
//!
//! # Limits
//!
//! Those of the API are in [`types::limits`], those of the transport in [`Config`].

#![forbid(unsafe_code)]

mod admin;
mod bounds;
mod budget;
mod check;
mod config;
mod connections;
mod convert;
mod guard;
mod health;
mod intake;
mod mask;
mod origin;
mod page;
mod parts;
mod publish_stream;
mod publisher;
mod push_service;
mod reason;
mod refusal;
mod server;
mod status;
mod stored;
mod streaming_pull;
mod subscriber;
mod subscriptions;
mod test_filter;
mod topics;

pub use admin::ServerInfo;
pub use config::Config;
pub use health::HEALTH_NAMES;
pub use origin::CorrelationIds;
pub use reason::Reason;
pub use refusal::ERROR_DOMAIN;
pub use server::{Drained, ServeError, serve, serve_routes, services};
pub use stored::StoredMessages;

use refusal::Refusal;
use tonic::{Response, Status};

/// The answer of a unary call; a refusal is logged here, once.
fn answer<T>(method: &str, result: Result<T, Refusal>) -> Result<Response<T>, Status> {
    answer_to(method, None, result)
}

/// The same where the request has a correlation ID.
fn answer_to<T>(
    method: &str,
    correlation_id: Option<&str>,
    result: Result<T, Refusal>,
) -> Result<Response<T>, Status> {
    result.map(Response::new).map_err(|refusal| {
        refusal.log(method, correlation_id);
        refusal.into()
    })
}
