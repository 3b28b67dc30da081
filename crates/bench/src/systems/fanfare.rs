//! Fanfare as it is delivered: the program with its defaults, reached through the client crate.

use std::{net::SocketAddr, path::Path};

use anyhow::Result;
use fanfare_client::Client;
use load::FanfareUnary;
use tokio::process::Command;

use super::{Kind, Tools, program};
use crate::process::{Process, free_address};

/// Connections that publishers and subscribers share.
const CONNECTIONS: usize = 4;

/// The one key that is set.
pub(super) fn durability(kind: Kind) -> &'static str {
    if kind == Kind::FanfareInterval { "interval" } else { "fsync" }
}

/// The broker, not started yet.
///
/// # Errors
/// There is no program.
pub fn fanfare_command(
    tools: &Tools,
    dir: &Path,
    listen: SocketAddr,
    http: SocketAddr,
    durability: &str,
) -> Result<Command> {
    let mut command = program(tools.server(Kind::FanfareFsync)?);
    // They would be settings of the broker, those of the benchmark too.
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("FANFARE_")) {
        command.env_remove(name);
    }
    command.arg("serve").arg("--data-dir").arg(dir.join("data"));
    command.args(["--listen", &listen.to_string(), "--http-listen", &http.to_string()]);
    command.args(["--set", &format!("durability={durability}")]);
    Ok(command)
}

pub(super) async fn start(
    kind: Kind,
    tools: &Tools,
    dir: &Path,
) -> Result<(Process, load::Fanfare, FanfareUnary)> {
    let listen = free_address()?;
    let mut command = fanfare_command(tools, dir, listen, free_address()?, durability(kind))?;
    let process = Process::start(&mut command, listen, &dir.join("fanfare.log")).await?;
    let endpoint = format!("http://{listen}");
    let clients = (0..CONNECTIONS).map(|_| Client::connect(endpoint.as_str())).collect::<Result<_, _>>()?;
    Ok((process, load::Fanfare::new(clients), FanfareUnary::connect(&endpoint, CONNECTIONS).await?))
}
