use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

use super::Secret;
use crate::{Invalid, TopicName, limits};

/// Where a subscription's messages are pushed to, and how. All of it can be changed later.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PushSettings {
    /// `https://…`, `http://…`, `grpcs://host:port`, `grpc://host:port` or `topic:NAME`. At most 2,048 bytes.
    pub endpoint: String,
    /// How a webhook gets the message. Not for gRPC and topics.
    pub content: ContentMode,
    /// Headers (gRPC: metadata) of every request, by their names in lower case. At most 32; shown to readers, so not for secrets.
    pub headers: BTreeMap<String, String>,
    /// Who the broker says it is.
    pub authentication: Option<Authentication>,
    /// What the broker shows in the TLS handshake.
    pub client_certificate: Option<ClientCertificate>,
    /// Certificates in PEM that the endpoint's own must lead up to, instead of those that the system trusts.
    pub trusted_certificates: Option<String>,
    /// Keys of Standard Webhooks signatures, `whsec_…` or `whsk_…`: none, one, or two during a rotation.
    pub signing_secrets: Vec<Secret>,
    /// Until an attempt counts as failed. 1 s to 5 min, default 15 s.
    pub request_timeout: Duration,
    /// Requests under way at a time, at most. 1 to 1,000, default 64.
    pub max_concurrency: u32,
    /// Messages of one request to a gRPC endpoint. 1 to 1,000, default 1.
    pub max_batch: u32,
    /// Messages per second (SNS: `maxReceivesPerSecond`); `None`, the default, is no limit. 0.01 to 100,000.
    pub max_receives_per_second: Option<f64>,
    /// What an answer means, where it is not what it usually means. At most 32; the first that applies counts.
    pub error_rules: Vec<ErrorRule>,
    /// When deliveries stop because the endpoint seems dead.
    pub breaker: BreakerSettings,
}

impl Default for PushSettings {
    fn default() -> Self {
        Self {
            endpoint: String::new(),
            content: ContentMode::default(),
            headers: BTreeMap::new(),
            authentication: None,
            client_certificate: None,
            trusted_certificates: None,
            signing_secrets: Vec::new(),
            request_timeout: limits::PUSH_REQUEST_TIMEOUT,
            max_concurrency: limits::PUSH_CONCURRENCY,
            max_batch: 1,
            max_receives_per_second: None,
            error_rules: Vec::new(),
            breaker: BreakerSettings::default(),
        }
    }
}

impl PushSettings {
    /// The topic that the endpoint names, if it is one.
    ///
    /// # Errors
    /// It says `topic:`, and what follows is no name.
    pub fn topic(&self) -> Result<Option<TopicName>, Invalid> {
        let Some(name) = self.endpoint.strip_prefix("topic:") else { return Ok(None) };
        name.parse().map(Some).map_err(|invalid: Invalid| Invalid::new("endpoint", invalid.reason))
    }

    /// Whether a change from these settings to others needs the endpoint's consent again.
    pub fn is_elsewhere(&self, other: &Self) -> bool {
        self.endpoint != other.endpoint
    }
}

/// How a webhook gets the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ContentMode {
    /// The data is the body; what else there is is in headers (Standard Webhooks 1.0.0).
    #[default]
    Raw,
    /// CloudEvents 1.0, HTTP binding, binary mode.
    CloudEventsBinary,
    /// CloudEvents 1.0, HTTP binding, structured mode.
    CloudEventsStructured,
    /// The JSON envelope of Amazon SNS with its headers.
    SnsEnvelope,
}

/// Who the broker says it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Authentication {
    /// `authorization: Basic …` (RFC 7617).
    Basic {
        /// Without a colon.
        username: String,
        /// Not empty.
        password: Secret,
    },
    /// `authorization: Bearer …` (RFC 6750).
    Bearer {
        /// Visible ASCII.
        token: Secret,
    },
    /// A static token in a header of its own.
    Header {
        /// In lower case.
        name: String,
        /// Visible ASCII, spaces inside.
        value: Secret,
    },
}

/// What the broker shows in the TLS handshake.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientCertificate {
    /// The certificate and those it was issued by, in PEM.
    pub chain: String,
    /// Its private key, in PEM.
    pub private_key: Secret,
}

/// What an answer means, where it is not what it usually means.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorRule {
    /// To which answers it applies.
    pub status: StatusRange,
    /// What it means.
    pub action: ErrorAction,
}

/// Answers of an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StatusRange {
    /// HTTP status codes, both ends included. 200 to 599.
    Http {
        /// The first.
        from: u16,
        /// The last.
        to: u16,
    },
    /// A gRPC status code, 1 to 16.
    Grpc {
        /// Its number.
        code: u8,
    },
    /// No answer in time.
    Timeout,
    /// No connection, or one that broke.
    Transport,
}

/// What an answer means for the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorAction {
    /// It is delivered.
    Acknowledge,
    /// Another attempt, as the retry policy says.
    Retry,
    /// No further attempt: it goes where exhausted messages go.
    Reject,
    /// The endpoint wants nothing more: it is disabled, and the message stays.
    Disable,
}

/// When deliveries stop because the endpoint seems dead, and go on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct BreakerSettings {
    /// Attempts that fail in a row open it. 1 to 10,000, default 10.
    pub failures: u32,
    /// So does this share of the attempts of 10 s, if there were 20 of them. 0.01 to 1, default 0.7.
    pub failure_ratio: f64,
    /// Time until the first probe; it doubles with each probe that fails. 1 s to `max_open`, default 5 s.
    pub open: Duration,
    /// The longest time until the next probe. At most 1 h, default 5 min.
    pub max_open: Duration,
    /// Open for so long, the endpoint is disabled; `None`, the default, is never. 1 min to 30 d.
    pub disable_after: Option<Duration>,
}

impl Default for BreakerSettings {
    fn default() -> Self {
        Self {
            failures: 10,
            failure_ratio: 0.7,
            open: Duration::from_secs(5),
            max_open: Duration::from_secs(300),
            disable_after: None,
        }
    }
}
