use std::sync::Arc;

use parking_lot::Mutex;
use tonic::transport::Channel;

use super::connect::Broker;
use crate::guard::BrokerAddresses;

/// Endpoints whose calls share a connection: well below the calls that a broker takes on one.
pub(super) const ENDPOINTS: usize = 200;

/// Connections to a broker.
pub(super) struct Lines {
    broker: Broker,
    shared: Mutex<Vec<Arc<Channel>>>,
}

impl std::fmt::Debug for Lines {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lines").field("shared", &self.shared.lock().len()).finish_non_exhaustive()
    }
}

impl Lines {
    /// None yet.
    pub(super) fn new(broker: Broker) -> Self {
        Self { broker, shared: Mutex::default() }
    }

    /// Where the broker has been found so far.
    pub(super) fn found(&self) -> &BrokerAddresses {
        self.broker.found()
    }

    /// One that is shared with nobody.
    pub(super) fn dial(&self) -> Channel {
        self.broker.dial()
    }
}

/// One endpoint's place on a connection.
#[derive(Debug, Clone)]
pub(super) struct Line(Arc<Channel>);

impl Line {
    /// On the first that has room. Connections that nobody is on are dropped.
    pub(super) fn new(lines: &Lines) -> Self {
        let shared = &mut *lines.shared.lock();
        shared.retain(|channel| Arc::strong_count(channel) > 1);
        if let Some(channel) = shared.iter().find(|channel| Arc::strong_count(channel) <= ENDPOINTS) {
            return Self(channel.clone());
        }
        let channel = Arc::new(lines.dial());
        shared.push(channel.clone());
        Self(channel)
    }

    /// To call on.
    pub(super) fn channel(&self) -> Channel {
        Channel::clone(&self.0)
    }
}
