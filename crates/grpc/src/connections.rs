//! The accept loop: at most so many connections, none that says nothing, and patience when the machine has no file
//! descriptors left.

use std::{
    borrow::Borrow,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use futures_util::{Stream, stream};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{self, Sleep},
};
use tonic::transport::server::{Connected, TcpConnectInfo};

/// First and longest wait after an error of `accept`. Without one the loop would turn at full speed until a descriptor is free.
const BACK_OFF: Duration = Duration::from_millis(10);
const BACK_OFF_MAX: Duration = Duration::from_secs(1);

/// Bytes with which every HTTP/2 client begins (RFC 9113, section 3.4). Until they are there nothing else in the stack
/// minds the connection; from then on keepalive does.
const PREFACE: usize = 24;

/// A connection, which makes room for another when it is dropped.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    /// Until when the preface must be there, and how many of its bytes are missing.
    silence: Option<(Pin<Box<Sleep>>, usize)>,
    _place: OwnedSemaphorePermit,
}

/// The connections of a listener, one when there is room for it.
pub(crate) fn accept<L: Borrow<TcpListener> + Send>(
    listener: L,
    limit: usize,
    preface_timeout: Duration,
) -> impl Stream<Item = io::Result<Connection>> + Send {
    let places = Arc::new(Semaphore::new(limit));
    stream::unfold((listener, places), move |(listener, places)| async move {
        let place = places.clone().acquire_owned().await.ok()?;
        let stream = accept_one(listener.borrow()).await;
        let silence = Some((Box::pin(time::sleep(preface_timeout)), PREFACE));
        Some((Ok(Connection { stream, silence, _place: place }), (listener, places)))
    })
}

async fn accept_one(listener: &TcpListener) -> TcpStream {
    let mut wait = BACK_OFF;
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                // Answers are small and wait for nothing; failing to say so costs latency only.
                _ = stream.set_nodelay(true);
                return stream;
            }
            Err(error) => {
                tracing::warn!(%error, ?wait, "cannot accept a connection; waiting");
                time::sleep(wait).await;
                wait = (wait * 2).min(BACK_OFF_MAX);
            }
        }
    }
}

impl Connection {
    /// Fails once the client has been silent for too long.
    fn mind_silence(&mut self, context: &mut Context<'_>, read: usize) -> io::Result<()> {
        let Some((timer, missing)) = &mut self.silence else { return Ok(()) };
        *missing = missing.saturating_sub(read);
        if *missing == 0 {
            self.silence = None;
        } else if timer.as_mut().poll(context).is_ready() {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "the client did not begin to speak HTTP/2"));
        }
        Ok(())
    }
}

impl Connected for Connection {
    type ConnectInfo = TcpConnectInfo;

    fn connect_info(&self) -> TcpConnectInfo {
        self.stream.connect_info()
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        self.mind_silence(context, buffer.filled().len() - before)?;
        read
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, buffer)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, buffers)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt as _;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    #[tokio::test]
    async fn a_connection_past_the_limit_waits_until_another_one_ends() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut connections = std::pin::pin!(accept(listener, 1, Duration::from_secs(10)));
        let _clients =
            [TcpStream::connect(address).await.unwrap(), TcpStream::connect(address).await.unwrap()];
        let first = connections.next().await.unwrap().unwrap();
        let mut next = connections.next();
        assert!(futures_util::poll!(&mut next).is_pending());
        drop(first);
        assert!(next.await.unwrap().is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_says_nothing_or_too_little_is_let_go() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut connections = std::pin::pin!(accept(listener, 1, Duration::from_secs(10)));
        let mut client = TcpStream::connect(address).await.unwrap();
        client.write_all(b"PRI * HTTP/2.0").await.unwrap();
        let mut connection = connections.next().await.unwrap().unwrap();
        let read = connection.read_to_end(&mut Vec::new()).await;
        assert_eq!(read.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_has_begun_may_be_silent() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut connections = std::pin::pin!(accept(listener, 1, Duration::from_secs(10)));
        let mut client = TcpStream::connect(address).await.unwrap();
        client.write_all(&[b'x'; PREFACE]).await.unwrap();
        let mut connection = connections.next().await.unwrap().unwrap();
        connection.read_exact(&mut [0; PREFACE]).await.unwrap();
        let silent = time::timeout(Duration::from_secs(3_600), connection.read_u8()).await;
        assert!(silent.is_err(), "still waiting after an hour");
    }
}
