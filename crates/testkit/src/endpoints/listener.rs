//! A port on loopback that is kept, whether it is listened on or not.

use std::{io, net::SocketAddr, sync::Arc};

use hyper::body::Incoming;
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto::Builder,
};
use parking_lot::Mutex;
use rustls::ServerConfig;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpSocket},
    task::{JoinHandle, JoinSet},
};
use tokio_rustls::TlsAcceptor;

use super::wire::Wire;

/// Connections that wait to be accepted.
const BACKLOG: u32 = 1_024;

/// Does what is to be done with a connection.
pub(super) trait Serve: Send + Sync + 'static {
    fn connection(self: Arc<Self>, wire: Wire, number: u64) -> impl Future<Output = ()> + Send;
}

/// A port, and who accepts what comes to it.
#[derive(Debug)]
pub(super) struct Listener {
    address: SocketAddr,
    /// Bound and not listened on: while nobody else is, connections are refused, and nobody else gets the port.
    _holder: TcpSocket,
    accepting: Mutex<Option<JoinHandle<()>>>,
}

impl Listener {
    /// A free port, which is not listened on yet.
    pub(super) fn new() -> io::Result<Self> {
        let holder = socket(SocketAddr::from(([127, 0, 0, 1], 0)))?;
        Ok(Self { address: holder.local_addr()?, _holder: holder, accepting: Mutex::default() })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Accepts connections from now on.
    pub(super) fn open(&self, serve: &Arc<impl Serve>) -> io::Result<()> {
        let mut accepting = self.accepting.lock();
        if accepting.is_none() {
            let listener = socket(self.address)?.listen(BACKLOG)?;
            *accepting = Some(tokio::spawn(accept(listener, serve.clone())));
        }
        Ok(())
    }

    /// Ends all connections, and has refused new ones when it is back.
    pub(super) async fn close(&self) {
        let accepting = self.accepting.lock().take();
        if let Some(task) = accepting {
            task.abort();
            let _ = task.await;
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Some(task) = self.accepting.get_mut() {
            task.abort();
        }
    }
}

fn socket(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

/// Ends with all its connections when it is aborted.
async fn accept(listener: TcpListener, serve: Arc<impl Serve>) {
    let mut connections = JoinSet::new();
    let mut number = 0;
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                // One that was gone before it was accepted is none.
                let Ok((stream, _)) = accepted else { continue };
                number += 1;
                connections.spawn(serve.clone().connection(Wire::new(stream), number));
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Answers the requests of a connection, HTTP/1 or HTTP/2, until it is closed or cut.
pub(super) async fn converse<S, B>(wire: Wire, tls: Option<Arc<ServerConfig>>, service: S)
where
    S: hyper::service::Service<http::Request<Incoming>, Response = http::Response<B>>,
    S: Send + 'static,
    S::Future: Send + 'static,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    B: http_body::Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let cut = wire.clone();
    let talk = async {
        match tls {
            None => http(wire, service).await,
            Some(tls) => {
                if let Ok(stream) = TlsAcceptor::from(tls).accept(wire).await {
                    http(stream, service).await;
                }
            }
        }
    };
    tokio::select! {
        () = talk => {}
        () = cut.until_cut() => {}
    }
}

/// Errors are the client's or were made on purpose.
async fn http<I, S, B>(io: I, service: S)
where
    I: AsyncRead + AsyncWrite + Unpin + 'static,
    S: hyper::service::Service<http::Request<Incoming>, Response = http::Response<B>>,
    S::Future: Send + 'static,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    B: http_body::Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let _ = Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(io), service).await;
}
