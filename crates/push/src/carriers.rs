//! What a worker of either role delivers with.

use broker::{AssignedEndpoint, Broker};
use types::Invalid;

use crate::{AnyCarrier, Carriers, Forwarder, Transport, new_token};

/// For a worker of the network's endpoints.
impl Carriers for Transport {
    type Carrier = AnyCarrier;

    fn carrier(&self, endpoint: &AssignedEndpoint) -> Result<AnyCarrier, Invalid> {
        Self::carrier(self, endpoint)
    }

    fn is_trusted(&self, endpoint: &AssignedEndpoint) -> bool {
        let target = self.guard().target(&endpoint.push.endpoint);
        target.is_ok_and(|target| self.guard().trusts(target.host()))
    }

    fn token(&self) -> Option<String> {
        token()
    }
}

/// For a worker of the endpoints that are topics: into the topics of this broker.
#[derive(Debug, Clone)]
pub struct Forwards(pub Broker);

impl Carriers for Forwards {
    type Carrier = Forwarder<Broker>;

    fn carrier(&self, endpoint: &AssignedEndpoint) -> Result<Forwarder<Broker>, Invalid> {
        Forwarder::new(self.0.clone(), endpoint)
    }

    /// Who may name a topic may publish to it.
    fn is_trusted(&self, _: &AssignedEndpoint) -> bool {
        true
    }

    fn token(&self) -> Option<String> {
        token()
    }
}

fn token() -> Option<String> {
    new_token().inspect_err(|error| tracing::error!(%error, "no randomness for a token")).ok()
}
