//! Consuming a subscription.
//!
//! # Promises
//!
//! - While a message is held, its lease is extended, up to [`SubscriberBuilder::max_lease`] from its delivery. No clocks are compared: a lease
//!   counts from when its message came, and is extended when half of it is over.
//! - What is dropped without being settled is given back (nacked) at once, so that it is not lost until the lease's end.
//! - A settlement is sent whether or not its future is awaited; the future says whether the broker has made it durable.
//! - After a broken connection what is held stays held and is settled on the next one. If the broker delivers it again meanwhile, because it
//!   was restarted or the lease ran out, the new lease takes the place of the old one and the message is not handed out a second time. What was
//!   settled and not confirmed is settled again, under the new lease if there is one.
//! - On an `ordered` subscription the broker delivers the next message of a key when the one before is settled; different keys are handled in
//!   parallel.
//!
//! # Limits
//!
//! - At most [`SubscriberBuilder::max_outstanding_messages`] and `_bytes` are delivered on one connection and not settled. What is held is never
//!   more than twice as many messages: those of the connection before come on top, and those whose lease was not extended any further. A message
//!   beyond that is given back with the length of a lease as its delay, which counts as an attempt.
//! - Settlements that wait are as many as handles were. 8 requests at most are on their way, each of 100,000 acknowledgements by number and of
//!   10,000 settlements and extensions by ack ID at most.
//! - A subscription's `ack_deadline` is read when a connection is made. One that is shortened meanwhile to less than half of what it was has
//!   its effect on extensions at the next connection; until then messages that are held long may be delivered again.
//!
//! - A message shares the buffer of the answer that it came in (1 MiB mostly) with its neighbours, as long as any of them is kept.
//!
//! # How it is made
//!
//! `numbered` (what came on the open connection, as long as all goes well: it is acknowledged by its number, in ranges; its `row`s are found by their `spans`), `leases` (what is held
//! for longer, when to extend it) and `settling` (what is settled by ack ID and not confirmed) are pure, `book` joins them to what one stream is
//! asked and answers, `session` is the task, `drain` its end, `transport` the stream, `wire` what is decoded of it. A `block` is what the handles
//! of messages that were leased together share with the session; they post into it and the `outbox`, and wait for nothing.

mod block;
mod book;
mod builder;
mod delivery;
mod drain;
mod error;
mod fetched;
mod fields;
mod incoming;
mod leases;
mod numbered;
mod outbox;
mod row;
mod run;
mod session;
mod settler;
mod settling;
mod spans;
mod stream;
mod transport;
mod wire;

pub use builder::{OnShutdown, SubscriberBuilder};
pub use delivery::{AckHandle, Delivery, Settled};
pub use error::{AckError, ConsumeError};
pub use run::{Run, Verdict};
pub use settler::{SettleError, SettleOutcome, Settler};
pub use stream::MessageStream;
