//! A TCP proxy on loopback that breaks what it carries, on demand: for tests of what a client does when its network fails.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")] async fn main() {
//! use fanfare_testkit::{Broker, Direction, Proxy};
//!
//! let broker = Broker::start().await;
//! let proxy = Proxy::start(broker.address());
//! let client = fanfare_client::Client::connect(proxy.url()).unwrap();
//!
//! // The broker does what it was asked to, and its answer is lost: the client asks again.
//! proxy.cut_after(Direction::FromServer, 100);
//! client.topics().create("orders").await.unwrap();
//! assert_eq!(proxy.counts().connections, 2);
//! # }
//! ```
//!
//! # Invariants
//!
//! - What passes is not changed, and passes in its order.
//! - After exactly the bytes that a test has named, a connection is cut; those bytes have been handed on.
//! - A fault holds for open connections as for new ones, until it is taken back.
//! - It keeps its port while it refuses connections, so that nobody else gets it. Dropped, it is gone with all its connections.
//!
//! # Limits
//!
//! Up to 16 KiB of each direction of a connection are held while it is stalled, and what the system buffers; then the sender has to wait.

mod carry;
mod rules;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use carry::State;
use rules::Rules;
use tokio::sync::watch;

use crate::endpoints::listener::Listener;

pub use rules::Direction;

/// The longest that a test waits.
const PATIENCE: Duration = Duration::from_secs(10);

/// What has passed through a [`Proxy`], from the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Counts {
    /// Connections that were accepted.
    pub connections: u64,
    /// Of these, those that are open.
    pub open: u64,
    /// Those that were cut by the proxy.
    pub cut: u64,
    /// Those that were reset because the server could not be reached.
    pub unreachable: u64,
    /// Bytes handed on to the server.
    pub from_client: u64,
    /// Bytes handed on to the clients.
    pub from_server: u64,
}

impl Counts {
    fn bytes_mut(&mut self, direction: Direction) -> &mut u64 {
        match direction {
            Direction::FromClient => &mut self.from_client,
            Direction::FromServer => &mut self.from_server,
        }
    }
}

/// A proxy in front of one server, on a port of its own on 127.0.0.1.
#[derive(Debug)]
pub struct Proxy {
    listener: Listener,
    state: Arc<State>,
}

impl Proxy {
    /// One that carries everything to `server`.
    ///
    /// # Panics
    /// Outside of a tokio runtime, or if there is no port.
    pub fn start(server: SocketAddr) -> Self {
        let state = State { rules: watch::Sender::new(Rules::to(server)), counts: watch::Sender::default() };
        let listener = Listener::new().expect("a free port on loopback");
        let proxy = Self { listener, state: Arc::new(state) };
        proxy.accept();
        proxy
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.listener.address()
    }

    /// The same as a URL: `http://127.0.0.1:port`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address())
    }

    /// Carries new connections to another server.
    pub fn redirect(&self, server: SocketAddr) {
        self.state.rules.send_modify(|rules| rules.server = server);
    }

    /// Resets every connection there is, in both directions. New ones are carried.
    pub fn cut(&self) {
        self.state.rules.send_modify(|rules| rules.era += 1);
    }

    /// Cuts a connection when so many bytes more have passed in this direction, of all connections together: the one that carried the last. Once.
    /// With 0, nothing passes any more, and the next that would is what cuts.
    pub fn cut_after(&self, direction: Direction, bytes: u64) {
        self.state.rules.send_modify(|rules| *rules.left.of_mut(direction) = Some(bytes));
    }

    /// Hands nothing on in this direction. Connections stay open, and new ones are made.
    pub fn stall(&self, direction: Direction) {
        self.state.rules.send_modify(|rules| *rules.stalled.of_mut(direction) = true);
    }

    /// Hands on what was held, and what follows.
    pub fn resume(&self, direction: Direction) {
        self.state.rules.send_modify(|rules| *rules.stalled.of_mut(direction) = false);
    }

    /// Ends every connection and refuses new ones; both have been done when this returns.
    pub async fn refuse(&self) {
        self.listener.close().await;
    }

    /// Takes connections again.
    ///
    /// # Panics
    /// If the port cannot be listened on any more.
    pub fn accept(&self) {
        self.listener.open(&self.state).expect("a port of its own");
    }

    /// Takes back every fault: carries everything again, and cuts nothing.
    pub fn heal(&self) {
        self.state.rules.send_modify(Rules::heal);
        self.accept();
    }

    /// What has passed so far.
    pub fn counts(&self) -> Counts {
        *self.state.counts.borrow()
    }

    /// Waits for a condition of the counts.
    ///
    /// # Panics
    /// If it does not come true within 10 seconds, with what they are instead.
    pub async fn wait_until(&self, what: &str, wanted: impl FnMut(&Counts) -> bool) -> Counts {
        let mut counts = self.state.counts.subscribe();
        let waited = tokio::time::timeout(PATIENCE, counts.wait_for(wanted)).await;
        let found = waited.ok().and_then(Result::ok).map(|found| *found);
        found.unwrap_or_else(|| panic!("{what}: not in {PATIENCE:?}, there are {:?}", self.counts()))
    }
}
