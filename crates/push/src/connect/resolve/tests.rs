//! The real resolver against name servers of the tests' own.

use std::{
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
};

use hickory_resolver::config::NameServerConfig;
use tokio::net::UdpSocket;

use super::*;
use crate::{
    Config, Failure,
    connect::{Bounds, Connector, Dialler},
    guard::Guard,
    support::{Dials, now},
};

const BOUNDS: Bounds = Bounds { connections: 1, stall: Duration::from_secs(60) };
const A: u16 = 1;
const AAAA: u16 = 28;

/// The addresses of every name: none of a kind is an answer without records.
type Zone = (&'static [[u8; 4]], &'static [[u16; 8]]);

/// A name server that answers with these, or does not answer at all.
async fn name_server(zone: Option<Zone>) -> System {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let at = socket.local_addr().unwrap();
    tokio::spawn(async move {
        let mut query = [0; 1_500];
        while let Ok((length, from)) = socket.recv_from(&mut query).await {
            if let Some(zone) = zone {
                socket.send_to(&reply(&query[..length], zone), from).await.unwrap();
            }
        }
    });
    asking(at)
}

fn asking(at: SocketAddr) -> System {
    let mut server = NameServerConfig::udp(at.ip());
    server.connections[0].port = at.port();
    let config = ResolverConfig::from_parts(None, Vec::new(), vec![server]);
    System::of(TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())).unwrap()
}

/// A DNS message as RFC 1035 has it, section 4.
fn reply(query: &[u8], (v4, v6): Zone) -> Vec<u8> {
    let mut end = 12;
    while query[end] != 0 {
        end += usize::from(query[end]) + 1;
    }
    let kind = u16::from_be_bytes([query[end + 1], query[end + 2]]);
    let records: Vec<Vec<u8>> = match kind {
        A => v4.iter().map(|address| address.to_vec()).collect(),
        AAAA => v6.iter().map(|address| Ipv6Addr::from(*address).octets().to_vec()).collect(),
        _ => Vec::new(),
    };
    let mut reply = query[..2].to_vec();
    reply.extend([0x81, 0x80, 0, 1, 0, u8::try_from(records.len()).unwrap(), 0, 0, 0, 0]);
    reply.extend(&query[12..end + 5]);
    for record in records {
        reply.extend([0xc0, 12]);
        reply.extend(kind.to_be_bytes());
        reply.extend([0, 1, 0, 0, 0, 0, 0, u8::try_from(record.len()).unwrap()]);
        reply.extend(record);
    }
    reply
}

async fn failure(system: System) -> (Failure, Vec<SocketAddr>) {
    let config = Config { allow_http: true, connect_timeout: Duration::from_secs(1), ..Config::default() };
    let guard = Arc::new(Guard::new(&config));
    let target = Arc::new(guard.target("http://hooks.example").unwrap());
    let dials = Dials::refusing();
    let dial = Arc::clone(&dials);
    let dialler = Dialler { guard, resolver: Arc::new(system), dial, timeout: config.connect_timeout };
    let connected = Connector::new(dialler, target, None, BOUNDS).unwrap().connect().await;
    let dialled = dials.dialled.lock().clone();
    (connected.unwrap_err().failure, dialled)
}

#[tokio::test]
async fn both_kinds_of_addresses_are_asked_for() {
    let system = name_server(Some((&[[8, 8, 8, 8]], &[[0x2606, 0x4700, 0, 0, 0, 0, 0, 0x1111]]))).await;
    let found = system.resolve("hooks.example").await.unwrap();
    assert!(found.contains(&Ipv4Addr::new(8, 8, 8, 8).into()), "{found:?}");
    assert!(found.contains(&"2606:4700::1111".parse::<IpAddr>().unwrap()), "{found:?}");
}

#[tokio::test]
async fn a_denied_address_of_the_other_kind_denies_the_name() {
    for zone in [
        (&[[8, 8, 8, 8]][..], &[[0, 0, 0, 0, 0, 0, 0, 1]][..]),
        (&[[127, 0, 0, 1]], &[[0x2606, 0x4700, 0, 0, 0, 0, 0, 0x1111]]),
        (&[[8, 8, 8, 8], [10, 0, 0, 1]], &[]),
        (&[], &[[0, 0, 0, 0, 0, 0xffff, 0x7f00, 1]]),
    ] {
        assert_eq!(failure(name_server(Some(zone)).await).await, (Failure::Denied, Vec::new()), "{zone:?}");
    }
}

#[tokio::test]
async fn a_name_without_addresses_does_not_resolve() {
    assert_eq!(failure(name_server(Some((&[], &[]))).await).await, (Failure::Resolve, Vec::new()));
}

#[tokio::test]
async fn a_name_server_that_does_not_answer_holds_no_one_past_the_deadline() {
    let silent = name_server(None).await;
    tokio::time::pause();
    let began = now();
    assert_eq!(failure(silent).await, (Failure::Timeout, Vec::new()));
    // Timers of a paused clock are as exact as a millisecond.
    assert!(began.elapsed() < Duration::from_millis(1_010));
}

#[tokio::test]
async fn a_machine_without_name_servers_resolves_nothing() {
    let none = ResolverConfig::from_parts(None, Vec::new(), Vec::new());
    let system =
        System::of(TokioResolver::builder_with_config(none, TokioRuntimeProvider::default())).unwrap();
    assert_eq!(failure(system).await, (Failure::Resolve, Vec::new()));
}
