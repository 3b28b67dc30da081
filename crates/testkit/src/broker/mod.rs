//! A broker for tests of programs that use Fanfare: in this process, in memory, on a port of its own, with a clock that the test puts forward.

mod advance;
mod builder;
mod clock;
mod host;
mod parts;
mod port;

use std::time::Duration;

use fanfare_client::Client;
use host::Host;
use parts::Parts;
use port::Port;

pub use builder::Builder;
pub use clock::Pace;

/// A broker that runs. Dropped, it is gone, with all its connections and messages.
#[derive(Debug)]
pub struct Broker {
    port: Port,
    parts: Parts,
    host: Option<Host>,
}

impl Broker {
    /// One on a free port of 127.0.0.1, whose clock [stands still](Pace::Still).
    ///
    /// # Panics
    /// If there is no port.
    pub async fn start() -> Self {
        Self::builder().start().await
    }

    /// One to be configured.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Where it is: `http://127.0.0.1:port`. The same after a restart.
    pub fn url(&self) -> String {
        format!("http://{}", self.port.address)
    }

    /// A new client of it, with every default.
    ///
    /// # Panics
    /// Never, as far as we know: the URL is one.
    pub fn client(&self) -> Client {
        Client::connect(self.url()).expect("a URL of a broker")
    }

    /// Puts its clock forward. When this returns, everything that became due has been looked at: leases have ended, waits are over.
    ///
    /// # Panics
    /// If it is stopped.
    pub async fn advance(&self, by: Duration) {
        if let Err(error) = self.host().advance(by).await {
            panic!("the broker's clock cannot be put forward: {error}");
        }
    }

    /// Stops as a crash does: connections are cut, new ones refused, all leases ended. What it has stored is there for [`Self::restart`].
    pub async fn stop(&mut self) {
        self.host = None;
    }

    /// Starts it again on the same port with what it had stored; stops it before if it still runs.
    ///
    /// # Panics
    /// If it cannot be started.
    pub async fn restart(&mut self) {
        self.stop().await;
        self.parts.journal = std::sync::Arc::new(self.parts.journal.restart());
        self.host = Some(start(&self.port, &self.parts).await);
    }

    fn host(&self) -> &Host {
        self.host.as_ref().unwrap_or_else(|| panic!("the broker at {} is stopped", self.port.address))
    }
}

async fn start(port: &Port, parts: &Parts) -> Host {
    let started = match port.listen() {
        Ok(listener) => Host::start(parts.clone(), listener).await,
        Err(error) => Err(error.to_string()),
    };
    started.unwrap_or_else(|error| panic!("no broker at {}: {error}", port.address))
}
