//! A journal whose work is done while it is polled.
//!
//! The disk engine hands blocking work to the runtime it finds, and that runtime's threads finish when they like. Polled on a thread that
//! knows of no runtime, the engine does the work at once, so that a run is a function of its seed.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use journal::{
    AppendError, Appended, Batch, BoxFuture, Checkpoint, Frame, Health, Journal, JournalError, Log, Priority,
    ReadError, Segment,
};
use tokio::sync::watch;
use types::{LogId, Position, Timestamp};

/// See the module.
#[derive(Debug)]
pub(crate) struct Elsewhere<J>(pub(crate) Arc<J>);

struct ElsewhereLog(Arc<dyn Log>);

struct Polled<'a, T>(BoxFuture<'a, T>);

impl<T: Send> Future for Polled<'_, T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        let (future, waker) = (self.0.as_mut(), context.waker());
        std::thread::scope(|scope| {
            let polled = scope.spawn(|| future.poll(&mut Context::from_waker(waker)));
            polled.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }
}

fn elsewhere<'a, T: Send + 'a>(future: BoxFuture<'a, T>) -> BoxFuture<'a, T> {
    Box::pin(Polled(future))
}

impl<J: Journal> Journal for Elsewhere<J> {
    fn logs(&self) -> BoxFuture<'_, Result<Vec<LogId>, JournalError>> {
        elsewhere(self.0.logs())
    }

    fn open(&self, log: LogId) -> BoxFuture<'_, Result<Arc<dyn Log>, JournalError>> {
        let opening = elsewhere(self.0.open(log));
        Box::pin(async {
            let log: Arc<dyn Log> = Arc::new(ElsewhereLog(opening.await?));
            Ok(log)
        })
    }

    fn delete(&self, log: LogId) -> BoxFuture<'_, Result<(), JournalError>> {
        elsewhere(self.0.delete(log))
    }

    fn health(&self) -> watch::Receiver<Health> {
        self.0.health()
    }

    fn close(&self) -> BoxFuture<'_, Result<(), JournalError>> {
        elsewhere(self.0.close())
    }
}

impl Log for ElsewhereLog {
    fn append(&self, now: Timestamp, batch: Batch, priority: Priority) -> Result<Appended, AppendError> {
        self.0.append(now, batch, priority)
    }

    fn room(&self, bytes: usize, priority: Priority) -> BoxFuture<'_, Result<(), AppendError>> {
        elsewhere(self.0.room(bytes, priority))
    }

    fn tail(&self) -> watch::Receiver<Position> {
        self.0.tail()
    }

    fn read(&self, from: Position, max_bytes: usize) -> BoxFuture<'_, Result<Vec<Frame>, ReadError>> {
        elsewhere(self.0.read(from, max_bytes))
    }

    fn segments(&self) -> Vec<Segment> {
        self.0.segments()
    }

    fn seal(&self) -> BoxFuture<'_, Result<(), JournalError>> {
        elsewhere(self.0.seal())
    }

    fn position_at(&self, at: Timestamp) -> BoxFuture<'_, Result<Position, ReadError>> {
        elsewhere(self.0.position_at(at))
    }

    fn trim(&self, below: Position) -> BoxFuture<'_, Result<Position, JournalError>> {
        elsewhere(self.0.trim(below))
    }

    fn save_checkpoint(&self, checkpoint: Checkpoint) -> BoxFuture<'_, Result<(), JournalError>> {
        elsewhere(self.0.save_checkpoint(checkpoint))
    }

    fn load_checkpoint(&self) -> BoxFuture<'_, Result<Option<Checkpoint>, JournalError>> {
        elsewhere(self.0.load_checkpoint())
    }
}
