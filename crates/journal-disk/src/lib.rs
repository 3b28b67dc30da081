//! The embedded engine: each log is a directory of segment files, committed in groups.
//!
//! # Invariants
//!
//! - Nothing is acknowledged before the `fdatasync` that covers it has returned (unless
//!   [`Durability::Interval`] was asked for).
//! - Every byte that is trusted was checked by CRC32C. Nothing but [`StdFs`] touches the operating system.
//! - A batch is accepted only into space that zeros were written to, so a full disk never interrupts a write.
//! - A failed write or sync is final: the engine is poisoned and tries nothing again.
//! - A torn tail is cut off and counted. Damage in what was durable is reported and isolated, never cut off.
//! - Every file says its version; a newer one is refused without writing a byte.
//! - No directory or file counts before it has its final name, and it gets that only when it is whole and synced.
//!
//! # Limits
//!
//! - A batch: 16 MiB. Pending batches of one log: 32 MiB. A segment: 64 MiB and what was pending. All configurable.
//! - A frame header is 68 bytes, a mark between groups the same.
//! - A log that is not in use takes 64 KiB of disk. The reserve takes 16 MiB.
//! - Recovery reads the last segment of a log and the headers of the others, whatever the log's size.
//!
//! The bytes are in docs/STORAGE_FORMAT.md.

#![forbid(unsafe_code)]

mod blocking;
mod checkpoint;
mod commit;
mod config;
mod disk_journal;
mod engine;
mod extend;
mod format;
pub mod fs;
#[cfg(feature = "testing")]
pub mod fuzzing;
mod handle;
mod index;
mod jobs;

mod log;
mod names;
mod reader;
mod recovery;
mod reserve;
mod scan;
mod segment;
mod stats;
mod upkeep;

pub use config::{Config, Durability};
pub use disk_journal::DiskJournal;
pub use fs::{FileSystem, StdFs};
pub use stats::Stats;
