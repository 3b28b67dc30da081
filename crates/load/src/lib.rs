//! Workloads for messaging systems, and how they are measured.
//!
//! A [`System`] says how a system's own client library publishes, consumes and settles. Everything else (what is sent and when, what counts as
//! done, what is timed, what is checked) is the same code for each: the modules of [`workload`].

mod body;
mod fanfare;
mod latency;
mod ledger;
mod outcome;
mod system;
pub mod workload;

pub use body::{Body, Clock, SMALLEST_BODY};
pub use fanfare::Fanfare;
pub use latency::Latency;
pub use ledger::Ledger;
pub use outcome::{Correctness, Outcome, Percentiles};
pub use system::{Publisher, Receipts, Subscriber, System};
