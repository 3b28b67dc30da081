use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::exit;

/// The signals that ask the process to stop.
#[derive(Debug)]
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Takes them over from now on, so that none that comes during the start is missed.
    pub(crate) fn take() -> io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    /// Returns at the first signal. From then on a second one ends the process at once: whoever sends it does not want
    /// to wait for the drain. What was acknowledged is durable even so.
    pub(crate) async fn first(mut self) {
        let name = self.next().await;
        tracing::info!(signal = name, "stopping; a second signal stops at once");
        tokio::spawn(async move {
            let name = self.next().await;
            tracing::warn!(signal = name, "stopped at once");
            std::process::exit(exit::INTERRUPTED);
        });
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}
