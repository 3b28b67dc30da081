//! One subscription's rules as a state machine over its topic's log. It does no I/O, reads no clock and no
//! random source, takes no lock and never waits: time comes in as an argument.
//!
//! # Two kinds of change
//!
//! - *Durable*: settle, fail, dead-letter, drop, expire, seek, pause. [`Queue`]'s `decide_*` methods look and
//!   return a [`Record`], changing nothing; the caller appends it to the log and then calls [`Queue::apply`].
//!   Applying the log's records again after a crash gives the same state.
//! - *Volatile*: reading on, leasing, extending, releasing, waking. They happen at once and a crash forgets them, which costs
//!   a redelivery and no attempt.
//!
//! # Invariants
//!
//! [`Queue::assert_invariants`] checks them, and the tests call it after every step.
//!
//! - Every message below the cursor is settled, in the window, or a dead letter; never two of these.
//! - With ordering on, of the messages with one key only the oldest in the window can be ready or leased.
//! - A message enters the dead-letter store at most once, by one record, with its failed attempts.
//! - Nothing is leased at or above the delivery mark, so after a crash what is above was certainly never delivered.
//! - `apply` is total: it takes any record in any state, and one about a settled message does nothing.
//!
//! # Limits
//!
//! The window holds at most [`types::limits::WINDOW_MESSAGES`] messages and the store at most
//! [`types::limits::DEAD_LETTERS`]; a message remembers [`types::limits::ATTEMPT_HISTORY`] failures. Timers and heaps
//! are bounded by the window. An idle queue is less than 1 KiB and holds nothing on the heap.
//!
//! # Where to begin
//!
//! `record` (what is durable), `queue` (what it consists of), `state` (how a message moves), then `decide`, `report`
//! and `apply`. `window`, `backlog`, `timers`, `ordering`, `ranges` and `failures` are leaves that know little of others.

#![forbid(unsafe_code)]

mod apply;
mod backlog;
mod counts;
mod dead_letter;
mod decide;
mod failures;
mod invariants;
mod lease;
mod ordering;
mod queue;
mod ranges;
mod record;
mod report;
mod retry;
mod snapshot;
mod state;
mod timers;
mod window;

pub use counts::Counts;
pub use lease::{Ask, LeaseError, LeaseRef, LeaseRun, Leased, LeasedRun};
pub use queue::{Offer, Queue};
pub use record::{DeadLetter, ExpiryReason, Failure, FailureCause, Record};
pub use report::{Decided, Report};
pub use snapshot::Snapshot;
