//! Servers that do as they are told, on a port of the loopback network.

use std::{convert::Infallible, net::SocketAddr, sync::Arc};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
};
use rustls::ServerConfig;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::mpsc,
};
use tokio_rustls::TlsAcceptor;

/// What a server has seen of a request.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) head: http::request::Parts,
    pub(crate) body: Bytes,
    /// Which of the server's connections it came over.
    pub(crate) connection: usize,
}

/// A server, for as long as the test's runtime lives.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) seen: mpsc::Receiver<Seen>,
}

impl Server {
    pub(crate) fn url(&self, scheme: &str) -> String {
        format!("{scheme}://{}", self.address)
    }
}

/// Answers every request with what the function makes of it.
pub(crate) async fn http(answer: fn(&Seen) -> Response<Full<Bytes>>) -> Server {
    serve(None, answer).await
}

/// The same with TLS.
pub(crate) async fn https(tls: ServerConfig, answer: fn(&Seen) -> Response<Full<Bytes>>) -> Server {
    serve(Some(TlsAcceptor::from(Arc::new(tls))), answer).await
}

async fn serve(tls: Option<TlsAcceptor>, answer: fn(&Seen) -> Response<Full<Bytes>>) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, seen) = mpsc::channel(1_000);
    tokio::spawn(async move {
        for connection in 0.. {
            let Ok((stream, _)) = listener.accept().await else { return };
            let (tls, sender) = (tls.clone(), sender.clone());
            tokio::spawn(async move {
                match tls {
                    None => talk(stream, connection, sender, answer).await,
                    Some(tls) => {
                        if let Ok(stream) = tls.accept(stream).await {
                            talk(stream, connection, sender, answer).await;
                        }
                    }
                }
            });
        }
    });
    Server { address, seen }
}

async fn talk<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    stream: S,
    connection: usize,
    seen: mpsc::Sender<Seen>,
    answer: fn(&Seen) -> Response<Full<Bytes>>,
) {
    let service = service_fn(move |request: Request<Incoming>| {
        let sender = seen.clone();
        async move {
            let (head, body) = request.into_parts();
            let body = body.collect().await.unwrap().to_bytes();
            let seen = Seen { head, body, connection };
            let response = answer(&seen);
            sender.try_send(seen).unwrap();
            Ok::<_, Infallible>(response)
        }
    });
    // A client that goes away is none of the server's business.
    let _ = auto::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await;
}

/// Reads the head of a request, writes these bytes, and then closes, or keeps the connection open and says nothing.
pub(crate) async fn raw(answer: Vec<u8>, then_close: bool) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut open = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            head(&mut stream).await;
            // A client that has had enough closes.
            let _ = stream.write_all(&answer).await;
            if !then_close {
                open.push(stream);
            }
        }
    });
    address
}

async fn head(stream: &mut TcpStream) {
    let mut read = Vec::new();
    while !read.windows(4).any(|window| window == b"\r\n\r\n") {
        if stream.read_buf(&mut read).await.unwrap_or(0) == 0 {
            return;
        }
    }
}
