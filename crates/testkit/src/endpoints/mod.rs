//! Push endpoints that misbehave, on loopback: what a webhook or a gRPC endpoint may do to a worker, on demand and recorded.
//!
//! ```no_run
//! # async fn example() {
//! use fanfare_testkit::endpoints::{Behaviour, Endpoint, Reply};
//!
//! let endpoint = Endpoint::start(Behaviour::fail_first(2, Reply::status(503)));
//! // … give `endpoint.url("/hook")` to a subscription, publish a message, then:
//! endpoint.wait_for(3).await;
//! assert_eq!(endpoint.requests()[2].header("fanfare-delivery-attempt"), Some("3"));
//! # }
//! ```
//!
//! # Invariants
//!
//! - A request is recorded before it is answered, and whole: a test that has its answer finds it recorded.
//! - What an endpoint does can be changed at any time, also for connections that are open.
//! - An endpoint keeps its port while it refuses connections, so that nobody else gets it.
//! - Nothing waits for time unless it is told to: a held request is answered when it is released.
//! - Dropped, an endpoint is gone with all its connections.
//!
//! # Limits
//!
//! It keeps the latest [`Options::keep`] requests of at most 16 MiB each, and counts the attempts of all messages that it has ever seen. What
//! is written past HTTP (garbage, half answers) goes onto the TCP connection as it is, also with TLS and HTTP/2.

mod behaviour;
mod endpoint;
mod gate;
mod grpc;
pub(crate) mod listener;
mod records;
mod service;
mod tls;
pub(crate) mod wire;

pub use behaviour::{Behaviour, Consent, Reply};
pub use endpoint::{Endpoint, Options};
pub use grpc::{GrpcBehaviour, GrpcEndpoint, GrpcRequest};
pub use records::{Request, Totals};
pub use tls::{Authority, Certificate, Tls};
