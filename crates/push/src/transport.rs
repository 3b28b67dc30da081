//! What all endpoints of a worker share, and what looks at an endpoint when someone names it.

use std::{io, pin::Pin, sync::Arc, time::Duration};

use broker::{AssignedEndpoint, CheckEndpoint, Delivery};
use rustls::ClientConfig;
use types::{
    Clock, Invalid, SubscriptionUid, limits,
    push::{EndpointStatus, PushSettings},
};

use crate::{
    Answer, Carrier, Config, Consent, Content,
    connect::{Bounds, Connector, Dial, Dialler, Resolve, Roots, System, Tcp},
    grpc_endpoint::{self, GrpcEndpoint},
    guard::{BrokerAddresses, Guard, Target},
    webhook::Webhook,
};

/// How long an endpoint that is named has to take a connection.
const CHECK_TIME: Duration = Duration::from_secs(3);

/// The guard, the resolver and the trusted certificates. Cheap to clone.
#[derive(Clone)]
pub struct Transport {
    dialler: Dialler,
    roots: Roots,
    clock: Arc<dyn Clock>,
}

/// Push delivery cannot start.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// The operator's certificates cannot be used.
    #[error("push.ca_file: {0}")]
    Certificates(io::Error),
    /// There is no resolver.
    #[error("names cannot be resolved: {0}")]
    Resolver(io::Error),
}

/// A carrier for one kind of endpoint or another.
#[derive(Debug)]
pub enum AnyCarrier {
    /// `https://` and `http://`.
    Webhook(Webhook),
    /// `grpcs://` and `grpc://`.
    Grpc(GrpcEndpoint),
}

impl std::fmt::Debug for Transport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Transport").field("dialler", &self.dialler).finish_non_exhaustive()
    }
}

impl Transport {
    /// Reads the certificates and the machine's name servers.
    ///
    /// # Errors
    /// See [`TransportError`].
    pub fn new(config: &Config, clock: Arc<dyn Clock>) -> Result<Self, TransportError> {
        let resolver = System::new().map_err(TransportError::Resolver)?;
        Self::over(config, clock, Arc::new(resolver), Arc::new(Tcp))
    }

    /// The same over another network.
    pub(crate) fn over(
        config: &Config,
        clock: Arc<dyn Clock>,
        resolver: Arc<dyn Resolve>,
        dial: Arc<dyn Dial>,
    ) -> Result<Self, TransportError> {
        let roots = Roots::load(config.ca_file.as_deref()).map_err(TransportError::Certificates)?;
        let guard = Arc::new(Guard::new(config));
        Ok(Self { dialler: Dialler { guard, resolver, dial, timeout: config.connect_timeout }, roots, clock })
    }

    /// The same for a worker whose broker is in another process: that is no endpoint either.
    #[must_use]
    pub fn beside(mut self, broker: BrokerAddresses) -> Self {
        let guard = Guard::clone(&self.dialler.guard).beside(broker);
        self.dialler.guard = Arc::new(guard);
        self
    }

    /// Whether the files that the configuration names can be used, to be told before anything is begun.
    ///
    /// # Errors
    /// The field that names one that cannot.
    pub fn check_files(config: &Config) -> Result<(), Invalid> {
        let loaded = Roots::load(config.ca_file.as_deref());
        loaded.map(drop).map_err(|error| Invalid::new("ca_file", format!("cannot be used: {error}")))
    }

    /// The rules about what may be connected to.
    pub fn guard(&self) -> &Guard {
        &self.dialler.guard
    }

    /// What brings messages to an endpoint of the network. It connects when there is something to bring.
    ///
    /// # Errors
    /// The settings cannot be used here, as a path from them; also if the endpoint is a topic.
    pub fn carrier(&self, endpoint: &AssignedEndpoint) -> Result<AnyCarrier, Invalid> {
        let target = self.target(&endpoint.push)?;
        let connector = self.connector(&target, &endpoint.push)?;
        let uri = target.uri().clone();
        if target.scheme().is_grpc() {
            return GrpcEndpoint::new(connector, endpoint.clone(), uri).map(AnyCarrier::Grpc);
        }
        Webhook::new(connector, endpoint, uri, Arc::clone(&self.clock)).map(AnyCarrier::Webhook)
    }

    fn target(&self, push: &PushSettings) -> Result<Arc<Target>, Invalid> {
        let target = self.guard().target(&push.endpoint);
        target.map(Arc::new).map_err(|why| Invalid::new("endpoint", why))
    }

    fn connector(&self, target: &Arc<Target>, push: &PushSettings) -> Result<Connector, Invalid> {
        let tls = self.tls(target, push)?;
        Connector::new(self.dialler.clone(), Arc::clone(target), tls, Bounds::of(push))
            .map_err(|why| Invalid::new("endpoint", why))
    }

    fn tls(&self, target: &Target, push: &PushSettings) -> Result<Option<Arc<ClientConfig>>, Invalid> {
        if target.scheme().is_tls() {
            return self.roots.config(target.scheme(), push).map(Some);
        }
        let refuse =
            |field: &str| Err(Invalid::new(field, "is for endpoints with TLS: https:// or grpcs://"));
        if push.client_certificate.is_some() {
            return refuse("client_certificate");
        }
        if push.trusted_certificates.is_some() {
            return refuse("trusted_certificates");
        }
        Ok(None)
    }
}

impl Carrier for AnyCarrier {
    async fn deliver(&self, messages: &[Delivery]) -> Vec<Answer> {
        match self {
            Self::Webhook(webhook) => webhook.deliver(messages).await,
            Self::Grpc(endpoint) => endpoint.deliver(messages).await,
        }
    }

    async fn confirm(&self, token: &str) -> Consent {
        match self {
            Self::Webhook(webhook) => webhook.confirm(token).await,
            Self::Grpc(endpoint) => endpoint.confirm(token).await,
        }
    }
}

/// Looks at an endpoint when someone names it.
#[derive(Debug, Clone)]
pub struct Guardian {
    transport: Transport,
    static_only: bool,
}

impl Guardian {
    /// Checks what is written, and connects once, unless the operator vouches for the host.
    pub fn new(transport: Transport) -> Self {
        Self { transport, static_only: false }
    }

    /// Checks what is written and asks no one: for a broker that leaves the network to workers elsewhere.
    pub fn static_only(transport: Transport) -> Self {
        Self { transport, static_only: true }
    }

    /// What the settings themselves show. Gives what would connect, unless nothing has to.
    fn look(&self, push: &PushSettings) -> Result<Option<Connector>, Invalid> {
        if push.topic()?.is_some() {
            return Ok(None);
        }
        let target = self.transport.target(push)?;
        if target.scheme().is_grpc() {
            grpc_endpoint::check_headers(push)?;
        } else {
            Content::new(&with_long_names(push)?, target.uri().clone())?;
        }
        let connector = self.transport.connector(&target, push)?;
        let asks_no_one = self.static_only || self.transport.guard().trusts(target.host());
        Ok((!asks_no_one).then_some(connector))
    }

    async fn reach(&self, push: &PushSettings) -> Result<(), Invalid> {
        let Some(connector) = self.look(push)? else { return Ok(()) };
        let connected = connector.within(CHECK_TIME).connect().await;
        connected.map(drop).map_err(|why| Invalid::new("endpoint", why))
    }
}

impl CheckEndpoint for Guardian {
    fn check<'a>(
        &'a self,
        push: &'a PushSettings,
    ) -> Pin<Box<dyn Future<Output = Result<(), Invalid>> + Send + 'a>> {
        Box::pin(self.reach(push))
    }

    fn check_again(&self, push: &PushSettings) -> Result<(), Invalid> {
        self.look(push).map(drop)
    }
}

/// An endpoint of a subscription with the longest names, whose requests are the largest.
fn with_long_names(push: &PushSettings) -> Result<AssignedEndpoint, Invalid> {
    let longest = "a".repeat(limits::NAME_BYTES);
    Ok(AssignedEndpoint {
        subscription: format!("projects/{longest}/subscriptions/{longest}").parse()?,
        topic: format!("projects/{longest}/topics/{longest}").parse()?,
        uid: SubscriptionUid(0),
        push: Arc::new(push.clone()),
        status: EndpointStatus::Active,
    })
}

#[cfg(test)]
mod tests;
