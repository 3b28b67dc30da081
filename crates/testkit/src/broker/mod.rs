//! Testing your service: a broker in the test's process, in memory, on a port of its own, with a clock that the test puts forward.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use std::time::Duration;
//! use fanfare_client::{Message, proto::SubscriptionSettings};
//! use fanfare_testkit::Broker;
//!
//! let broker = Broker::start().await;
//! let client = broker.client();
//! client.topics().create("orders").await?;
//! let settings = SubscriptionSettings { max_attempts: Some(3), ..SubscriptionSettings::default() };
//! client.subscriptions().create("billing", "orders").settings(settings).await?;
//!
//! // The service under test: it takes orders, and cannot take this one.
//! let service = client.subscriber("billing").run(|message| async move {
//!     match message.text() {
//!         Some("poison") => Err("that is no order"),
//!         _ => Ok(()),
//!     }
//! });
//! let service = tokio::spawn(service.forever());
//!
//! let orders = client.publisher("orders").build();
//! let (good, poison) = (orders.publish(Message::new("order 4711")), orders.publish(Message::new("poison")));
//! good.await?;
//! poison.await?;
//!
//! // The good one is acknowledged at once. The other has failed, and waits: time stands still.
//! let billing = broker.subscription("billing");
//! billing.wait_until("tried once", |figures| figures.acked == 1 && figures.backing_off == 1).await;
//!
//! // In an hour it is tried twice more, and then dead-lettered. It takes milliseconds.
//! broker.advance(Duration::from_secs(3_600)).await;
//! let figures = billing.wait_until_settled().await;
//! assert_eq!((figures.acked, figures.failed_attempts, figures.dead_letters), (1, 3, 1));
//! # service.abort();
//! # Ok(()) }
//! ```
//!
//! # What is real, and what is not
//!
//! The broker is the real one: its gRPC port, its queues, its push worker; its storage is memory, which lasts as long as the [`Broker`].
//! [`restart`](Broker::restart) is what a crash is: connections break, leases end, what was stored is there. A [`Proxy`](crate::Proxy) between
//! client and broker breaks connections at any byte.
//!
//! # Time
//!
//! The broker's time [stands still](Pace::Still) until [`advance`](Broker::advance) puts it forward; leases, delays, waits between attempts,
//! deduplication windows, time-outs of pushes and breakers follow it. Its clients' time is the test's: a client extends the leases of what it is
//! handling by its own clock, so a lease ends when the broker's clock goes on past it within an instant of the test's.
//!
//! What becomes due on the way is delivered on the way, and its lease counts from then. A consumer that works beside the test, as the service above
//! does, settles it in time. A test that takes its deliveries itself does so after the move: if that goes past the lease too (`ack_deadline`, by
//! default 30 s), the delivery has failed once more. So it goes by the wait and little more.
//!
//! A pull that waits for messages ends when they come or the clock is put forward; with neither, a single pull of the client ends 10 s after its
//! wait, as not answered. If the service under test needs waits to end by themselves,
//! choose [`Pace::Real`]: time passes as everywhere else, and can be put forward too.
//!
//! The clock starts at the machine's time, so that what the broker signs is good for those who look at the time; after an hour of `advance` it
//! is of another hour.
//!
//! # Pushes
//!
//! Endpoints on loopback may be pushed to, with and without TLS; [`endpoints`](crate::endpoints) that fail on demand are in this crate:
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # use std::time::Duration;
//! # use fanfare_client::{Message, proto::{PushConfig, SubscriptionSettings}};
//! use fanfare_testkit::{Broker, broker::AttemptClass, endpoints::{Behaviour, Endpoint, Reply}};
//!
//! # let broker = Broker::start().await;
//! # let client = broker.client();
//! # client.topics().create("orders").await?;
//! let endpoint = Endpoint::start(Behaviour::fail_first(2, Reply::status(500)));
//! let push = PushConfig { endpoint: endpoint.url("/hook"), ..PushConfig::default() };
//! let settings = SubscriptionSettings { push: Some(push), ..SubscriptionSettings::default() };
//! client.subscriptions().create("hook", "orders").settings(settings).await?;
//!
//! let published = client.publisher("orders").build().publish(Message::new("order 4711")).await?;
//! endpoint.wait_for(1).await;
//! broker.advance(Duration::from_secs(60)).await;
//! broker.subscription("hook").wait_until_settled().await;
//! let attempts = broker.subscription("hook").attempts(&published.message_id).await;
//! let came_to: Vec<_> = attempts.iter().map(|attempt| attempt.class).collect();
//! assert_eq!(came_to, [AttemptClass::Retryable, AttemptClass::Retryable, AttemptClass::Ok]);
//! # Ok(()) }
//! ```
//!
//! # Invariants
//!
//! - A wait takes 10 s of real time at most ([`Builder::patience`]), and says what it found instead.
//! - Brokers of one process share nothing: tests can run beside each other.
//!
//! # Limits
//!
//! 256 MiB of messages ([`Builder::capacity_bytes`]). No metrics, no HTTP port, no TLS.

mod advance;
mod builder;
mod clock;
mod figures;
mod host;
mod moment;
mod parts;
mod port;
mod subscription;

use std::{net::SocketAddr, time::Duration};

use fanfare_client::Client;
use host::Host;
use parts::Parts;
use port::Port;

pub use builder::Builder;
pub use clock::Pace;
pub use figures::Figures;
pub use subscription::{Attempt, AttemptClass, Subscription};

/// A broker that runs. Dropped, it is gone, with all its connections and messages.
#[derive(Debug)]
pub struct Broker {
    port: Port,
    parts: Parts,
    host: Option<Host>,
    patience: Duration,
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

    /// Where it listens. The same after a restart.
    pub fn address(&self) -> SocketAddr {
        self.port.address
    }

    /// The same as a URL: `http://127.0.0.1:port`.
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

    /// How its time passes.
    pub fn pace(&self) -> Pace {
        self.parts.clock.pace
    }

    /// A subscription to look at; its name is full or bare.
    pub fn subscription<'a>(&'a self, name: &'a str) -> Subscription<'a> {
        Subscription::new(self, name)
    }

    /// Puts its clock forward, in whole milliseconds. When this returns, everything that became due on the way has been looked at, in its order:
    /// leases have ended, waits are over, and what became due in consequence has, too.
    ///
    /// Whenever something has been delivered on the way, to a consumer or an endpoint, the clock stays for a moment of real time (at most 100 ms)
    /// for it to be settled. Who has not settled by then is slow: it keeps what it holds, and the clock goes on.
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
