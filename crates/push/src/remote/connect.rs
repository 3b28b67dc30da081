use std::{
    io,
    net::SocketAddr,
    path::Path,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use futures_util::future::BoxFuture;
use hyper_util::rt::TokioIo;
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName, pem::PemObject as _},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;
use tonic::transport::{Channel, Endpoint, Uri};

use crate::guard::BrokerAddresses;

/// Bytes of one answer: the longest pull, and what is around its messages.
pub(super) const ANSWER_BYTES: usize = 12 << 20;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(20);
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(10);
const STREAM_WINDOW: u32 = 4 << 20;
const CONNECTION_WINDOW: u32 = 16 << 20;

/// Why a broker in another process cannot be spoken to. Nothing was sent.
#[derive(Debug, thiserror::Error)]
pub enum RemoteError {
    /// No URL of a broker.
    #[error("the broker's URL must be http://host:port or https://host:port: {0}")]
    Url(String),
    /// No token that fits into a header.
    #[error("the worker token must be visible ASCII")]
    Token,
    /// The file of certificates.
    #[error("certificates to trust: {0}")]
    Certificates(String),
}

/// Where the broker is, and how it is spoken to.
#[derive(Clone)]
pub(super) struct Broker {
    origin: Uri,
    host: Arc<str>,
    port: u16,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    found: BrokerAddresses,
}

impl Broker {
    /// Resolves and connects nothing yet.
    pub(super) fn new(url: &str, ca_file: Option<&Path>) -> Result<Self, RemoteError> {
        let bad = |why: &str| RemoteError::Url(why.to_owned());
        let parsed = url::Url::parse(url).map_err(|error| RemoteError::Url(error.to_string()))?;
        let is_plain = match parsed.scheme() {
            "http" => true,
            "https" => false,
            _ => return Err(bad("it has another scheme")),
        };
        let port = parsed.port_or_known_default().ok_or_else(|| bad("it has no port"))?;
        let host = match parsed.host().ok_or_else(|| bad("it has no host"))? {
            url::Host::Domain(name) => name.to_owned(),
            url::Host::Ipv4(address) => address.to_string(),
            url::Host::Ipv6(address) => address.to_string(),
        };
        let has_user = !parsed.username().is_empty() || parsed.password().is_some();
        if parsed.path() != "/" || parsed.query().is_some() || has_user {
            return Err(bad("it has more than that"));
        }
        let tls = match is_plain {
            true => None,
            false => {
                let name = ServerName::try_from(host.clone())
                    .map_err(|error| RemoteError::Url(error.to_string()))?;
                Some((connector(ca_file)?, name))
            }
        };
        let origin = parsed.as_str().parse().map_err(|_| bad("it cannot be put into a request"))?;
        Ok(Self { origin, host: host.into(), port, tls, found: BrokerAddresses::default() })
    }

    /// A connection that is made when it is needed, and made again when it broke.
    pub(super) fn dial(&self) -> Channel {
        // The scheme here only says that TLS is not the channel's business.
        Endpoint::from_static("http://broker")
            .origin(self.origin.clone())
            .connect_timeout(CONNECT_TIMEOUT)
            .http2_keep_alive_interval(KEEPALIVE_INTERVAL)
            .keep_alive_timeout(KEEPALIVE_TIMEOUT)
            .keep_alive_while_idle(true)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .connect_with_connector_lazy(Dial(self.clone()))
    }

    /// Where it has been found so far.
    pub(super) fn found(&self) -> &BrokerAddresses {
        &self.found
    }

    /// Of the broker's name now. They are remembered before there is a connection, and before any endpoint is known.
    async fn addresses(&self) -> io::Result<Vec<SocketAddr>> {
        let addresses: Vec<_> = tokio::net::lookup_host((&*self.host, self.port)).await?.collect();
        addresses.iter().for_each(|address| self.found.add(*address));
        Ok(addresses)
    }

    async fn connect(self) -> io::Result<TokioIo<Box<dyn Stream>>> {
        let stream = TcpStream::connect(self.addresses().await?.as_slice()).await?;
        stream.set_nodelay(true)?;
        let Some((connector, name)) = self.tls else { return Ok(TokioIo::new(Box::new(stream))) };
        Ok(TokioIo::new(Box::new(connector.connect(name, stream).await?)))
    }
}

fn connector(ca_file: Option<&Path>) -> Result<TlsConnector, RemoteError> {
    let bad = |error: &dyn std::fmt::Display| RemoteError::Certificates(error.to_string());
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(path) = ca_file {
        for certificate in CertificateDer::pem_file_iter(path).map_err(|error| bad(&error))? {
            let certificate = certificate.map_err(|error| bad(&error))?;
            roots.add(certificate).map_err(|error| bad(&error))?;
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| bad(&error))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(TlsConnector::from(Arc::new(config)))
}

/// A connection with or without TLS.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// What the channel calls when it needs a connection.
#[derive(Clone)]
struct Dial(Broker);

impl tower::Service<Uri> for Dial {
    type Response = TokioIo<Box<dyn Stream>>;
    type Error = io::Error;
    type Future = BoxFuture<'static, io::Result<Self::Response>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let connecting: Pin<Box<_>> = Box::pin(self.0.clone().connect());
        connecting
    }
}
