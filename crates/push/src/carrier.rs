//! What brings messages to an endpoint: a webhook, a gRPC server, a topic.

use std::time::Duration;

use broker::Delivery;
use bytes::Bytes;

/// Brings messages to one endpoint. Has a connection pool of its own, shared with no other endpoint.
pub trait Carrier: Send + Sync + 'static {
    /// Makes one request with these messages (one, unless the endpoint takes batches) and gives one answer for each, in their order. It
    /// bounds the connecting and what it reads; how long to wait for the whole is the caller's business, who may also drop it.
    fn deliver(&self, messages: &[Delivery]) -> impl Future<Output = Vec<Answer>> + Send;

    /// Asks the endpoint for its consent, with a token that it is to send back.
    fn confirm(&self, token: &str) -> impl Future<Output = Consent> + Send;
}

/// What came back for one message.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The answer, or why there is none.
    pub response: Response,
    /// How long the endpoint wants to be left alone (`Retry-After`, RFC 9110 section 10.2.3; google.rpc.RetryInfo), unbounded.
    pub retry_after: Option<Duration>,
    /// The first KiB of the body.
    pub body: Bytes,
    /// What went wrong, for people; empty if nothing did. At most 1,024 bytes.
    pub error: String,
}

/// The answer, or why there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Response {
    /// An HTTP status.
    Http(u16),
    /// The number of a gRPC status code; 0 is that it was taken.
    Grpc(u8),
    /// gRPC: the endpoint wants this message again.
    Again,
    /// gRPC: the endpoint will never take this message.
    Never,
    /// gRPC: the endpoint wants nothing more.
    Gone,
    /// The message is in the other topic.
    Forwarded,
    /// None.
    Failed(Failure),
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// No answer in time (also: no connection in time).
    Timeout,
    /// No connection: refused, unreachable, reset while it was made.
    Connect,
    /// The name did not resolve.
    Resolve,
    /// The address is one that must not be connected to.
    Denied,
    /// The TLS handshake failed.
    Tls,
    /// The connection broke, or what came was no HTTP or gRPC, or too much of it.
    Protocol,
    /// The message has been forwarded too often, or would go round in a circle.
    Loop,
    /// The other topic is not there.
    NoTopic,
    /// The message cannot be put into a request.
    Unsendable,
}

/// What came of a request for consent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Consent {
    /// The token came back.
    Given,
    /// The endpoint answered without it. It may send it later.
    NotYet,
    /// There was no answer that counts: why, for people.
    Failed(String),
}
