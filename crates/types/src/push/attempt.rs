use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{AckId, Timestamp};

/// One attempt to push one message, as the topic's log keeps it.
///
/// The order of the fields is the stored format: add at the end only, with a new kind of record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// Failed attempts before it, plus one.
    pub number: u32,
    /// When the request was begun.
    pub started_at: Timestamp,
    /// Until the answer was there, or no longer waited for.
    pub latency: Duration,
    /// The HTTP status, or the number of the gRPC status; none if there was no answer.
    pub status: Option<u16>,
    /// What it came to.
    pub class: AttemptClass,
    /// The first KiB of the answer's body.
    pub response: Vec<u8>,
    /// What went wrong, for people; empty if nothing did. At most 1,024 bytes.
    pub error: String,
}

/// What an attempt came to. The order of the variants is the stored format: add at the end only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum AttemptClass {
    /// The endpoint has taken the message.
    Ok,
    /// It took it after the time was over.
    OkLate,
    /// No answer in time.
    Timeout,
    /// No connection: refused, unreachable, reset while it was made.
    Connect,
    /// The name did not resolve.
    Resolve,
    /// The address is one that must not be connected to.
    Denied,
    /// The TLS handshake failed.
    Tls,
    /// The connection broke, or the answer was no HTTP or gRPC.
    Protocol,
    /// An answer that is worth another attempt: it asks to come later.
    Throttled,
    /// An answer that is worth another attempt.
    Retryable,
    /// An answer that says no for good.
    Rejected,
    /// The endpoint wants nothing more.
    Gone,
    /// The message has been forwarded too often, or went round in a circle.
    Loop,
    /// The message cannot be put into a request.
    Unsendable,
}

/// What becomes of a message after an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttemptVerdict {
    /// It is settled.
    Acknowledge,
    /// It is settled though the attempt was reported as failed before, unless it has been leased again since, or is settled otherwise.
    AcknowledgeLate {
        /// Failed attempts of the message, that one included.
        failed_attempts: u32,
    },
    /// The attempt failed: another one, after the retry policy's wait or this one if it is longer.
    Retry {
        /// At least so long.
        at_least: Option<Duration>,
    },
    /// The attempt failed and there is no other: the message goes where exhausted ones go.
    Reject,
    /// No attempt counts: the message is delivered again, not before this is over.
    Release {
        /// From now. The wait is forgotten by a restart.
        after: Duration,
    },
}

/// What a push worker says of one lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptReport {
    /// The lease.
    pub ack_id: AckId,
    /// What becomes of the message.
    pub verdict: AttemptVerdict,
    /// What happened; none if no request was made.
    pub attempt: Option<Attempt>,
}
