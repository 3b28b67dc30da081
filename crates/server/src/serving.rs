//! From recovery to the end: serve and deliver, then drain.

use std::time::Duration;

use broker::{Broker, HealthState};
use grpc::{Drained, ServeError};
use tokio::{
    net::TcpListener,
    sync::watch,
    task::{JoinError, JoinHandle},
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use crate::{process::Process, pushing::Pushing, readiness::Readiness, run::RunError};

/// What clients get after a failure: enough to be told of it.
const FAILED_PATIENCE: Duration = Duration::from_secs(5);

/// Serves until `shutdown`, or until it cannot go on; then lets clients finish, and closes the journal.
pub(crate) async fn serve(
    process: &Process,
    listener: TcpListener,
    broker: Broker,
    shutdown: impl Future<Output = ()>,
) -> Result<(), RunError> {
    // Before the port, so that no endpoint is taken that nobody has looked at.
    let mut pushing = Pushing::start(process, &broker);
    let mut port = Port::open(process, listener, broker.clone());
    let end = tokio::select! {
        () = shutdown => Ok(()),
        cause = follow(broker.health(), &process.readiness) => Err(RunError::JournalFailed(cause)),
        ended = &mut port.task => Err(RunError::Grpc(reason(ended))),
    };
    // Nothing follows the broker's health any more: what is said from here on stays.
    process.readiness.send_replace(match &end {
        Ok(()) => Readiness::Draining,
        Err(error) => Readiness::Failed(error.to_string()),
    });
    let patience = end.as_ref().err().map(|_| FAILED_PATIENCE);
    pushing.begin_to_stop().await;
    broker.start_drain();
    tokio::join!(port.close(patience), pushing.stop(patience));
    let closed = broker.shutdown().await.map_err(RunError::from);
    end.and(closed)
}

type Ended = Result<Result<Drained, ServeError>, JoinError>;

/// The gRPC port in service.
struct Port {
    task: JoinHandle<Result<Drained, ServeError>>,
    stop: CancellationToken,
}

impl Port {
    fn open(process: &Process, listener: TcpListener, broker: Broker) -> Self {
        let stop = CancellationToken::new();
        let (info, config) = (process.info.clone(), process.config.grpc_port());
        let serving = grpc::serve(listener, broker, info, config, stop.clone().cancelled_owned());
        Self { task: tokio::spawn(serving), stop }
    }

    /// Lets the calls under way end, for `shutdown_timeout`, or for less if someone is less patient.
    async fn close(self, patience: Option<Duration>) {
        self.stop.cancel();
        if self.task.is_finished() {
            return;
        }
        let abort = self.task.abort_handle();
        let ended = timeout(patience.unwrap_or(Duration::MAX), self.task).await;
        if !matches!(ended, Ok(Ok(Ok(Drained::Fully)))) {
            tracing::warn!("clients were cut off: they did not finish in time");
        }
        abort.abort();
    }
}

/// Why the port stopped though nobody had asked it to.
fn reason(ended: Ended) -> String {
    match ended {
        Ok(Ok(_)) => "it ended without having been asked to".to_owned(),
        Ok(Err(error)) => error.to_string(),
        Err(error) => error.to_string(),
    }
}

/// Hands the broker's health on to `/readyz` for as long as it is polled; returns the cause once the journal has failed.
async fn follow(mut health: watch::Receiver<HealthState>, readiness: &watch::Sender<Readiness>) -> String {
    loop {
        let now = Readiness::from(&*health.borrow_and_update());
        if readiness.send_replace(now.clone()) != now {
            tracing::info!(state = ?now, "readiness changed");
        }
        if let Readiness::Failed(cause) = now {
            return cause;
        }
        if health.changed().await.is_err() {
            return "the broker is gone".to_owned();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{future::pending, sync::Arc};

    use journal::MemoryJournal;

    use super::*;
    use crate::config::Config;

    async fn parts() -> (Process, TcpListener, Broker, Arc<MemoryJournal>) {
        let process = Process::new(Config::default()).unwrap();
        let journal = Arc::new(MemoryJournal::default());
        let config = process.config.broker.clone();
        let broker =
            Broker::open(journal.clone(), process.clock.clone(), Arc::new(grpc::StoredMessages), config)
                .await
                .unwrap();
        (process, TcpListener::bind("127.0.0.1:0").await.unwrap(), broker, journal)
    }

    #[tokio::test]
    async fn a_journal_that_fails_ends_the_process_with_its_cause_and_readiness_goes_first() {
        let (process, listener, broker, journal) = parts().await;
        let mut readiness = process.readiness.subscribe();
        let fail = async {
            readiness.wait_for(Readiness::is_ready).await.unwrap();
            journal.poison("fdatasync: input/output error");
        };
        let (outcome, ()) = tokio::join!(serve(&process, listener, broker, pending()), fail);
        assert!(
            matches!(&outcome, Err(RunError::JournalFailed(cause)) if cause.contains("fdatasync")),
            "{outcome:?}"
        );
        assert!(
            matches!(&*process.readiness.borrow(), Readiness::Failed(cause) if cause.contains("fdatasync"))
        );
    }

    #[tokio::test]
    async fn a_shutdown_makes_it_unready_drains_and_closes_the_journal() {
        let (process, listener, broker, _) = parts().await;
        let mut readiness = process.readiness.subscribe();
        let asked = async {
            readiness.wait_for(Readiness::is_ready).await.unwrap();
        };
        serve(&process, listener, broker.clone(), asked).await.unwrap();
        assert_eq!(*process.readiness.borrow(), Readiness::Draining);
        assert_eq!(*broker.health().borrow(), HealthState::Draining);
    }
}
