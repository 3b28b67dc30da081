//! One connection through the proxy.

use std::sync::Arc;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::watch,
};

use super::{
    Counts, Direction,
    rules::{Pass, Rules},
};
use crate::endpoints::{listener::Serve, wire::Wire};

/// Bytes that are held of each direction while it is stalled, beside what the system buffers.
const CHUNK: usize = 16 << 10;

/// What the connections share.
#[derive(Debug)]
pub(super) struct State {
    pub(super) rules: watch::Sender<Rules>,
    pub(super) counts: watch::Sender<Counts>,
}

/// Why a connection ended.
enum End {
    /// Either side closed it, or broke it.
    Theirs,
    /// So many bytes have passed.
    AfterBytes,
    /// All were cut.
    Reset,
}

impl Serve for State {
    async fn connection(self: Arc<Self>, client: Wire, _: u64) {
        let _open = Open::new(&self.counts);
        let rules = *self.rules.borrow();
        let Ok(server) = TcpStream::connect(rules.server).await else {
            client.reset_at_end();
            self.counts.send_modify(|counts| counts.unreachable += 1);
            return;
        };
        let server = Wire::new(server);
        let mut changes = self.rules.subscribe();
        let cut = changes.wait_for(|now| now.era != rules.era);
        let end = tokio::select! {
            end = self.carry(&client, &server) => end,
            _ = cut => End::Reset,
        };
        match end {
            End::Theirs => return,
            End::AfterBytes => {}
            End::Reset => {
                client.reset_at_end();
                server.reset_at_end();
            }
        }
        self.counts.send_modify(|counts| counts.cut += 1);
    }
}

impl State {
    /// Both directions, until both are closed, or one of them is broken or cut.
    async fn carry(&self, client: &Wire, server: &Wire) -> End {
        let both = async {
            tokio::try_join!(
                self.one_way(Direction::FromClient, client.clone(), server.clone()),
                self.one_way(Direction::FromServer, server.clone(), client.clone()),
            )
        };
        both.await.err().unwrap_or(End::Theirs)
    }

    /// Until the side that sends closes its half.
    async fn one_way(&self, direction: Direction, mut from: Wire, mut to: Wire) -> Result<(), End> {
        let mut changes = self.rules.subscribe();
        let mut chunk = vec![0; CHUNK];
        loop {
            let read = from.read(&mut chunk).await.map_err(|_| End::Theirs)?;
            // The sender of the rules is this state's own.
            _ = changes.wait_for(|rules| !rules.stalled.of(direction)).await;
            if read == 0 {
                return to.shutdown().await.map_err(|_| End::Theirs);
            }
            let pass = self.pass(direction, read);
            to.write_all(&chunk[..pass.bytes]).await.map_err(|_| End::Theirs)?;
            self.counts.send_modify(|counts| *counts.bytes_mut(direction) += pass.bytes as u64);
            if pass.then_cut {
                return Err(End::AfterBytes);
            }
        }
    }

    fn pass(&self, direction: Direction, bytes: usize) -> Pass {
        let mut pass = Pass { bytes, then_cut: false };
        // Nobody waits for what is left.
        self.rules.send_if_modified(|rules| {
            pass = rules.pass(direction, bytes);
            false
        });
        pass
    }
}

/// Counts a connection, and as open until it is dropped.
struct Open<'a>(&'a watch::Sender<Counts>);

impl<'a> Open<'a> {
    fn new(counts: &'a watch::Sender<Counts>) -> Self {
        counts.send_modify(|counts| {
            counts.connections += 1;
            counts.open += 1;
        });
        Self(counts)
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|counts| counts.open -= 1);
    }
}
