//! What the tests of this crate share: endpoints, messages, names that resolve as told, and servers of this machine.

pub(crate) mod certificates;
pub(crate) mod servers;

use std::{
    collections::VecDeque,
    future, io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use broker::{AssignedEndpoint, Delivery};
use bytes::Bytes;
use fanfare_proto::v1::Message;
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use prost::Message as _;
use tokio::net::TcpStream;
use types::{
    AckId, LeaseId, LogId, ManualClock, MessageId, SubscriptionUid, Timestamp,
    push::{EndpointStatus, PushSettings},
};

use crate::{
    AnyCarrier, Config, Transport,
    connect::{Dial, Resolve, Tcp},
};

/// Answers in order; with none left, never.
#[derive(Debug, Default)]
pub(crate) struct Names {
    answers: Mutex<VecDeque<io::Result<Vec<IpAddr>>>>,
    pub(crate) asked: Mutex<Vec<String>>,
}

impl Names {
    pub(crate) fn answering(answers: &[&[&str]]) -> Arc<Self> {
        let parse =
            |addresses: &&[&str]| Ok(addresses.iter().map(|address| address.parse().unwrap()).collect());
        Self::with(answers.iter().map(parse))
    }

    pub(crate) fn failing() -> Arc<Self> {
        Self::with([Err(io::Error::other("SERVFAIL"))])
    }

    pub(crate) fn hanging() -> Arc<Self> {
        Self::with([])
    }

    fn with(answers: impl IntoIterator<Item = io::Result<Vec<IpAddr>>>) -> Arc<Self> {
        Arc::new(Self { answers: Mutex::new(answers.into_iter().collect()), asked: Mutex::default() })
    }
}

impl Resolve for Names {
    fn resolve<'a>(&'a self, name: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>> {
        self.asked.lock().push(name.to_owned());
        match self.answers.lock().pop_front() {
            Some(answer) => Box::pin(future::ready(answer)),
            None => Box::pin(future::pending()),
        }
    }
}

/// Writes down what is dialled, and connects, refuses, or never answers.
#[derive(Debug)]
pub(crate) struct Dials {
    pub(crate) dialled: Mutex<Vec<SocketAddr>>,
    does: fn(SocketAddr) -> BoxFuture<'static, io::Result<TcpStream>>,
}

impl Dials {
    pub(crate) fn connecting() -> Arc<Self> {
        Self::doing(|address| Tcp.dial(address))
    }

    pub(crate) fn refusing() -> Arc<Self> {
        Self::doing(|_| Box::pin(future::ready(Err(io::ErrorKind::ConnectionRefused.into()))))
    }

    pub(crate) fn doing(does: fn(SocketAddr) -> BoxFuture<'static, io::Result<TcpStream>>) -> Arc<Self> {
        Arc::new(Self { dialled: Mutex::default(), does })
    }
}

impl Dial for Dials {
    fn dial(&self, address: SocketAddr) -> BoxFuture<'static, io::Result<TcpStream>> {
        self.dialled.lock().push(address);
        (self.does)(address)
    }
}

#[expect(clippy::disallowed_methods, reason = "measures how far a paused clock has been moved")]
pub(crate) fn now() -> tokio::time::Instant {
    tokio::time::Instant::now()
}

/// Lets through what the tests' own servers need: the loopback network, without TLS too.
pub(crate) fn config() -> Config {
    Config { allow_http: true, allow_networks: vec!["127.0.0.0/8".parse().unwrap()], ..Config::default() }
}

pub(crate) fn transport(config: &Config, names: Arc<Names>, dials: Arc<Dials>) -> Transport {
    let clock = Arc::new(ManualClock::at(Timestamp::from_micros(1_700_000_000_000_000)));
    Transport::over(config, clock, names, dials).unwrap()
}

/// A carrier to a server of this machine.
pub(crate) fn carrier(push: PushSettings) -> AnyCarrier {
    let transport = transport(&config(), Names::hanging(), Dials::connecting());
    transport.carrier(&endpoint(push)).unwrap()
}

pub(crate) fn settings(endpoint: &str) -> PushSettings {
    PushSettings { endpoint: endpoint.to_owned(), ..PushSettings::default() }
}

pub(crate) fn endpoint(push: PushSettings) -> AssignedEndpoint {
    AssignedEndpoint {
        subscription: "projects/default/subscriptions/billing".parse().unwrap(),
        topic: "projects/default/topics/orders".parse().unwrap(),
        uid: SubscriptionUid(7),
        push: Arc::new(push),
        status: EndpointStatus::Active,
    }
}

/// The n-th message of the topic.
pub(crate) fn delivery(sequence: u64) -> Delivery {
    delivery_of(sequence, Bytes::from(format!("message {sequence}")))
}

/// The same with other data.
pub(crate) fn delivery_of(sequence: u64, data: Bytes) -> Delivery {
    let message = Message {
        data,
        correlation_id: format!("c-{sequence}"),
        traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned(),
        ..Message::default()
    };
    Delivery {
        ack_id: AckId { subscription: SubscriptionUid(7), sequence, lease: LeaseId(sequence) },
        message_id: MessageId { log: LogId(1), sequence },
        published_at: Timestamp::from_micros(1_699_999_999_000_000),
        deadline: Timestamp::from_micros(1_700_000_060_000_000),
        attempt: 3,
        first_delivery: false,
        payload: message.encode_to_vec().into(),
    }
}
