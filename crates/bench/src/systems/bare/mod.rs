//! Bare tonic: what gRPC costs without a broker. A process of its own, so that its CPU is told apart; nothing is kept, and nothing is settled.

mod client;
mod server;

use std::path::Path;

use anyhow::Result;

pub(super) use client::{Bare, Echo};
pub use server::serve;

use super::{Kind, Tools, program};
use crate::process::{Process, free_address};

#[allow(missing_docs, missing_debug_implementations, unreachable_pub, clippy::all)]
mod proto {
    tonic::include_proto!("fanfare.bench.v1");
}

/// The hidden command of the benchmark's own program that calls [`serve`]; its one argument is the address.
pub const COMMAND: &str = "serve-bare";

/// Larger than the defaults of the protocol (16 KiB and 64 KiB), as one who wants throughput sets them.
const FRAME: u32 = 1 << 20;
const STREAM_WINDOW: u32 = 4 << 20;
const CONNECTION_WINDOW: u32 = 16 << 20;
const LARGEST_MESSAGE: usize = 64 << 20;

/// In words, for the report.
pub(super) fn configuration() -> String {
    format!(
        "frames of up to {FRAME} bytes, windows of {STREAM_WINDOW} (stream) and {CONNECTION_WINDOW} bytes (connection), TCP_NODELAY, {} connections",
        client::CONNECTIONS
    )
}

pub(super) async fn start(tools: &Tools, dir: &Path) -> Result<(Process, Bare)> {
    let listen = free_address()?;
    let mut command = program(tools.server(Kind::TonicStream)?);
    command.arg(COMMAND).arg(listen.to_string());
    let process = Process::start(&mut command, listen, &dir.join("bare.log")).await?;
    Ok((process, Bare::connect(listen)?))
}
