//! A port on loopback that is kept, whether it is listened on or not.

use std::{
    io,
    net::{Shutdown, SocketAddr},
    sync::Arc,
};

use hyper::body::Incoming;
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto::Builder,
};
use parking_lot::Mutex;
use rustls::ServerConfig;
use socket2::SockRef;
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
pub(crate) trait Serve: Send + Sync + 'static {
    fn connection(self: Arc<Self>, wire: Wire, number: u64) -> impl Future<Output = ()> + Send;
}

/// A port, and who accepts what comes to it.
#[derive(Debug)]
pub(crate) struct Listener {
    address: SocketAddr,
    /// Bound and not listened on: while nobody else is, connections are refused, and nobody else gets the port.
    _holder: TcpSocket,
    accepting: Mutex<Option<JoinHandle<()>>>,
}

impl Listener {
    /// A free port, which is not listened on yet.
    pub(crate) fn new() -> io::Result<Self> {
        let holder = socket(SocketAddr::from(([127, 0, 0, 1], 0)))?;
        Ok(Self { address: holder.local_addr()?, _holder: holder, accepting: Mutex::default() })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Accepts connections from now on.
    pub(crate) fn open(&self, serve: &Arc<impl Serve>) -> io::Result<()> {
        let mut accepting = self.accepting.lock();
        if accepting.is_none() {
            let listening = Listening(socket(self.address)?.listen(BACKLOG)?);
            *accepting = Some(tokio::spawn(accept(listening, serve.clone())));
        }
        Ok(())
    }

    /// Ends all connections, and has refused new ones when it is back.
    pub(crate) async fn close(&self) {
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

/// A socket that is listened on until this is dropped. Closing would not be enough: a process that is just being started has all of its
/// parent's sockets for a moment.
#[derive(Debug)]
struct Listening(TcpListener);

impl Drop for Listening {
    fn drop(&mut self) {
        let _ = SockRef::from(&self.0).shutdown(Shutdown::Both);
    }
}

fn socket(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

/// Ends with all its connections when it is aborted.
async fn accept(listening: Listening, serve: Arc<impl Serve>) {
    let mut connections = JoinSet::new();
    let mut number = 0;
    loop {
        tokio::select! {
            accepted = listening.0.accept() => {
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
pub(crate) async fn converse<S, B>(wire: Wire, tls: Option<Arc<ServerConfig>>, service: S)
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

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;

    use super::*;

    #[tokio::test]
    async fn a_port_can_be_listened_on_again_while_a_process_that_is_being_started_has_the_old_socket() {
        let holder = socket(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let address = holder.local_addr().unwrap();
        let listening = Listening(socket(address).unwrap().listen(BACKLOG).unwrap());
        let _of_the_other_process = listening.0.as_fd().try_clone_to_owned().unwrap();
        drop(listening);
        socket(address).unwrap().listen(BACKLOG).unwrap();
    }
}
