//! How a command that goes on is ended: Ctrl-C, a terminal that is closed, or `kill`.

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::{Error, output};

/// From its creation on no signal ends the process by itself.
pub(crate) struct Signals([Signal; 3]);

impl Signals {
    pub(crate) fn listen() -> Result<Self, Error> {
        let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
        let [interrupt, terminate, hang_up] = kinds.map(signal);
        Ok(Self([interrupt?, terminate?, hang_up?]))
    }

    /// Ready when one has come.
    pub(crate) async fn came(&mut self) {
        let [interrupt, terminate, hang_up] = &mut self.0;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hang_up.recv() => {}
        }
    }

    /// Runs to its end, or until a signal comes or nobody reads standard output any more, which are good ends.
    pub(crate) async fn or(&mut self, work: impl Future<Output = Result<(), Error>>) -> Result<(), Error> {
        tokio::select! {
            outcome = work => outcome,
            () = self.came() => Ok(()),
            () = output::closed() => Ok(()),
        }
    }
}
