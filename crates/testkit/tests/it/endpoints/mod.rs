//! The kit's own tests: each misbehaviour as a client sees it.

mod broken;
mod grpc;
mod tls;
mod well_formed;

use std::{io, net::SocketAddr};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// A delivery of this message, as text.
fn delivery(id: &str, body: &str) -> String {
    format!(
        "POST /hook?x=1 HTTP/1.1\r\nhost: test\r\nwebhook-id: {id}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
}

/// What comes back for these bytes until the connection ends, at most so much of it, and how it ends.
async fn send(address: SocketAddr, request: &str, most: usize) -> (Vec<u8>, io::Result<()>) {
    let mut answer = Vec::new();
    let result = async {
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all(request.as_bytes()).await?;
        (&mut stream).take(most as u64).read_to_end(&mut answer).await
    };
    let result = result.await.map(|_| ());
    (answer, result)
}

/// The answer to a delivery, as text.
async fn deliver(address: SocketAddr, id: &str) -> String {
    let (answer, result) = send(address, &delivery(id, "hello"), usize::MAX).await;
    result.unwrap();
    String::from_utf8(answer).unwrap()
}

/// The status of a delivery.
async fn status(address: SocketAddr, id: &str) -> u16 {
    let answer = deliver(address, id).await;
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}
