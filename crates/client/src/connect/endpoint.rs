//! What a connection is made with.

use std::time::Duration;

use tonic::transport::{Channel, Endpoint};

use super::ConnectError;
use crate::{clock, retry::RetryPolicy};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(20);
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(10);
const STREAM_WINDOW: u32 = 4 << 20;
const CONNECTION_WINDOW: u32 = 16 << 20;
/// What the broker may put into one frame of HTTP/2.
const FRAME_BYTES: u32 = 1 << 20;

/// Certificates and names for TLS.
#[cfg(feature = "tls")]
#[derive(Debug, Clone, Default)]
pub(crate) struct Tls {
    /// To trust, in PEM, instead of those that the system trusts.
    pub(crate) trusted: Option<String>,
    /// What the client shows: chain and private key, in PEM.
    pub(crate) identity: Option<(String, String)>,
    /// The name that the broker's certificate must have, if it is not the endpoint's host.
    pub(crate) name: Option<String>,
}

#[cfg(feature = "tls")]
impl Tls {
    fn is_given(&self) -> bool {
        self.trusted.is_some() || self.identity.is_some() || self.name.is_some()
    }
}

/// Everything that a builder collects about the way to the broker.
#[derive(Clone)]
pub(crate) struct Transport {
    pub(crate) endpoints: Vec<String>,
    pub(crate) token: Option<String>,
    pub(crate) retry: RetryPolicy,
    pub(crate) connect_timeout: Duration,
    pub(crate) request_timeout: Duration,
    pub(crate) keepalive_interval: Duration,
    pub(crate) keepalive_timeout: Duration,
    #[cfg(feature = "tls")]
    pub(crate) tls: Tls,
}

impl Default for Transport {
    fn default() -> Self {
        Self {
            endpoints: Vec::new(),
            token: None,
            retry: RetryPolicy::default(),
            connect_timeout: CONNECT_TIMEOUT,
            request_timeout: REQUEST_TIMEOUT,
            keepalive_interval: KEEPALIVE_INTERVAL,
            keepalive_timeout: KEEPALIVE_TIMEOUT,
            #[cfg(feature = "tls")]
            tls: Tls::default(),
        }
    }
}

impl Transport {
    /// One an endpoint; nothing is connected yet.
    pub(super) fn channels(&self) -> Result<Vec<Channel>, ConnectError> {
        self.endpoints.iter().map(|endpoint| self.channel(endpoint)).collect()
    }

    fn channel(&self, text: &str) -> Result<Channel, ConnectError> {
        let bad =
            |why: &dyn ToString| ConnectError::Endpoint { endpoint: text.to_owned(), why: why.to_string() };
        let endpoint = Endpoint::from_shared(text.to_owned()).map_err(|error| bad(&error))?;
        let uri = endpoint.uri();
        if !matches!(uri.path(), "" | "/") || uri.query().is_some() {
            return Err(bad(&"it has a path"));
        }
        if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
            return Err(bad(&"it has a user name in it; use a token"));
        }
        let is_secure = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            _ => return Err(bad(&"it has another scheme, or none")),
        };
        let endpoint = endpoint
            .user_agent(concat!("fanfare-client/", env!("CARGO_PKG_VERSION")))
            .map_err(|error| bad(&error))?
            .connect_timeout(self.connect_timeout)
            .http2_keep_alive_interval(self.keepalive_interval.min(clock::AGES))
            .keep_alive_timeout(self.keepalive_timeout.min(clock::AGES))
            .keep_alive_while_idle(true)
            .tcp_nodelay(true)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_frame_size(FRAME_BYTES);
        #[cfg(feature = "tls")]
        if !is_secure && self.tls.is_given() {
            return Err(bad(&"certificates or a server name are given, which are for https"));
        }
        let endpoint = if is_secure { self.secure(endpoint)? } else { endpoint };
        Ok(endpoint.connect_lazy())
    }

    #[cfg(feature = "tls")]
    fn secure(&self, endpoint: Endpoint) -> Result<Endpoint, ConnectError> {
        use tonic::transport::{Certificate, ClientTlsConfig, Identity};
        let mut tls = match &self.tls.trusted {
            Some(certificates) => ClientTlsConfig::new().ca_certificate(Certificate::from_pem(certificates)),
            None => ClientTlsConfig::new().with_native_roots(),
        };
        if let Some((chain, key)) = &self.tls.identity {
            tls = tls.identity(Identity::from_pem(chain, key));
        }
        if let Some(name) = &self.tls.name {
            tls = tls.domain_name(name);
        }
        endpoint.tls_config(tls).map_err(|error| ConnectError::Tls(error.to_string()))
    }

    #[cfg(not(feature = "tls"))]
    fn secure(&self, _: Endpoint) -> Result<Endpoint, ConnectError> {
        Err(ConnectError::Tls("the feature `tls` of fanfare-client is off".to_owned()))
    }
}

#[cfg(all(test, feature = "tls"))]
mod tests {
    use super::*;

    #[tokio::test]
    async fn certificates_for_an_endpoint_without_tls_are_refused_and_not_ignored() {
        let tls = Tls { name: Some("broker".to_owned()), ..Tls::default() };
        let transport = |endpoint: &str| Transport {
            endpoints: vec![endpoint.to_owned()],
            tls: tls.clone(),
            ..Transport::default()
        };
        let refused = transport("http://localhost:1").channels().unwrap_err();
        assert!(refused.to_string().ends_with("which are for https"), "{refused}");
        assert!(transport("https://localhost:1").channels().is_ok());
    }
}
