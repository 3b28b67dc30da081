//! How a command that goes on is ended: Ctrl-C, a terminal that is closed, or `kill`.

use tokio::signal::unix::{SignalKind, signal};

use crate::Error;

/// Ready when the command shall end.
pub(crate) async fn ended() -> Result<(), Error> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        _ = hang_up.recv() => {}
    }
    Ok(())
}

/// Runs to its end or until it shall end, which is a good end.
pub(crate) async fn until_ended(work: impl Future<Output = Result<(), Error>>) -> Result<(), Error> {
    tokio::select! {
        outcome = work => outcome,
        ended = ended() => ended,
    }
}
