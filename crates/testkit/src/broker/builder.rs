use std::{sync::Arc, time::Duration};

use journal::{MemoryJournal, memory};

use super::{Broker, Pace, clock::TestClock, parts::Parts, port::Port, start};

/// Collects how a [`Broker`] is started.
#[derive(Debug, Clone)]
#[must_use = "a builder does nothing until it is started"]
pub struct Builder {
    port: u16,
    pace: Pace,
    capacity: usize,
    push_enabled: bool,
    trusted_hosts: Vec<String>,
    worker_token: Option<String>,
    patience: Duration,
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            port: 0,
            pace: Pace::Still,
            capacity: memory::Config::default().capacity_bytes,
            push_enabled: true,
            trusted_hosts: Vec::new(),
            worker_token: None,
            patience: Duration::from_secs(10),
        }
    }
}

impl Builder {
    /// On this port of 127.0.0.1. Default: a free one.
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// How time passes. Default: [`Pace::Still`].
    pub fn pace(mut self, pace: Pace) -> Self {
        self.pace = pace;
        self
    }

    /// Publishes are refused once messages take so much memory. Default: 256 MiB.
    pub fn capacity_bytes(mut self, bytes: usize) -> Self {
        self.capacity = bytes;
        self
    }

    /// Endpoints on this host need not confirm; see `push.trusted_hosts` of the configuration. Default: none.
    pub fn trust(mut self, host: impl Into<String>) -> Self {
        self.trusted_hosts.push(host.into());
        self
    }

    /// Leaves endpoints to push workers in other processes, which have this token.
    pub fn push_by_workers(mut self, token: impl Into<String>) -> Self {
        self.push_enabled = false;
        self.worker_token = Some(token.into());
        self
    }

    /// The longest that a test waits for something of this broker, in real time. Default: 10 s.
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Starts it; when this returns, it serves.
    ///
    /// # Panics
    /// If the port is taken, or a value is not valid.
    pub async fn start(self) -> Broker {
        let port =
            Port::hold(self.port).unwrap_or_else(|error| panic!("port {} cannot be had: {error}", self.port));
        let push = self.push();
        push.validate().unwrap_or_else(|invalid| panic!("the configuration of push: {invalid}"));
        let journal = memory::Config { capacity_bytes: self.capacity, ..memory::Config::default() };
        let parts = Parts {
            journal: Arc::new(MemoryJournal::new(journal)),
            clock: TestClock::new(self.pace),
            push,
            push_enabled: self.push_enabled,
            worker_token: self.worker_token,
        };
        let host = Some(start(&port, &parts).await);
        Broker { port, parts, host, patience: self.patience }
    }

    /// Webhooks of tests are on loopback, without TLS if they like.
    fn push(&self) -> push::Config {
        let loopback = ["127.0.0.0/8", "::1/128"].iter().filter_map(|network| network.parse().ok());
        push::Config {
            allow_http: true,
            allow_networks: loopback.collect(),
            trusted_hosts: self.trusted_hosts.clone(),
            ..push::Config::default()
        }
    }
}
