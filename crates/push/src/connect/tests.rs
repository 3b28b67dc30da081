use std::{any::Any, future, io};

use bytes::Bytes;
use http_body_util::Full;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::{
    Config,
    guard::{Scheme, vectors},
    support::{Dials, Names, certificates::Authority, config, now, settings},
    webhook::client_builder,
};

const BOUNDS: Bounds = Bounds { connections: 2, stall: Duration::from_secs(60) };

fn connector(url: &str, config: &Config, names: Arc<Names>, dials: Arc<Dials>) -> Connector {
    let guard = Arc::new(Guard::new(config));
    let target = Arc::new(guard.target(url).unwrap());
    let dialler = Dialler { guard, resolver: names, dial: dials, timeout: config.connect_timeout };
    Connector::new(dialler, target, None, BOUNDS).unwrap()
}

fn by_default() -> Config {
    Config { allow_http: true, ..Config::default() }
}

fn addresses(of: &[&str]) -> Vec<SocketAddr> {
    of.iter().map(|address| address.parse().unwrap()).collect()
}

#[tokio::test]
async fn a_name_with_one_denied_address_is_denied_and_nothing_is_dialled() {
    for answer in vectors::RESOLVED {
        let dials = Dials::refusing();
        let connector = connector(
            "http://rebound.example",
            &by_default(),
            Names::answering(&[answer]),
            Arc::clone(&dials),
        );
        let refused = connector.connect().await.unwrap_err();
        assert_eq!(refused.failure, Failure::Denied, "{answer:?}: {refused}");
        assert!(dials.dialled.lock().is_empty(), "{answer:?}");
    }
}

#[tokio::test]
async fn a_name_that_has_been_public_and_is_private_now_is_denied() {
    let names = Names::answering(&[&["8.8.8.8"], &["127.0.0.1"], &["8.8.4.4"]]);
    let dials = Dials::refusing();
    let connector =
        connector("http://rebinding.example", &by_default(), Arc::clone(&names), Arc::clone(&dials));
    let failures = [connector.connect().await, connector.connect().await, connector.connect().await]
        .map(|connected| connected.unwrap_err().failure);
    assert_eq!(failures, [Failure::Connect, Failure::Denied, Failure::Connect]);
    assert_eq!(*dials.dialled.lock(), addresses(&["8.8.8.8:80", "8.8.4.4:80"]));
    assert_eq!(names.asked.lock().len(), 3, "once a connection");
}

#[tokio::test]
async fn what_does_not_resolve_is_not_dialled() {
    let many: Vec<String> = (0..=resolve::ADDRESSES).map(|n| format!("8.8.8.{n}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    for names in [Names::failing(), Names::answering(&[&[]]), Names::answering(&[&many])] {
        let dials = Dials::refusing();
        let connector = connector("http://nowhere.example", &by_default(), names, Arc::clone(&dials));
        let refused = connector.connect().await.unwrap_err();
        assert_eq!(refused.failure, Failure::Resolve, "{refused}");
        assert!(refused.what.contains("nowhere.example does not resolve"), "{refused}");
        assert!(dials.dialled.lock().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn a_resolver_that_does_not_answer_ends_with_the_deadline() {
    let dials = Dials::refusing();
    let connector = connector("http://slow.example", &by_default(), Names::hanging(), Arc::clone(&dials));
    let began = now();
    assert_eq!(connector.connect().await.unwrap_err().failure, Failure::Timeout);
    assert_eq!(began.elapsed(), by_default().connect_timeout);
    assert!(dials.dialled.lock().is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_address_that_says_nothing_leaves_time_for_the_next() {
    fn second_refuses(address: SocketAddr) -> BoxFuture<'static, io::Result<TcpStream>> {
        if address.to_string() == "8.8.8.8:80" {
            return Box::pin(future::pending());
        }
        Box::pin(future::ready(Err(io::ErrorKind::ConnectionRefused.into())))
    }
    let names = Names::answering(&[&["8.8.8.8", "1.1.1.1"], &["8.8.8.8"]]);
    let dials = Dials::doing(second_refuses);
    let connector = connector("http://half.example", &by_default(), names, Arc::clone(&dials));
    let refused = connector.connect().await.unwrap_err();
    assert_eq!(refused.failure, Failure::Connect);
    assert!(refused.what.contains("1.1.1.1:80"), "{refused}");
    assert_eq!(*dials.dialled.lock(), addresses(&["8.8.8.8:80", "1.1.1.1:80"]));

    let began = now();
    assert_eq!(connector.connect().await.unwrap_err().failure, Failure::Timeout);
    assert_eq!(began.elapsed(), by_default().connect_timeout);
}

#[tokio::test]
async fn an_address_inside_an_ipv6_address_is_dialled_as_what_was_checked() {
    let dials = Dials::refusing();
    let names = Names::answering(&[&["::ffff:8.8.8.8"]]);
    let connector = connector("http://mapped.example:8080", &by_default(), names, Arc::clone(&dials));
    assert_eq!(connector.connect().await.unwrap_err().failure, Failure::Connect);
    assert_eq!(*dials.dialled.lock(), addresses(&["8.8.8.8:8080"]));
}

#[tokio::test]
async fn what_is_written_down_and_localhost_are_asked_of_no_one() {
    for url in ["http://8.8.8.8", "http://localhost:8080", "http://api.localhost."] {
        let names = Names::hanging();
        let connector = connector(url, &config(), Arc::clone(&names), Dials::refusing());
        assert_eq!(connector.connect().await.unwrap_err().failure, Failure::Connect, "{url}");
        assert!(names.asked.lock().is_empty(), "{url}");
    }
}

#[tokio::test]
async fn the_request_does_not_choose_what_is_connected_to() {
    let dials = Dials::refusing();
    let mut connector = connector("http://8.8.8.8", &by_default(), Names::hanging(), Arc::clone(&dials));
    let other = Uri::from_static("http://127.0.0.1:22/");
    assert!(tower::Service::call(&mut connector, other).await.is_err());
    assert_eq!(*dials.dialled.lock(), addresses(&["8.8.8.8:80"]));
}

/// No vector reaches a server of this machine: the first connection that it sees is the one that the test makes in the end.
#[tokio::test]
async fn no_vector_is_connected_to_over_a_real_network() {
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = server.local_addr().unwrap();
    let guard = Guard::new(&by_default());
    for url in vectors::WRITTEN.iter().flat_map(|(_, urls)| *urls) {
        assert!(guard.target(url).is_err(), "{url}");
    }
    for loopback in ["127.0.0.1", "::ffff:127.0.0.1", "0.0.0.0", "127.0.0.2"] {
        let url = format!("http://rebound.example:{}", at.port());
        for answer in [&[loopback][..], &["8.8.8.8", loopback]] {
            let connector = connector(&url, &by_default(), Names::answering(&[answer]), Dials::connecting());
            assert_eq!(connector.connect().await.unwrap_err().failure, Failure::Denied, "{answer:?}");
        }
    }
    let ours = TcpStream::connect(at).await.unwrap();
    assert_eq!(server.accept().await.unwrap().1, ours.local_addr().unwrap());
}

#[tokio::test]
async fn the_system_resolves_what_the_hosts_file_says() {
    let found = System::new().unwrap().resolve("localhost").await.unwrap();
    assert!(found.iter().all(IpAddr::is_loopback) && !found.is_empty(), "{found:?}");
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_with_all_its_connections_in_use_gets_no_more_until_one_is_gone() {
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", server.local_addr().unwrap());
    let dials = Dials::connecting();
    let connector = connector(&url, &config(), Names::hanging(), Arc::clone(&dials));
    let (first, _second) = (connector.connect().await.unwrap(), connector.connect().await.unwrap());
    assert_eq!(connector.connect().await.unwrap_err().failure, Failure::Timeout);
    assert_eq!(dials.dialled.lock().len(), BOUNDS.connections, "it is not even tried");
    drop(first);
    connector.connect().await.unwrap();
}

/// Shakes hands and then reads nothing, so that not even a close gets through.
async fn taking_nothing(tls: Option<TlsAcceptor>) -> SocketAddr {
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = server.local_addr().unwrap();
    tokio::spawn(async move {
        let mut open: Vec<Box<dyn Any + Send>> = Vec::new();
        while let Ok((stream, _)) = server.accept().await {
            open.push(match &tls {
                None => Box::new(stream),
                Some(tls) => Box::new(tls.accept(stream).await.unwrap()),
            });
        }
    });
    at
}

#[tokio::test]
async fn an_endpoint_that_takes_nothing_does_not_keep_what_nobody_needs_any_more() {
    let authority = Authority::new();
    for protocol in [None, Some("http/1.1"), Some("h2")] {
        let issued = authority.issue("127.0.0.1");
        let tls = protocol.map(|protocol| TlsAcceptor::from(Arc::new(issued.server(&[protocol]))));
        let scheme = if tls.is_some() { "https" } else { "http" };
        let url = format!("{scheme}://{}", taking_nothing(tls).await);
        let mut connector = connector(&url, &config(), Names::hanging(), Dials::connecting());
        if protocol.is_some() {
            let push = PushSettings { trusted_certificates: Some(authority.pem.clone()), ..settings(&url) };
            let tls = Roots::load(None).unwrap().config(Scheme::Https, &push).unwrap();
            let (dialler, target) = (connector.dialler.clone(), Arc::clone(&connector.target));
            connector = Connector::new(dialler, target, Some(tls), BOUNDS).unwrap();
        }
        let slots = Arc::clone(&connector.slots);
        let client = client_builder().build(connector);
        let large = Full::new(Bytes::from(vec![b'm'; 32 << 20]));
        let mut request = Box::pin(client.request(http::Request::post(&url).body(large).unwrap()));
        while slots.available_permits() == BOUNDS.connections {
            assert!(futures_util::poll!(&mut request).is_pending());
            tokio::task::yield_now().await;
        }
        // From now on the clock moves when there is nothing left to do but to wait.
        tokio::time::pause();
        assert!(tokio::time::timeout(BOUNDS.stall / 2, request).await.is_err(), "{protocol:?}");
        drop(client);
        let all_free = slots.acquire_many(u32::try_from(BOUNDS.connections).unwrap());
        let freed = tokio::time::timeout(BOUNDS.stall, all_free).await;
        assert!(freed.is_ok(), "{protocol:?}");
        tokio::time::resume();
    }
}
