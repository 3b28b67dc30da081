use std::sync::Arc;

use types::Position;

/// Whether the engine still accepts and acknowledges.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// Everything works.
    Healthy,
    /// The disk is nearly full: publishes are refused, everything else goes on. Ends by itself.
    OutOfSpace,
    /// A durability failure. Final for this process.
    Poisoned(Poisoned),
}

/// Why the engine stopped acknowledging.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the journal stopped for good: {0}")]
pub struct Poisoned(Arc<str>);

impl Poisoned {
    /// With the first cause.
    pub fn new(cause: impl Into<Arc<str>>) -> Self {
        Self(cause.into())
    }
}

/// Why an append was refused. Nothing was written, no position was taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// The buffer is full; there will be room.
    #[error("the log's write buffer is full")]
    Busy,
    /// The batch can never fit.
    #[error("the batch has {bytes} bytes, the limit is {limit}")]
    TooLarge {
        /// What it has.
        bytes: usize,
        /// What fits.
        limit: usize,
    },
    /// The disk is nearly full; space may come back.
    #[error("the disk is nearly full")]
    OutOfSpace,
    /// The log was opened again elsewhere, or deleted.
    #[error("this handle of the log was fenced")]
    Fenced,
    /// Final.
    #[error(transparent)]
    Poisoned(#[from] Poisoned),
}

/// Why a read gave nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// Retention has dropped the position.
    #[error("positions before {first} are no longer kept")]
    Trimmed {
        /// The first position that is.
        first: Position,
    },
    /// Positions `from..to` are damaged; what follows can be read.
    #[error("positions {from} to {to} (exclusive) are damaged")]
    Corrupt {
        /// First damaged position.
        from: Position,
        /// First readable position after it.
        to: Position,
    },
    /// The log was opened again elsewhere, or deleted.
    #[error("this handle of the log was fenced")]
    Fenced,
    /// The operating system's answer.
    #[error("read failed: {0}")]
    Io(Arc<str>),
}

/// Why an operation on the engine as a whole failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JournalError {
    /// Another process holds the directory.
    #[error("{0} is in use by another process")]
    Locked(Arc<str>),
    /// Written by a newer release; nothing was changed.
    #[error("{file} has format version {found}, this release reads up to {known}")]
    NewerFormat {
        /// Which file.
        file: Arc<str>,
        /// Its version.
        found: u32,
        /// The latest one known here.
        known: u32,
    },
    /// Damaged in a way that cannot be isolated; nothing was changed.
    #[error("{file}: {what}")]
    Damaged {
        /// Which file.
        file: Arc<str>,
        /// What is wrong with it.
        what: Arc<str>,
    },
    /// The log was opened again elsewhere, or deleted.
    #[error("this handle of the log was fenced")]
    Fenced,
    /// Final.
    #[error(transparent)]
    Poisoned(#[from] Poisoned),
    /// The operating system's answer.
    #[error("{0}")]
    Io(Arc<str>),
}
