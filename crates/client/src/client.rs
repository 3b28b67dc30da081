//! The client: one for a broker, cheap to clone, from which everything else is made.

use std::{fmt, time::Duration};

use crate::{
    admin::{Server, Subscriptions, Topics},
    connect::{ConnectError, Lines, Transport},
    publisher::PublisherBuilder,
    retry::RetryPolicy,
    subscriber::{Settler, SubscriberBuilder},
};

/// A client of one broker. Cheap to clone; its clones share their connections.
///
/// Connections are made when they are needed and again when they broke, so building a client needs no broker.
#[derive(Debug, Clone)]
pub struct Client {
    lines: Lines,
}

impl Client {
    /// A client with every default, for `http://host:port` or `https://host:port`.
    ///
    /// # Errors
    /// [`ConnectError`] if that is no endpoint. Whether a broker is there shows at the first call.
    ///
    /// # Panics
    /// Outside of a tokio runtime, in which its connections live: a client is not used beyond the end of the one it was built in.
    pub fn connect(endpoint: impl Into<String>) -> Result<Self, ConnectError> {
        Self::builder().endpoint(endpoint).build()
    }

    /// A client to be configured.
    pub fn builder() -> ClientBuilder {
        ClientBuilder::default()
    }

    #[cfg(test)]
    pub(crate) fn lines(&self) -> &Lines {
        &self.lines
    }

    /// Topics: create, get, list, update, delete.
    pub fn topics(&self) -> Topics {
        Topics::new(self.lines.clone())
    }

    /// Subscriptions: create, get, list, update, delete, pause, resume, seek.
    pub fn subscriptions(&self) -> Subscriptions {
        Subscriptions::new(self.lines.clone())
    }

    /// The broker itself, and figures.
    pub fn server(&self) -> Server {
        Server::new(self.lines.clone())
    }

    /// Publishes to a topic; its name is full or bare.
    pub fn publisher(&self, topic: impl Into<String>) -> PublisherBuilder {
        PublisherBuilder::new(self.lines.clone(), topic.into())
    }

    /// Consumes a subscription; its name is full or bare.
    pub fn subscriber(&self, subscription: impl Into<String>) -> SubscriberBuilder {
        SubscriberBuilder::new(self.lines.clone(), subscription.into())
    }

    /// Single pulls and settlements by ack ID, for who settles elsewhere than they received.
    pub fn settler(&self, subscription: impl Into<String>) -> Settler {
        Settler::new(self.lines.clone(), subscription.into())
    }
}

/// Collects what a [`Client`] is made of.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), fanfare_client::ConnectError> {
/// use fanfare_client::Client;
///
/// let client = Client::builder()
///     .endpoint("http://broker-1.internal:50051")
///     .endpoint("http://broker-2.internal:50051")
///     .token("a-secret")
///     .build()?;
/// # let _ = client; Ok(()) }
/// ```
#[derive(Clone, Default)]
#[must_use = "a builder does nothing until it is built"]
pub struct ClientBuilder {
    transport: Transport,
}

impl fmt::Debug for ClientBuilder {
    /// Without secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder").field("endpoints", &self.transport.endpoints).finish_non_exhaustive()
    }
}

impl ClientBuilder {
    /// One more endpoint of the same broker: `http://host:port` or `https://host:port`. Calls go round them; one that fails is passed over.
    pub fn endpoint(mut self, endpoint: impl Into<String>) -> Self {
        self.transport.endpoints.push(endpoint.into());
        self
    }

    /// Sent with each call as `authorization: Bearer …`. Default: none.
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.transport.token = Some(token.into());
        self
    }

    /// Certificates in PEM to trust, instead of those that the system trusts.
    #[cfg(feature = "tls")]
    pub fn trusted_certificates(mut self, pem: impl Into<String>) -> Self {
        self.transport.tls.trusted = Some(pem.into());
        self
    }

    /// What the client shows in the TLS handshake (mTLS): its certificate chain and private key in PEM.
    #[cfg(feature = "tls")]
    pub fn identity(mut self, chain_pem: impl Into<String>, key_pem: impl Into<String>) -> Self {
        self.transport.tls.identity = Some((chain_pem.into(), key_pem.into()));
        self
    }

    /// The name that the broker's certificate must have. Default: the endpoint's host.
    #[cfg(feature = "tls")]
    pub fn server_name(mut self, name: impl Into<String>) -> Self {
        self.transport.tls.name = Some(name.into());
        self
    }

    /// For unary calls, and for the waits between connections of streams. Default: see [`RetryPolicy`].
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.transport.retry = policy;
        self
    }

    /// Until a connection counts as failed. Default: 5 s.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.transport.connect_timeout = timeout;
        self
    }

    /// Until one try of a unary call counts as failed, and a publisher's stream that owes an answer and gives none. Default: 30 s.
    pub fn request_timeout(mut self, timeout: Duration) -> Self {
        self.transport.request_timeout = timeout;
        self
    }

    /// A connection on which nothing comes for `interval` is asked for a sign of life, and given up without one after `timeout`. Default:
    /// 20 s and 10 s.
    pub fn keepalive(mut self, interval: Duration, timeout: Duration) -> Self {
        self.transport.keepalive_interval = interval;
        self.transport.keepalive_timeout = timeout;
        self
    }

    /// The client. Connects to nothing yet.
    ///
    /// # Errors
    /// [`ConnectError`] says which part cannot be used.
    ///
    /// # Panics
    /// Outside of a tokio runtime, in which its connections live: a client is not used beyond the end of the one it was built in.
    pub fn build(self) -> Result<Client, ConnectError> {
        Ok(Client { lines: Lines::new(&self.transport)? })
    }
}
