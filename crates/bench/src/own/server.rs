use std::{net::SocketAddr, path::Path, time::Duration};

use anyhow::{Context as _, Result};
use fanfare_client::Client;
use load::Clock;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::{sleep, timeout},
};

use crate::{
    process::{Process, free_address},
    systems::{Tools, fanfare_command},
};

/// Until it takes traffic.
const READY_WITHIN: Duration = Duration::from_secs(120);
/// Between two looks whether it does: how exact the figure is.
const LOOKS_EVERY: Duration = Duration::from_millis(5);

/// A broker with fsync durability. The directory may hold what an earlier one has left.
pub(crate) struct Server {
    pub(crate) process: Process,
    pub(crate) listens: SocketAddr,
    /// From before the process was started until it was ready.
    pub(crate) ready_after: Duration,
}

impl Server {
    /// Starts it and waits until `/readyz` says 200.
    pub(crate) async fn start(tools: &Tools, directory: &Path) -> Result<Self> {
        let (listens, http) = (free_address()?, free_address()?);
        let mut command = fanfare_command(tools, directory, listens, http, "fsync")?;
        let clock = Clock::start();
        let process = Process::start(&mut command, listens, &directory.join("fanfare.log")).await?;
        timeout(READY_WITHIN, ready(http)).await.context("it is not ready within two minutes")?;
        Ok(Self { process, listens, ready_after: clock.now() })
    }

    /// By so many connections.
    pub(crate) fn clients(&self, count: usize) -> Result<Vec<Client>> {
        (0..count).map(|_| Ok(Client::connect(format!("http://{}", self.listens))?)).collect()
    }
}

async fn ready(http: SocketAddr) {
    while !is_ready(http).await.unwrap_or(false) {
        sleep(LOOKS_EVERY).await;
    }
}

async fn is_ready(http: SocketAddr) -> Result<bool> {
    let mut connection = TcpStream::connect(http).await?;
    connection.write_all(b"GET /readyz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await?;
    let mut answer = Vec::new();
    connection.read_to_end(&mut answer).await?;
    Ok(answer.starts_with(b"HTTP/1.1 200"))
}
