//! The seam under the broker: logs of records, and what an engine must promise of them.
//!
//! # What an engine promises (and `conformance` tests on every engine)
//!
//! - Positions of one log start at 1 and have no gaps. An append takes the next ones, in the order of the calls.
//! - A batch is kept whole or not at all. `Appended::durable` answers OK only once the batch, and with it every
//!   earlier batch of that log, survives a power cut.
//! - An append that is refused ([`AppendError`]) has changed nothing.
//! - A failure to make a batch durable is final: the engine is poisoned, answers every waiter with an error, takes
//!   no more appends, and says so through [`Journal::health`].
//! - What is read is what was appended, or an error that says which positions are damaged.
//! - Opening a log again fences the handle that was open before.
//!
//! Nothing here knows what a record means.

#![forbid(unsafe_code)]

mod batch;
#[cfg(any(test, feature = "testing"))]
pub mod conformance;
mod error;
pub mod memory;

use std::{pin::Pin, sync::Arc};

pub use batch::{Batch, BatchBuilder, MalformedBatch};
use bytes::Bytes;
pub use error::{AppendError, Health, JournalError, Poisoned, ReadError};
pub use memory::MemoryJournal;
use tokio::sync::{oneshot, watch};
use types::{LogId, Position, Timestamp};

/// A boxed future, so that an engine can be chosen at run time.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// An engine: a set of logs with one owner.
pub trait Journal: Send + Sync + 'static {
    /// The logs that exist, in the order of their identifiers.
    fn logs(&self) -> BoxFuture<'_, Result<Vec<LogId>, JournalError>>;

    /// Opens a log, recovering its tail, and creates it if there is none. Any earlier handle is fenced.
    ///
    /// # Errors
    /// The log cannot be read, or is damaged beyond what can be isolated.
    fn open(&self, log: LogId) -> BoxFuture<'_, Result<Arc<dyn Log>, JournalError>>;

    /// Removes a log and everything in it; removing one that does not exist is OK.
    fn delete(&self, log: LogId) -> BoxFuture<'_, Result<(), JournalError>>;

    /// Follows whether the engine still accepts and acknowledges.
    fn health(&self) -> watch::Receiver<Health>;

    /// Makes everything appended durable and releases the directory. Further appends are refused.
    fn close(&self) -> BoxFuture<'_, Result<(), JournalError>>;
}

/// One append-only log.
pub trait Log: Send + Sync + 'static {
    /// Takes the next positions for a batch, in memory, at once; what it returns tells when the batch is durable.
    /// Dropping that answer does not take the batch back. `now` is kept with the batch, for [`Log::position_at`];
    /// the engine never lets it run backwards.
    ///
    /// # Errors
    /// [`AppendError::Busy`]: no room in the buffer right now; wait for [`Log::room`] and decide again.
    fn append(&self, now: Timestamp, batch: Batch, priority: Priority) -> Result<Appended, AppendError>;

    /// Returns when an append of that many bytes has a chance. It is not a reservation.
    ///
    /// # Errors
    /// [`AppendError::OutOfSpace`] where the disk is full for this priority.
    fn room(&self, bytes: usize, priority: Priority) -> BoxFuture<'_, Result<(), AppendError>>;

    /// Follows the durable end: every position below the value is durable. The channel closes when this handle is
    /// fenced or the engine closed.
    fn tail(&self) -> watch::Receiver<Position>;

    /// Reads whole frames, the first of which holds `from`, until `max_bytes` are passed or the durable end is
    /// reached. Always one frame at least if `from` is below the durable end; empty if it is not.
    ///
    /// # Errors
    /// [`ReadError::Trimmed`] below the first kept position, [`ReadError::Corrupt`] with the damaged positions.
    fn read(&self, from: Position, max_bytes: usize) -> BoxFuture<'_, Result<Vec<Frame>, ReadError>>;

    /// The segments, oldest first; never empty. The last one is being written.
    fn segments(&self) -> Vec<Segment>;

    /// Starts a new segment, so that what is in the present one can be dropped. Does nothing if the present one is empty.
    fn seal(&self) -> BoxFuture<'_, Result<(), JournalError>>;

    /// The first position of the first frame that was appended at `at` or later; the durable end if there is none.
    fn position_at(&self, at: Timestamp) -> BoxFuture<'_, Result<Position, ReadError>>;

    /// Drops whole segments below `below`, but none that the two latest checkpoints still need, and never the
    /// one being written. With fewer than two checkpoints nothing is dropped: the beginning of the log stands in
    /// for the one that is missing. Returns the first position kept.
    fn trim(&self, below: Position) -> BoxFuture<'_, Result<Position, JournalError>>;

    /// Keeps a checkpoint, durably, beside the one before it. The log is durable below everything that the
    /// checkpoint speaks of before the checkpoint is.
    fn save_checkpoint(&self, checkpoint: Checkpoint) -> BoxFuture<'_, Result<(), JournalError>>;

    /// The latest checkpoint that is whole.
    ///
    /// # Errors
    /// There are checkpoints, none is whole, and the log does not go back to its beginning.
    fn load_checkpoint(&self) -> BoxFuture<'_, Result<Option<Checkpoint>, JournalError>>;
}

/// What an append is for, which decides who gets the last space on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Priority {
    /// New messages: refused first when the disk is nearly full.
    Publish,
    /// Acks, failures, dead letters, settings: they go on from a reserve, because they free space.
    State,
}

/// A batch's place, and when it is durable.
#[derive(Debug)]
#[must_use = "an append is not durable before `durable` says so"]
pub struct Appended {
    /// Position of the batch's first record.
    pub first: Position,
    /// Answers when the batch is durable, or that it never will be.
    pub durable: Durable,
}

/// Answers when a batch is durable.
#[derive(Debug)]
#[must_use = "an append is not durable before this says so"]
pub struct Durable(oneshot::Receiver<Result<(), Poisoned>>);

impl Durable {
    /// An answer and the engine's side of it.
    pub fn channel() -> (oneshot::Sender<Result<(), Poisoned>>, Self) {
        let (sender, receiver) = oneshot::channel();
        (sender, Self(receiver))
    }

    /// Waits for the answer.
    ///
    /// # Errors
    /// The batch is not known to be durable and must not be acknowledged.
    pub async fn wait(self) -> Result<(), Poisoned> {
        self.0.await.unwrap_or_else(|_| Err(Poisoned::new("the engine stopped")))
    }
}

/// A batch as it was read.
#[derive(Debug, Clone)]
pub struct Frame {
    /// Position of its first record.
    pub first: Position,
    /// When it was appended, as the appender said.
    pub at: Timestamp,
    /// Its records.
    pub batch: Batch,
}

impl Frame {
    /// The position after its last record.
    pub fn end(&self) -> Position {
        self.first + u64::from(self.batch.count())
    }
}

/// A run of positions that is dropped as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    /// First position in it.
    pub first: Position,
    /// The position after its last one.
    pub end: Position,
    /// Bytes of what is in it, as it is stored; not what the engine has taken ahead for what is to come.
    pub bytes: u64,
    /// Nothing in it was appended later than this; for the segment being written, later than its last append.
    pub newest: Timestamp,
}

/// The state of whatever the log describes, so that recovery need not start at the beginning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Recovery reads the log from here.
    pub replay_from: Position,
    /// Every position below this is reflected in the state or is in the log from `replay_from` on; the log must be
    /// durable up to here before the checkpoint may be.
    pub as_of: Position,
    /// The state.
    pub state: Bytes,
}
