//! The thread on which a broker lives, with a runtime of its own whose timers follow the test's clock.
//!
//! # Invariants
//!
//! - The runtime's time never moves by itself: tokio puts a paused clock forward when a runtime is idle, save while a blocking task is under way,
//!   so one is.
//! - The broker's clock and the runtime's timers are put forward together, with nothing running in between.
//! - When the host is gone, so is all of its broker: tasks, connections, port.

use std::{net::TcpListener, sync::mpsc, thread, time::Duration};

use broker::Broker;
use tokio::{
    runtime::{Builder, Runtime},
    sync::{mpsc as queue, oneshot},
};

use super::{advance::advance, clock::Pace, parts::Parts};

/// Commands that wait: a test gives few at a time.
const COMMANDS: usize = 16;

/// Something to be done on the broker's thread.
enum Command {
    Advance(Duration, oneshot::Sender<Result<(), String>>),
}

/// A broker that runs.
#[derive(Debug)]
pub(super) struct Host {
    commands: queue::Sender<Command>,
    pub(super) broker: Broker,
    thread: Option<thread::JoinHandle<()>>,
}

impl Host {
    pub(super) async fn start(parts: Parts, listener: TcpListener) -> Result<Self, String> {
        let (commands, given) = queue::channel(COMMANDS);
        let (started, starts) = oneshot::channel();
        let body = move || live(parts, listener, given, started);
        let thread = thread::Builder::new().name("fanfare-broker".to_owned()).spawn(body);
        let thread = Some(thread.map_err(|error| error.to_string())?);
        let broker = starts.await.map_err(|_| "it ended while it was starting".to_owned())??;
        Ok(Self { commands, broker, thread })
    }

    pub(super) async fn advance(&self, by: Duration) -> Result<(), String> {
        let gone = || "it has ended".to_owned();
        let (done, is_done) = oneshot::channel();
        self.commands.send(Command::Advance(by, done)).await.map_err(|_| gone())?;
        is_done.await.map_err(|_| gone())?
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let (closed, _) = queue::channel(1);
        self.commands = closed;
        // It waits for nothing but its own tasks to be dropped. If it panicked, whoever waited for it was told.
        _ = self.thread.take().map(thread::JoinHandle::join);
    }
}

type Started = oneshot::Sender<Result<Broker, String>>;

/// The thread: from the start to the end of the broker.
fn live(parts: Parts, listener: TcpListener, given: queue::Receiver<Command>, started: Started) {
    let pace = parts.clock.pace;
    let runtime = Builder::new_current_thread().enable_all().start_paused(pace == Pace::Still).build();
    match runtime {
        Ok(runtime) => {
            runtime.block_on(serve(&runtime, parts, listener, given, started));
            runtime.shutdown_background();
        }
        Err(error) => _ = started.send(Err(error.to_string())),
    }
}

async fn serve(
    runtime: &Runtime,
    parts: Parts,
    listener: TcpListener,
    mut given: queue::Receiver<Command>,
    started: Started,
) {
    let (_until_the_end, ends) = mpsc::channel::<()>();
    // Holds the runtime's time as long as it waits.
    runtime.spawn_blocking(move || ends.recv());
    let clock = parts.clock.clone();
    let broker = match parts.start(listener).await {
        Ok(broker) => broker,
        Err(error) => {
            _ = started.send(Err(error));
            return;
        }
    };
    if started.send(Ok(broker.clone())).is_err() {
        return;
    }
    while let Some(Command::Advance(by, done)) = given.recv().await {
        _ = done.send(advance(&broker, &clock, by).await);
    }
}
