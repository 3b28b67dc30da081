//! Answers that are none.

use std::io::ErrorKind;

use fanfare_testkit::endpoints::{Behaviour, Endpoint};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::{deliver, delivery, send, status};

/// More than any sender should read.
const MUCH: usize = 1 << 20;

#[tokio::test]
async fn a_half_answer_ends_before_its_announced_length() {
    let endpoint = Endpoint::start(Behaviour::HalfAnswer);
    let answer = deliver(endpoint.address(), "m").await;
    assert_eq!(answer, "HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nhalf of");
    assert_eq!(endpoint.wait_for(1).await.len(), 1);
}

#[tokio::test]
async fn a_reset_is_seen_as_a_reset() {
    for behaviour in [Behaviour::Reset, Behaviour::ResetMidAnswer, Behaviour::ResetOnAccept] {
        let endpoint = Endpoint::start(behaviour.clone());
        let (_, result) = send(endpoint.address(), &delivery("m", "x"), usize::MAX).await;
        let kind = result.unwrap_err().kind();
        let reset = matches!(kind, ErrorKind::ConnectionReset | ErrorKind::BrokenPipe);
        assert!(reset, "{behaviour:?}: {kind:?}");
        let delivered = u64::from(behaviour != Behaviour::ResetOnAccept);
        assert_eq!(endpoint.totals().deliveries, delivered, "{behaviour:?}");
    }
}

#[tokio::test]
async fn garbage_is_no_http() {
    let endpoint = Endpoint::start(Behaviour::Garbage);
    let (answer, result) = send(endpoint.address(), &delivery("m", ""), usize::MAX).await;
    result.unwrap();
    assert!(!answer.is_empty() && !answer.starts_with(b"HTTP/"), "{answer:?}");
}

#[tokio::test]
async fn what_is_endless_goes_on_for_as_long_as_it_is_read() {
    for behaviour in [Behaviour::EndlessHeaders, Behaviour::EndlessBody] {
        let endpoint = Endpoint::start(behaviour.clone());
        let (answer, result) = send(endpoint.address(), &delivery("m", ""), MUCH).await;
        result.unwrap();
        assert_eq!(answer.len(), MUCH);
        let has_body = answer.windows(4).any(|bytes| bytes == b"\r\n\r\n");
        assert_eq!(has_body, behaviour == Behaviour::EndlessBody);
        // The client is gone, and so is what was written to it.
        endpoint.wait_until("no connection", |totals| totals.open == 0).await;
    }
}

#[tokio::test]
async fn a_stalled_body_begins_and_does_not_end() {
    let endpoint = Endpoint::start(Behaviour::StalledBody);
    let most = "HTTP/1.1 200 OK\r\n".len();
    let (answer, _) = send(endpoint.address(), &delivery("m", ""), most).await;
    assert_eq!(answer, b"HTTP/1.1 200 OK\r\n");
}

#[tokio::test]
async fn a_black_hole_accepts_and_says_nothing_until_the_client_leaves() {
    let endpoint = Endpoint::start(Behaviour::BlackHole);
    let client = TcpStream::connect(endpoint.address()).await.unwrap();
    endpoint.wait_until("a connection", |totals| totals.open == 1).await;
    client.try_write(delivery("m", "").as_bytes()).unwrap();
    drop(client);
    endpoint.wait_until("none", |totals| totals.open == 0).await;
    assert_eq!(endpoint.totals().deliveries, 0);
}

#[tokio::test]
async fn a_port_that_refuses_connections_is_kept_and_opened_again() {
    let endpoint = Endpoint::start(Behaviour::ok());
    let mut open = TcpStream::connect(endpoint.address()).await.unwrap();
    endpoint.wait_until("a connection", |totals| totals.open == 1).await;
    endpoint.refuse().await;
    let refused = TcpStream::connect(endpoint.address()).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    let ended = open.read(&mut [0]).await;
    assert!(!matches!(ended, Ok(1)), "the open one ended, too: {ended:?}");
    endpoint.accept();
    assert_eq!(status(endpoint.address(), "m").await, 200);
}

#[tokio::test]
async fn an_endpoint_that_is_dropped_is_gone_with_its_connections() {
    let endpoint = Endpoint::start(Behaviour::hold());
    let address = endpoint.address();
    let mut open = TcpStream::connect(address).await.unwrap();
    open.write_all(delivery("m", "").as_bytes()).await.unwrap();
    endpoint.wait_for_held(1).await;
    drop(endpoint);
    let ended = open.read(&mut [0]).await;
    assert!(!matches!(ended, Ok(1)), "{ended:?}");
    assert_eq!(TcpStream::connect(address).await.unwrap_err().kind(), ErrorKind::ConnectionRefused);
}
