//! Connections to endpoints: resolve once, check every address, connect to what was checked.
//!
//! # Invariants
//!
//! - A [`Connector`] belongs to one endpoint. It connects to the target that the guard read out of the settings, whatever the request
//!   that wants the connection says.
//! - Every new connection resolves and checks anew, so a name that changes its address (DNS rebinding) gains nothing.
//! - It fails closed: no address, one denied address among good ones, a resolver that fails or does not answer: no connection.
//! - Resolving, connecting and the TLS handshake share one deadline.
//! - No proxy: nothing reads the environment.
//! - An endpoint that does not let go of its connections gets no more of them ([`Bounds::connections`]), and harms no one else.

mod dial;
mod error;
mod resolve;
mod stream;
mod tls;

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use futures_util::future::BoxFuture;
use http::Uri;
use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, pki_types::ServerName};
use tokio::{
    net::TcpStream,
    sync::{OwnedSemaphorePermit, Semaphore},
};
use tokio_rustls::TlsConnector;
use types::push::PushSettings;

pub(crate) use dial::{Dial, Tcp};
pub(crate) use error::{ConnectError, cut, failure, in_words};
pub(crate) use resolve::{Resolve, System};
use stream::Io;
pub(crate) use stream::Stream;
pub(crate) use tls::Roots;

use crate::{
    Failure,
    guard::{Guard, Host, Target},
};

/// What all connectors of a worker share.
#[derive(Debug, Clone)]
pub(crate) struct Dialler {
    pub(crate) guard: Arc<Guard>,
    pub(crate) resolver: Arc<dyn Resolve>,
    pub(crate) dial: Arc<dyn Dial>,
    pub(crate) timeout: Duration,
}

/// Beside one for each request under way: for requests that are late, for those that are idle, and for those that are being closed.
const SPARE_CONNECTIONS: usize = 32;

/// What the connections to one endpoint may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// Connections at a time, those that are being made or closed included.
    pub(crate) connections: usize,
    /// How long the endpoint may take nothing of what is written.
    pub(crate) stall: Duration,
}

/// Connects to one endpoint.
#[derive(Debug, Clone)]
pub(crate) struct Connector {
    dialler: Dialler,
    target: Arc<Target>,
    tls: Option<Tls>,
    bounds: Bounds,
    slots: Arc<Semaphore>,
}

#[derive(Clone)]
struct Tls {
    connector: TlsConnector,
    name: ServerName<'static>,
}

impl Bounds {
    /// hyper makes a connection for a request even if one becomes free in the meantime, so there can be two for each.
    pub(crate) fn of(push: &PushSettings) -> Self {
        let requests = usize::try_from(push.max_concurrency).unwrap_or(usize::MAX / 4);
        Self { connections: 2 * requests + SPARE_CONNECTIONS, stall: push.request_timeout }
    }
}

impl Connector {
    /// TLS is as the target's scheme says; the configuration is used if it is there.
    ///
    /// # Errors
    /// The host is nothing that a certificate can name.
    pub(crate) fn new(
        dialler: Dialler,
        target: Arc<Target>,
        config: Option<Arc<ClientConfig>>,
        bounds: Bounds,
    ) -> Result<Self, ConnectError> {
        let tls = config.map(|config| {
            let name = server_name(target.host())?;
            Ok::<_, ConnectError>(Tls { connector: TlsConnector::from(config), name })
        });
        let slots = Arc::new(Semaphore::new(bounds.connections));
        Ok(Self { dialler, target, tls: tls.transpose()?, bounds, slots })
    }

    /// The same with another deadline.
    pub(crate) fn within(mut self, timeout: Duration) -> Self {
        self.dialler.timeout = timeout;
        self
    }

    /// Makes a new connection.
    ///
    /// # Errors
    /// There is none.
    pub(crate) async fn connect(&self) -> Result<Stream, ConnectError> {
        let timeout = self.dialler.timeout;
        let connecting = async {
            let slot = self.slot().await?;
            let io = self.connect_at_last().await?;
            Ok(Stream::new(io, self.bounds.stall, slot))
        };
        match tokio::time::timeout(timeout, connecting).await {
            Ok(connected) => connected,
            Err(_) => Err(ConnectError::new(
                Failure::Timeout,
                format!("no connection to {} in {timeout:?}", self.at()),
            )),
        }
    }

    /// Waits for one of the endpoint's connections to be gone, if there are as many as there may be.
    async fn slot(&self) -> Result<OwnedSemaphorePermit, ConnectError> {
        let slot = Arc::clone(&self.slots).acquire_owned().await;
        slot.map_err(|closed| ConnectError::new(Failure::Connect, closed.to_string()))
    }

    async fn connect_at_last(&self) -> Result<Io, ConnectError> {
        let addresses = self.addresses().await?;
        let stream = self.dial(&addresses).await?;
        let Some(tls) = &self.tls else { return Ok(Io::Plain(stream)) };
        let connected = tls.connector.connect(tls.name.clone(), stream).await;
        connected.map(|stream| Io::Tls(Box::new(stream))).map_err(|error| self.handshake(&error))
    }

    /// All addresses, checked; at least one.
    async fn addresses(&self) -> Result<Vec<SocketAddr>, ConnectError> {
        let found = match self.target.address() {
            Some(address) => vec![address],
            None => self.resolve().await?,
        };
        // What is connected to is the form that was checked.
        let at = |address: IpAddr| SocketAddr::new(address.to_canonical(), self.target.port());
        let addresses: Vec<_> = found.into_iter().map(at).collect();
        for address in &addresses {
            let checked = self.dialler.guard.check(*address);
            checked.map_err(|denied| ConnectError::new(Failure::Denied, denied.to_string()))?;
        }
        Ok(addresses)
    }

    async fn resolve(&self) -> Result<Vec<IpAddr>, ConnectError> {
        let name = self.target.host().to_string();
        let failed =
            |why: &str| ConnectError::new(Failure::Resolve, format!("{name} does not resolve: {why}"));
        let found = self.dialler.resolver.resolve(&name).await.map_err(|error| failed(&in_words(&error)))?;
        if found.is_empty() {
            return Err(failed("it has no address"));
        }
        if found.len() > resolve::ADDRESSES {
            return Err(failed(&format!("it has more than {} addresses", resolve::ADDRESSES)));
        }
        Ok(found)
    }

    /// The first address that takes the connection. Each has its share of the time, so that one that says nothing does not use it up.
    async fn dial(&self, addresses: &[SocketAddr]) -> Result<TcpStream, ConnectError> {
        let share = self.dialler.timeout / u32::try_from(addresses.len()).unwrap_or(u32::MAX);
        let mut refused = String::new();
        for (index, address) in addresses.iter().enumerate() {
            let dialled = self.dialler.dial.dial(*address);
            // The last one has what is left, which the deadline of the whole sees to.
            let share = if index + 1 == addresses.len() { Duration::MAX } else { share };
            match tokio::time::timeout(share, dialled).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(error)) => refused = format!("{address}: {error}"),
                Err(_) => refused = format!("{address}: no answer"),
            }
        }
        Err(ConnectError::new(Failure::Connect, format!("no connection to {}: {refused}", self.at())))
    }

    fn handshake(&self, error: &std::io::Error) -> ConnectError {
        ConnectError::new(Failure::Tls, format!("no TLS with {}: {}", self.at(), in_words(error)))
    }

    fn at(&self) -> String {
        format!("{}:{}", self.target.host(), self.target.port())
    }
}

fn server_name(host: &Host) -> Result<ServerName<'static>, ConnectError> {
    match host {
        Host::Ip(address) => Ok(ServerName::from(*address)),
        // The dot of the root belongs into no certificate (RFC 6066, section 3).
        Host::Name(name) => ServerName::try_from(name.trim_end_matches('.').to_owned())
            .map_err(|_| ConnectError::new(Failure::Tls, format!("{name} is no name for a certificate"))),
    }
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Tls({:?})", self.name)
    }
}

impl tower::Service<Uri> for Connector {
    type Response = TokioIo<Stream>;
    type Error = ConnectError;
    type Future = BoxFuture<'static, Result<TokioIo<Stream>, ConnectError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ConnectError>> {
        Poll::Ready(Ok(()))
    }

    /// The address is not looked at: this connects to one endpoint only.
    fn call(&mut self, _: Uri) -> Self::Future {
        let connector = self.clone();
        Box::pin(async move { connector.connect().await.map(TokioIo::new) })
    }
}

#[cfg(test)]
mod tests;
