//! Consuming a subscription.
//!
//! # Promises
//!
//! - While a message is held, its lease is extended, up to [`SubscriberBuilder::max_lease`] from its delivery.
//! - What is dropped without being settled is given back (nacked) at once, so that it is not lost until the lease's end.
//! - A settlement is sent whether or not its future is awaited; the future says whether the broker has made it durable.
//! - After a broken connection what is held stays held and is settled on the next one. If the broker delivers it again meanwhile, because it
//!   was restarted, the new lease takes the place of the old one and the message is not handed out a second time.
//! - On an `ordered` subscription the broker delivers the next message of a key when the one before is settled; different keys are handled in
//!   parallel.
//! - At most [`SubscriberBuilder::max_outstanding_messages`] and `_bytes` are held.

mod book;
mod builder;
mod delivery;
mod drain;
mod error;
mod leases;
mod outbox;
mod run;
mod session;
mod settler;
mod settling;
mod stream;
mod transport;

pub use builder::{OnShutdown, SubscriberBuilder};
pub use delivery::{AckHandle, Delivery, Settled};
pub use error::{AckError, ConsumeError};
pub use run::{Run, Verdict};
pub use settler::{SettleError, SettleOutcome, Settler};
pub use stream::MessageStream;
