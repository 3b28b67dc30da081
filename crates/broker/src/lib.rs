//! Topics, fan-out, subscriptions, recovery and retention over a [`journal::Journal`]; the [`Broker`] handle.
//!
//! # Invariants
//!
//! - Locks are taken in the order catalog, topic, subscription, log or endpoints, and none is held across an await.
//! - Nothing is visible to a subscriber before it is durable, and nothing is answered OK before it is durable.
//! - State in memory changes only after the log has taken the record that says so, under the same lock.
//! - No task and no timer per subscription: consumers do the work on their own tasks; one task a topic follows the log,
//!   one task for the whole broker minds deadlines, one does upkeep (checkpoints, retention, unused subscriptions).
//! - It knows no wire format: a message's payload is bytes.

#![forbid(unsafe_code)]

mod background;
mod cache;
mod catalog;
mod config;
mod contents;
mod deadlines;
mod decoded;
mod deduplication;
mod error;
mod filters;
#[cfg(feature = "testing")]
pub mod fuzzing;
mod handle;
mod info;
mod push;
mod record;
mod route;
mod shared;
mod subscription;
mod subscriptions;
mod survey;
mod time;
mod topic;
mod topics;

pub use config::Config;
pub use contents::{PlainBodies, ReadContent};
pub use error::{
    AttemptsError, ConfirmError, ConsumeError, CreateSubscriptionError, CreateTopicError, DeleteTopicError,
    JoinPushError, OpenError, Outcome, PublishError, SeekError, SettleError, SubscriptionNotFound,
    TestFilterError, TopicNotFound, Unavailable, UpdateSubscriptionError, UpdateTopicError,
};
pub use filters::{PolicyInForce, Verdict};
pub use info::{
    BacklogAction, Delivery, DeliveryBlock, FilterStats, HealthState, NewMessage, Page, Paged, Published,
    SeekTo, StartPosition, SubscriptionInfo, SubscriptionStats, TopicInfo, TopicStats, Totals, Updated,
};

pub use handle::Broker;
pub use push::{AssignedEndpoint, CheckEndpoint, PushFigures, PushRole, PushWorker};
pub use queue::{Ask, Counts, DeadLetter, Failure, FailureCause, LeaseError, LeaseRun};
pub use subscription::{Consumer, Settling, Subscriber};
pub use topics::Accepted;
