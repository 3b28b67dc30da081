//! One TCP connection to one address.

use std::{fmt, io, net::SocketAddr, time::Duration};

use futures_util::future::BoxFuture;
use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpStream;

/// A peer that has gone without a word is noticed after about a minute and a half.
const KEEPALIVE: Duration = Duration::from_secs(30);

/// Makes connections. Tests put their own here, to see that none is made.
pub(crate) trait Dial: fmt::Debug + Send + Sync + 'static {
    /// To exactly this address.
    fn dial(&self, address: SocketAddr) -> BoxFuture<'static, io::Result<TcpStream>>;
}

/// Over the network.
#[derive(Debug)]
pub(crate) struct Tcp;

impl Dial for Tcp {
    fn dial(&self, address: SocketAddr) -> BoxFuture<'static, io::Result<TcpStream>> {
        Box::pin(async move {
            let stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            let keepalive = TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE / 2);
            SockRef::from(&stream).set_tcp_keepalive(&keepalive)?;
            Ok(stream)
        })
    }
}
