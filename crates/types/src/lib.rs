//! The words every other crate shares: names, identifiers, settings, limits and time.
//!
//! Plain data and the rules that make it valid. Nothing here does I/O, knows a wire format or waits;
//! the one exception is [`SystemClock`], which the shells hand to everything else as an argument.

#![forbid(unsafe_code)]

mod clock;
mod ids;
mod invalid;
pub mod limits;
mod message;
mod names;
pub mod push;
mod retry;
mod settings;
mod timestamp;

pub use clock::{Clock, ManualClock, SystemClock};
pub use ids::{AckId, LeaseId, LogId, MalformedId, MessageId, Position, Sequence, SubscriptionUid};
pub use invalid::Invalid;
pub use message::{KeyHash, MessageMeta};
pub use names::{ProjectId, SubscriptionName, TopicName};
pub use retry::{BackoffShape, ExponentialBackoff, PhasedBackoff, RetryPolicy};
pub use settings::{
    ByteLimitAction, ExhaustedAction, FilterPolicy, FilterScope, Labels, RetentionPolicy,
    SubscriptionSettings, TopicSettings,
};
pub use timestamp::Timestamp;
