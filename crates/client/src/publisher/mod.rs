//! Publishing to a topic.
//!
//! # Promises
//!
//! - The future of a message is ready when the message is on the broker's disk (or refused, or given up), and says which.
//! - A retry stores nothing twice: each message without a deduplication ID gets one (`{random}-{number}`), and what may have been stored is
//!   sent again under the same one, within the topic's `deduplication_window`.
//! - Messages with the same ordering key are stored in the order in which they were taken, through retries and reconnections. If one fails for
//!   good, its key is paused: what is behind it fails too, until [`Publisher::resume`].
//! - At most [`PublisherBuilder::max_outstanding_messages`] and `_bytes` are held.
//!
//! # How
//!
//! One task a publisher owns everything: it makes batches, sends them on one `PublishStream` with `stop_at_error`, and knows which are not
//! answered. Handles put messages into its inbox under a lock that is held for a moment.

mod builder;
mod error;
mod future;

pub use builder::{OnFull, PublisherBuilder};
pub use error::{MessageFate, PublishError};
pub use future::PublishFuture;

use crate::{Message, connect::Lines};

/// What the broker says of a message that it has stored.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Published {
    /// The message's identity: 26 characters, sorting in the order of acceptance in the topic.
    pub message_id: String,
    /// The message's number in its topic: increasing, with gaps.
    pub sequence: u64,
    /// Nothing was stored now, because a message with the same deduplication ID was stored before. After a retry this can be the first
    /// try's own message.
    pub deduplicated: bool,
    /// Subscriptions that get it; 0 if it was deduplicated.
    pub matched_subscriptions: u32,
    /// Its correlation ID.
    pub correlation_id: String,
}

/// Publishes to one topic. Cheap to clone; clones share the task, its batches and its bounds.
///
/// When the last one is dropped, what was taken is still sent in the background, for as long as the runtime lives; [`shutdown`](Self::shutdown)
/// waits for it.
#[derive(Debug, Clone)]
pub struct Publisher {
    #[expect(dead_code, reason = "to come")]
    lines: Lines,
}

impl Publisher {
    /// Takes a message and answers with the future of its identity.
    ///
    /// If there is room, the message is taken at once, in the order of the calls, and will be sent whether or not the future is polled. If
    /// there is none, [`OnFull`] decides: the future waits for room when it is polled (first come, first served), or fails.
    pub fn publish(&self, message: impl Into<Message>) -> PublishFuture {
        let _ = message.into();
        todo!()
    }

    /// Waits for room and takes a message; the future of its identity is the answer. For loops that publish much and look at the results later:
    /// back-pressure is here, and the order of the calls is the order of the messages.
    ///
    /// # Errors
    /// [`PublishError::KeyPaused`], [`PublishError::ShutDown`]: the message was not taken.
    pub async fn enqueue(&self, message: impl Into<Message>) -> Result<PublishFuture, PublishError> {
        let _ = message.into();
        todo!()
    }

    /// Continues with an ordering key that was paused by a failure.
    pub fn resume(&self, ordering_key: &str) {
        let _ = ordering_key;
        todo!()
    }

    /// Sends what was taken so far without waiting for batches to fill, and waits until all of it is stored or has failed.
    pub async fn flush(&self) {
        todo!()
    }

    /// Takes nothing more, and waits until what was taken is stored or has failed.
    pub async fn shutdown(&self) {
        todo!()
    }
}
