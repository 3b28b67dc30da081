//! The life of a broker: inside this process by `run`, and as the real binary.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests, too")]

mod binary;
mod in_process;

use std::{io, net::SocketAddr};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// Status and body of a GET.
async fn get(address: SocketAddr, path: &str) -> io::Result<(u16, String)> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: fanfare\r\n\r\n").as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
    let body = answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned());
    status.zip(body).ok_or_else(|| io::Error::other(format!("not an answer: {answer:?}")))
}

/// Asks until `/readyz` says 200. While the broker recovers it says 503.
async fn until_ready(address: SocketAddr) -> String {
    loop {
        let (status, body) =
            get(address, "/readyz").await.expect("the HTTP port answers from the first moment");
        if status == 200 {
            return body;
        }
        assert_eq!(status, 503, "{body}");
    }
}
