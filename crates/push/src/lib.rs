//! Push delivery: a worker that leases messages of subscriptions with an endpoint, delivers them, and settles what came of it.
//!
//! ```text
//! worker  -- one task an endpoint --> endpoint: lease -> gates -> carrier -> classify -> report
//!                                        |                 |
//!                                     Backend           Carrier
//!                              local | remote        webhook | gRPC | topic
//! ```
//!
//! # Invariants
//!
//! - It uses the broker's public calls and nothing else ([`Backend`]), so it runs inside the broker or as a process of its own.
//! - Every endpoint has one worker at a time, which the broker chooses. What protects an endpoint (rate, concurrency, breaker, budget)
//!   is in its own task and shared with nobody.
//! - Nothing is connected to that the guard has not checked: the address that was checked is the one that is connected to.
//! - What an endpoint can make the worker hold is bounded: requests under way, bytes of messages, bytes of answers, time.

#![forbid(unsafe_code)]

mod backend;
mod carrier;
mod carriers;
mod classify;
mod config;
mod confirm;
mod connect;
mod content;
mod endpoint;
mod forward;
mod gates;
mod grpc_endpoint;
mod guard;
mod local;
mod remote;
mod retry_after;
mod sign;
#[cfg(test)]
mod support;
#[cfg(test)]
mod tests;
mod transport;
mod webhook;
mod worker;

pub use backend::{Assignments, Backend, BackendError, Changes, EndpointChange, EndpointFigures, Leases};
pub use carrier::{Answer, Carrier, Consent, Failure, Response};
pub use carriers::Forwards;
pub use config::{Config, Network};
pub use content::{Content, FIXED_HEADER_BYTES, HEADER_BYTES, Unsendable, new_token};
pub use forward::{Forwarder, Topics};
pub use grpc_endpoint::GrpcEndpoint;
pub use guard::{BrokerAddresses, Denied, Guard, Host, Scheme, Target, UrlError};
pub use local::{Local, LocalAssignments, LocalLeases};
pub use remote::{Remote, RemoteAssignments, RemoteError, RemoteLeases};
pub use retry_after::retry_after;
pub use transport::{AnyCarrier, Guardian, Transport, TransportError};
pub use webhook::Webhook;
pub use worker::{Carriers, Worker};
