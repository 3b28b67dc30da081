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
//! One task a publisher (`task`) collects what handles have put into the inbox (`inbox`, under a lock that is held for a moment), cuts it
//! into requests, and sends them on one `PublishStream` with `stop_at_error`. Which messages have no answer yet, and whom the end of a stream
//! hits, is decided without I/O (`state`, `blame`). When a stream ends, everything without an answer is sent again from the front, so
//! the order holds; the deduplication IDs make it harmless.
//!
//! # Limits
//!
//! - An order holds between messages that have their outcome. One that was given up without an answer ([`PublishError::Unconfirmed`]) may still
//!   be stored later, behind others of its key, while the broker works on the connection that broke.
//! - At most 64 requests are on the stream; at 100,000 paused keys no message with a key is taken until one is resumed.

mod batch;
mod blame;
mod builder;
mod error;
mod future;
mod held;
mod ids;
mod inbox;
mod keys;
mod room;
mod shared;
mod state;
mod stream;
mod task;
mod wire;

use std::sync::Arc;

use fanfare_proto::v1;
use tokio::sync::watch;

pub use builder::{OnFull, PublisherBuilder};
pub use error::{MessageFate, PublishError};
pub use future::PublishFuture;

use crate::Message;
use future::InLine;
use ids::CorrelationIds;
use inbox::NotTaken;
use shared::{OrWait, Shared};
use wire::Offer;

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

impl From<v1::PublishResult> for Published {
    fn from(result: v1::PublishResult) -> Self {
        Self {
            message_id: result.message_id,
            sequence: result.sequence,
            deduplicated: result.deduplicated,
            matched_subscriptions: result.matched_subscriptions,
            correlation_id: result.correlation_id,
        }
    }
}

/// Publishes to one topic. Cheap to clone; clones share the task, its batches and its bounds.
///
/// When the last one is dropped, what was taken is still sent in the background, for as long as the runtime lives; [`shutdown`](Self::shutdown)
/// waits for it.
///
/// ```no_run
/// # async fn example(client: fanfare_client::Client) -> Result<(), Box<dyn std::error::Error>> {
/// use fanfare_client::{Message, publisher::{MessageFate, PublishError}};
///
/// let orders = client.publisher("orders").batch_messages(500).build();
/// match orders.publish(Message::new("paid").ordering_key("customer-7")).await {
///     Ok(published) => println!("stored as {}", published.message_id),
///     Err(PublishError::KeyPaused { ordering_key }) => orders.resume(&ordering_key),
///     Err(error) if error.fate() == MessageFate::NotStored => println!("not stored: {error}"),
///     Err(error) => println!("nobody knows: {error}"),
/// }
/// orders.shutdown().await;
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct Publisher(Arc<Handle>);

/// What the clones of a publisher share. Its drop ends the task when that has done its work.
#[derive(Debug)]
struct Handle {
    shared: Arc<Shared>,
    /// Messages with lower numbers have their outcomes; closed when the task has ended.
    settled_below: watch::Receiver<u64>,
    correlation_ids: CorrelationIds,
    on_full: OnFull,
    deduplicate: bool,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shared.close();
    }
}

impl Publisher {
    /// Takes a message and answers with the future of its identity.
    ///
    /// If there is room, the message is taken at once, in the order of the calls, and will be sent whether or not the future is polled. If
    /// there is none, [`OnFull`] decides: the future waits for room when it is polled (first come, first served), or fails.
    pub fn publish(&self, message: impl Into<Message>) -> PublishFuture {
        match self.shared().offer(self.prepare(message.into())) {
            Ok(future) => PublishFuture::taken(future),
            Err(NotTaken::Fails(error)) => PublishFuture::failed(error),
            Err(NotTaken::NoRoom(offer)) => match self.0.on_full {
                OnFull::Wait => PublishFuture::offered(self.clone(), offer),
                OnFull::Fail => PublishFuture::failed(PublishError::Full),
            },
        }
    }

    /// Waits for room, whatever [`OnFull`] says, and takes a message; the future of its identity is the answer. For loops that publish much and
    /// look at the results later: back-pressure is here, and the order of the calls is the order of the messages.
    ///
    /// Dropped while it waits, it takes no message. Room can come in the moment in which it is dropped, though, and then the message is
    /// sent: who stops waiting, for example in `select!`, and publishes again gives the message a deduplication ID of their own.
    ///
    /// # Errors
    /// [`PublishError::KeyPaused`], [`PublishError::ShutDown`], or [`PublishError::Refused`] for a message that is too large for every broker:
    /// the message was not taken.
    ///
    /// ```no_run
    /// # async fn example(orders: fanfare_client::publisher::Publisher) -> Result<(), Box<dyn std::error::Error>> {
    /// let mut published = Vec::new();
    /// for number in 0..100_000 {
    ///     published.push(orders.enqueue(format!("order {number}")).await?);
    /// }
    /// for message in published {
    ///     message.await?;
    /// }
    /// # Ok(()) }
    /// ```
    pub async fn enqueue(&self, message: impl Into<Message>) -> Result<PublishFuture, PublishError> {
        match self.shared().offer_or_wait(self.prepare(message.into())) {
            Ok(future) => Ok(PublishFuture::taken(future)),
            Err(OrWait::Fails(error)) => Err(error),
            Err(OrWait::Waits(waiting)) => InLine { publisher: self.clone(), waiting }.taken().await,
        }
    }

    /// Continues with an ordering key that was paused by a failure. Does nothing to one that is not paused.
    pub fn resume(&self, ordering_key: &str) {
        self.shared().inbox.lock().resume(ordering_key);
    }

    /// Continues with all ordering keys that were paused.
    pub fn resume_all(&self) {
        self.shared().inbox.lock().resume_all();
    }

    /// Sends what was taken so far without waiting for batches to fill, and waits until all of it is stored or has failed.
    pub async fn flush(&self) {
        let below = self.shared().urge();
        // It is an error when the task has ended, and then everything has its outcome.
        _ = self.0.settled_below.clone().wait_for(|settled| *settled >= below).await;
    }

    /// Takes nothing more, and waits until what was taken is stored or has failed. What waits for room fails with
    /// [`PublishError::ShutDown`]. Can be called again and by several at once.
    pub async fn shutdown(&self) {
        self.shared().close();
        let mut task = self.0.settled_below.clone();
        while task.changed().await.is_ok() {}
    }

    fn prepare(&self, message: Message) -> Offer {
        Offer::new(message, &self.0.correlation_ids, self.0.deduplicate)
    }

    fn shared(&self) -> &Shared {
        &self.0.shared
    }
}
