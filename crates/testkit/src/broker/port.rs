//! The broker's port, which is its own from the start to the end, also while it is stopped.

use std::{
    io,
    net::{SocketAddr, TcpListener},
};

use socket2::{Domain, Socket, Type};

/// Connections that wait to be accepted.
const BACKLOG: i32 = 1_024;

/// A port on loopback. While nobody listens on it, connections are refused, and nobody else gets it.
#[derive(Debug)]
pub(super) struct Port {
    pub(super) address: SocketAddr,
    _holder: Socket,
}

impl Port {
    /// This one, or a free one if it is 0.
    pub(super) fn hold(port: u16) -> io::Result<Self> {
        let holder = socket(SocketAddr::from(([127, 0, 0, 1], port)))?;
        let bound = holder.local_addr()?.as_socket();
        let address = bound.ok_or_else(|| io::Error::other("a bound socket has no address"))?;
        Ok(Self { address, _holder: holder })
    }

    pub(super) fn listen(&self) -> io::Result<TcpListener> {
        let socket = socket(self.address)?;
        socket.listen(BACKLOG)?;
        socket.set_nonblocking(true)?;
        Ok(socket.into())
    }
}

fn socket(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    Ok(socket)
}
