//! A webhook.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use hyper::service::service_fn;
use parking_lot::Mutex;
use rustls::ServerConfig;

use super::{
    behaviour::{Behaviour, Consent},
    gate::Gate,
    listener::{Listener, Serve, converse},
    records::{Records, Request, Totals},
    service,
    tls::{Authority, Tls},
    wire::Wire,
};

/// How an endpoint is started.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Who it says it is. Default: `None`, it speaks plain HTTP.
    pub tls: Option<Tls>,
    /// Requests that are kept: the latest. Default: 10,000.
    pub keep: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { tls: None, keep: 10_000 }
    }
}

/// A webhook on a port of its own on 127.0.0.1, HTTP/1.1 and HTTP/2.
#[derive(Debug)]
pub struct Endpoint {
    listener: Listener,
    state: Arc<State>,
    authority: Option<Authority>,
}

/// What its connections share.
#[derive(Debug)]
pub(super) struct State {
    behaviour: Mutex<Behaviour>,
    turn: AtomicUsize,
    tls: Option<Arc<ServerConfig>>,
    pub(super) consent: Mutex<Consent>,
    pub(super) records: Records<Request>,
    pub(super) gate: Gate,
}

impl Endpoint {
    /// One that speaks plain HTTP and consents to everything.
    ///
    /// # Panics
    /// Outside of a tokio runtime, or if there is no port.
    pub fn start(behaviour: Behaviour) -> Self {
        Self::start_with(behaviour, Options::default())
    }

    /// One that speaks TLS.
    ///
    /// # Panics
    /// As [`Endpoint::start`].
    pub fn start_tls(behaviour: Behaviour, tls: Tls) -> Self {
        Self::start_with(behaviour, Options { tls: Some(tls), ..Options::default() })
    }

    /// The same with a choice.
    ///
    /// # Panics
    /// As [`Endpoint::start`].
    pub fn start_with(behaviour: Behaviour, options: Options) -> Self {
        let authority = options.tls.is_some().then(Authority::new);
        let tls = options.tls.zip(authority.as_ref()).map(|(tls, authority)| tls.config(authority));
        let state = State {
            behaviour: Mutex::new(behaviour),
            turn: AtomicUsize::new(0),
            tls,
            consent: Mutex::new(Consent::Echo),
            records: Records::new(options.keep),
            gate: Gate::default(),
        };
        let endpoint = Self {
            listener: Listener::new().expect("a free port on loopback"),
            state: Arc::new(state),
            authority,
        };
        endpoint.accept();
        endpoint
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.listener.address()
    }

    /// Its address with this path, which begins with a slash.
    pub fn url(&self, path: &str) -> String {
        let scheme = if self.authority.is_some() { "https" } else { "http" };
        format!("{scheme}://{}{path}", self.address())
    }

    /// The same by the name of `localhost`.
    pub fn url_by_name(&self, path: &str) -> String {
        self.url(path).replace("127.0.0.1", "localhost")
    }

    /// Who its certificates are from: for those that trust it, and for certificates of clients.
    ///
    /// # Panics
    /// If it speaks no TLS.
    pub fn authority(&self) -> &Authority {
        self.authority.as_ref().expect("it speaks TLS")
    }

    /// What it does from now on. Requests that are held stay so until they are released.
    pub fn set(&self, behaviour: Behaviour) {
        let mut current = self.state.behaviour.lock();
        self.state.turn.store(0, Ordering::Relaxed);
        *current = behaviour;
    }

    /// What it does from now on when it is asked for consent.
    pub fn set_consent(&self, consent: Consent) {
        *self.state.consent.lock() = consent;
    }

    /// Answers so many requests that are held, or the next ones that come to be.
    pub fn release(&self, count: usize) {
        self.state.gate.release(count);
    }

    /// Ends all connections and refuses new ones, as a process does that has ended.
    pub async fn refuse(&self) {
        self.listener.close().await;
    }

    /// Accepts connections again.
    ///
    /// # Panics
    /// As [`Endpoint::start`].
    pub fn accept(&self) {
        self.listener.open(&self.state).expect("the port is ours");
    }

    /// The deliveries that are kept, in the order in which they came.
    pub fn requests(&self) -> Vec<Request> {
        let all = self.state.records.requests();
        all.into_iter().filter(|request| !request.is_confirmation()).collect()
    }

    /// The requests for consent that are kept.
    pub fn confirmations(&self) -> Vec<Request> {
        let all = self.state.records.requests();
        all.into_iter().filter(Request::is_confirmation).collect()
    }

    /// Time since it was started: that of [`Request::at`].
    pub fn now(&self) -> Duration {
        self.state.records.now()
    }

    /// What it has counted.
    pub fn totals(&self) -> Totals {
        self.state.records.totals()
    }

    /// Waits until there were so many deliveries; all that are kept.
    ///
    /// # Panics
    /// If there are not within 30 seconds.
    pub async fn wait_for(&self, deliveries: u64) -> Vec<Request> {
        self.wait_until("deliveries", |totals| totals.deliveries >= deliveries).await;
        self.requests()
    }

    /// Waits until so many requests are held.
    ///
    /// # Panics
    /// If they are not within 30 seconds.
    pub async fn wait_for_held(&self, held: u64) {
        self.wait_until("held requests", |totals| totals.held >= held).await;
    }

    /// Waits until there were so many requests for consent; all that are kept.
    ///
    /// # Panics
    /// If there are not within 30 seconds.
    pub async fn wait_for_confirmations(&self, confirmations: u64) -> Vec<Request> {
        self.wait_until("confirmations", |totals| totals.confirmations >= confirmations).await;
        self.confirmations()
    }

    /// Waits for a condition of the counts.
    ///
    /// # Panics
    /// If it does not come true within 30 seconds; what it is about is in the message.
    pub async fn wait_until(&self, what: &str, wanted: impl FnMut(&Totals) -> bool) -> Totals {
        self.state.records.wait_until(what, wanted).await
    }
}

impl State {
    /// Records a delivery; what is to be done with it. One that is recorded after a change of behaviour is treated by it.
    pub(super) fn take(&self, request: Request) -> Behaviour {
        let behaviour = self.behaviour.lock();
        let next = self.next(&behaviour, &request);
        self.records.keep(request, |totals| totals.deliveries += 1);
        next
    }

    fn next(&self, behaviour: &Behaviour, request: &Request) -> Behaviour {
        match behaviour {
            Behaviour::InTurn(turns) if !turns.is_empty() => {
                turns[self.turn.fetch_add(1, Ordering::Relaxed) % turns.len()].clone()
            }
            Behaviour::FailFirst { attempts, failure, then } => {
                let attempt = self.records.attempt(request.header("webhook-id").unwrap_or_default());
                if attempt <= *attempts { (**failure).clone() } else { (**then).clone() }
            }
            other => other.clone(),
        }
    }
}

impl Serve for State {
    async fn connection(self: Arc<Self>, wire: Wire, number: u64) {
        let _open = self.records.while_alive(Totals::open, |totals| totals.open -= 1);
        let behaviour = self.behaviour.lock().clone();
        match behaviour {
            Behaviour::BlackHole => wire.until_closed().await,
            Behaviour::ResetOnAccept => wire.reset_at_end(),
            _ => {
                let (state, connection) = (self.clone(), wire.clone());
                let answer =
                    move |request| service::answer(state.clone(), connection.clone(), number, request);
                converse(wire, self.tls.clone(), service_fn(answer)).await;
            }
        }
    }
}
