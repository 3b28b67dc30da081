//! Workloads for messaging systems, and how they are measured.
//!
//! A [`System`] says how a system's own client library publishes, consumes and settles. Everything else (what is sent and when, what counts as
//! done, what is timed, what is checked) is the same code for each: the modules of [`workload`]. What only Fanfare can be asked is in [`own`].
//!
//! # Invariants
//!
//! - A run ends: with an [`Outcome`] when every message has come, with an error when the system reports one, or when nothing has moved for
//!   [`STALL`]. An error ends all tasks of the run.
//! - A latency at a fixed rate counts from when the message was due, not from when the sender got round to it.
//! - What was published is known before it is sent (indices from 0), so what is missing, duplicate or out of order is counted exactly. A duplicate
//!   that comes after the last message that was waited for is not seen.

#![forbid(unsafe_code)]

mod body;
mod fanfare;
mod latency;
mod ledger;
mod outcome;
pub mod own;
mod pace;
mod progress;
mod system;
mod waiting;
pub mod workload;

pub use body::{Body, Clock, SMALLEST_BODY};
pub use fanfare::Fanfare;
pub(crate) use latency::Latency;
pub(crate) use ledger::Ledger;
pub use outcome::{Correctness, Outcome, Percentiles, thousands};
pub use own::FanfareUnary;
pub use progress::{Expected, Progress, STALL};
pub use system::{Caller, Publisher, Receipts, Subscriber, System, UnarySystem};
pub use waiting::{Sent, Waiting, take_ready, waiting};
pub use workload::Workload;
