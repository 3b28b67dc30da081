//! The composition root: configuration, wiring, life cycle. The binary `fanfare` is a `main` that calls this.
//!
//! # Invariants
//!
//! - It is the only crate that names an engine ([`config::Engine`]); everything below works on a `Journal`.
//! - The configuration is complete and checked before a port is bound or the data directory is touched.
//! - It holds no logic of the broker: what is here starts things, stops them, and says how they are.

#![forbid(unsafe_code)]

pub mod cli;
#[cfg(test)]
mod command_line;
pub mod config;
mod damage;
mod demo;
mod engine;
mod exit;
mod http;
mod observe;
mod open_files;
mod process;
mod push_worker;
mod pushing;
mod readiness;
mod recovering;
mod run;
mod serving;
mod shutdown;

use crate::config::Loaded;
pub use config::Config;
pub use run::{Listeners, RunError, run};

/// Runs the broker as a process: with its log, its signals and a runtime of its own.
fn serve(loaded: Loaded) -> anyhow::Result<()> {
    let open_files = open_files::raise_limit();
    let config = loaded.also(|config| open_files::check(config, open_files))?.also(push_files)?.config;
    telemetry::logs::init(&config.log)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let signals = shutdown::Signals::take()?;
        let listeners = Listeners::bind(&config).await?;
        announce(&config, &listeners)?;
        open_files::announce(&config, open_files);
        run(listeners, config, signals.first()).await?;
        tracing::info!("stopped");
        Ok(())
    })
}

/// Runs a push worker as a process, likewise.
fn push_worker(loaded: Loaded, broker: &str) -> anyhow::Result<()> {
    let open_files = open_files::raise_limit();
    let config = loaded.also(push_files)?.config;
    telemetry::logs::init(&config.log)?;
    tracing::info!(open_files, "a push worker has a file open for each connection to an endpoint");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let signals = shutdown::Signals::take()?;
        push_worker::run(config, broker, signals.first()).await?;
        tracing::info!("stopped");
        Ok(())
    })
}

/// Files that `push.*` names are there and can be used.
fn push_files(config: &Config) -> Result<(), types::Invalid> {
    push::Transport::check_files(&config.push).map_err(|invalid| invalid.within("push"))
}

/// The start-up lines: what runs, where, and what it promises.
fn announce(config: &Config, listeners: &Listeners) -> std::io::Result<()> {
    let (grpc, http) = (listeners.grpc.local_addr()?, listeners.http.local_addr()?);
    tracing::info!(version = env!("CARGO_PKG_VERSION"), %grpc, %http, "fanfare is listening");
    if !grpc.ip().is_loopback() {
        tracing::warn!(%grpc, "nothing is authenticated: whoever reaches the gRPC port may publish, consume and delete");
    }
    engine::announce(config);
    Ok(())
}
