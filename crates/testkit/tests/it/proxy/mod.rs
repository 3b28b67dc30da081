//! The proxy, between a client and a server that says everything back.

use std::{io, net::SocketAddr};

use fanfare_testkit::{
    Direction::{FromClient, FromServer},
    Proxy,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

/// A server that sends back what it is sent, and closes when the client has.
async fn echo() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut read, mut write) = stream.split();
                tokio::io::copy(&mut read, &mut write).await
            });
        }
    });
    address
}

async fn connect(proxy: &Proxy) -> TcpStream {
    TcpStream::connect(proxy.address()).await.unwrap()
}

/// Sends, and reads as much back.
async fn say(stream: &mut TcpStream, bytes: &[u8]) -> io::Result<Vec<u8>> {
    stream.write_all(bytes).await?;
    let mut back = vec![0; bytes.len()];
    stream.read_exact(&mut back).await?;
    Ok(back)
}

/// Everything that comes until the connection ends, and whether it was closed and not broken.
async fn rest(stream: &mut TcpStream) -> (Vec<u8>, bool) {
    let mut bytes = Vec::new();
    let ended = stream.read_to_end(&mut bytes).await;
    (bytes, ended.is_ok())
}

#[tokio::test]
async fn what_passes_is_not_changed_and_counted() {
    let proxy = Proxy::start(echo().await);
    let mut stream = connect(&proxy).await;
    let bytes: Vec<u8> = (0..200_000_u32).map(|number| number.to_le_bytes()[0]).collect();
    let (mut read, mut write) = stream.split();
    let mut back = vec![0; bytes.len()];
    let (sent, received) = tokio::join!(write.write_all(&bytes), read.read_exact(&mut back));
    sent.unwrap();
    received.unwrap();
    assert_eq!(back, bytes);
    let counts = proxy.wait_until("counted", |counts| counts.from_server == 200_000).await;
    assert_eq!((counts.connections, counts.open, counts.cut, counts.from_client), (1, 1, 0, 200_000));
}

#[tokio::test]
async fn a_side_that_closes_its_half_still_gets_the_other() {
    let proxy = Proxy::start(echo().await);
    let mut stream = connect(&proxy).await;
    stream.write_all(b"bye").await.unwrap();
    stream.shutdown().await.unwrap();
    assert_eq!(rest(&mut stream).await, (b"bye".to_vec(), true));
    proxy.wait_until("closed", |counts| counts.open == 0).await;
    assert_eq!(proxy.counts().cut, 0);
}

#[tokio::test]
async fn a_cut_ends_every_connection_and_no_new_one() {
    let proxy = Proxy::start(echo().await);
    let (mut one, mut two) = (connect(&proxy).await, connect(&proxy).await);
    say(&mut one, b"1").await.unwrap();
    say(&mut two, b"2").await.unwrap();
    proxy.cut();
    assert_eq!(rest(&mut one).await, (vec![], false));
    assert_eq!(rest(&mut two).await, (vec![], false));
    let mut three = connect(&proxy).await;
    assert_eq!(say(&mut three, b"3").await.unwrap(), b"3");
    assert_eq!(proxy.wait_until("cut", |counts| counts.cut == 2).await.open, 1);
}

#[tokio::test]
async fn after_exactly_so_many_bytes_from_the_client_its_connection_is_cut_once() {
    let proxy = Proxy::start(echo().await);
    let mut stream = connect(&proxy).await;
    proxy.cut_after(FromClient, 5);
    stream.write_all(b"123").await.unwrap();
    stream.write_all(b"4567").await.unwrap();
    rest(&mut stream).await;
    assert_eq!(proxy.wait_until("cut", |counts| counts.cut == 1).await.from_client, 5);
    assert_eq!(say(&mut connect(&proxy).await, b"123456789").await.unwrap(), b"123456789");
}

#[tokio::test]
async fn after_exactly_so_many_bytes_from_the_server_the_connection_is_cut_and_they_have_come() {
    let proxy = Proxy::start(echo().await);
    let mut stream = connect(&proxy).await;
    proxy.cut_after(FromServer, 5);
    stream.write_all(b"1234567").await.unwrap();
    assert_eq!(rest(&mut stream).await.0, b"12345");
    let counts = proxy.wait_until("cut", |counts| counts.cut == 1).await;
    assert_eq!((counts.from_client, counts.from_server), (7, 5));
}

#[tokio::test]
async fn a_cut_after_nothing_is_made_when_something_comes() {
    let proxy = Proxy::start(echo().await);
    let mut stream = connect(&proxy).await;
    proxy.cut_after(FromServer, 0);
    proxy.wait_until("open", |counts| counts.open == 1).await;
    stream.write_all(b"1").await.unwrap();
    assert_eq!(rest(&mut stream).await.0, b"");
}

#[tokio::test]
async fn a_stalled_direction_hands_nothing_on_until_it_is_resumed() {
    for (direction, reach_the_server) in [(FromClient, 0), (FromServer, 1)] {
        let proxy = Proxy::start(echo().await);
        let mut stream = connect(&proxy).await;
        proxy.stall(direction);
        stream.write_all(b"1").await.unwrap();
        let mut other = connect(&proxy).await;
        other.write_all(b"22").await.unwrap();
        proxy.wait_until("new connections are made", |counts| counts.open == 2).await;
        let reached = 3 * reach_the_server;
        let counts = proxy.wait_until("carried", |counts| counts.from_client == reached).await;
        assert_eq!(counts.from_server, 0);
        assert!(stream.try_read(&mut [0]).is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock));
        proxy.resume(direction);
        assert_eq!(say(&mut stream, b"").await.unwrap(), b"");
        assert_eq!(stream.read_u8().await.unwrap(), b'1');
    }
}

#[tokio::test]
async fn a_sender_has_to_wait_while_its_direction_is_stalled() {
    let proxy = Proxy::start(echo().await);
    let stream = connect(&proxy).await;
    proxy.stall(FromClient);
    let mut sent = 0;
    // Until neither the proxy nor the system takes any more.
    while let Ok(ready) = tokio::time::timeout(std::time::Duration::from_millis(200), stream.writable()).await
    {
        ready.unwrap();
        sent += stream.try_write(&[0; 65_536]).unwrap_or_default();
        assert!(sent < 64 << 20, "there is no end to it");
    }
    assert_eq!(proxy.counts().from_client, 0);
}

#[tokio::test]
async fn connections_are_refused_and_taken_again_on_the_same_port() {
    let proxy = Proxy::start(echo().await);
    let mut stream = connect(&proxy).await;
    say(&mut stream, b"1").await.unwrap();
    proxy.refuse().await;
    rest(&mut stream).await;
    let refused = TcpStream::connect(proxy.address()).await.unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
    proxy.accept();
    proxy.accept();
    assert_eq!(say(&mut connect(&proxy).await, b"1").await.unwrap(), b"1");
}

#[tokio::test]
async fn healed_it_carries_everything_again() {
    let proxy = Proxy::start(echo().await);
    proxy.stall(FromClient);
    proxy.stall(FromServer);
    proxy.cut_after(FromClient, 1);
    proxy.refuse().await;
    proxy.heal();
    assert_eq!(say(&mut connect(&proxy).await, b"123").await.unwrap(), b"123");
    assert_eq!(proxy.counts().cut, 0);
}

#[tokio::test]
async fn without_a_server_a_connection_is_reset_and_with_another_one_carried_there() {
    let gone = Proxy::start(echo().await);
    gone.refuse().await;
    let proxy = Proxy::start(gone.address());
    assert_eq!(rest(&mut connect(&proxy).await).await.0, b"");
    assert_eq!(proxy.wait_until("unreachable", |counts| counts.unreachable == 1).await.open, 0);
    proxy.redirect(echo().await);
    assert_eq!(say(&mut connect(&proxy).await, b"1").await.unwrap(), b"1");
}

#[tokio::test]
#[should_panic(expected = "a miracle: not in 10s, there are Counts")]
async fn a_test_that_waits_in_vain_says_what_it_found() {
    let proxy = Proxy::start(echo().await);
    tokio::time::pause();
    proxy.wait_until("a miracle", |counts| counts.cut == 1).await;
}
