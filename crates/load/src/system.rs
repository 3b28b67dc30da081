use anyhow::Result;
use bytes::Bytes;

/// A messaging system under test, reached as its users reach it: by its client library, over loopback.
///
/// A topic is published to once and every subscription of it gets its own copy of every message, durably. The system's acknowledgement of a
/// publish means what its configuration says it means.
pub trait System: Clone + Send + Sync + 'static {
    /// Publishes to one topic.
    type Publisher: Publisher;
    /// What came of what it published.
    type Receipts: Receipts;
    /// Consumes one subscription.
    type Subscriber: Subscriber;

    /// Creates a topic with its subscriptions. Both are new.
    fn create(&self, topic: &str, subscriptions: &[String]) -> impl Future<Output = Result<()>> + Send;

    /// A publisher of this topic, and where its acknowledgements come.
    fn publisher(
        &self,
        topic: &str,
    ) -> impl Future<Output = Result<(Self::Publisher, Self::Receipts)>> + Send;

    /// The one consumer of this subscription.
    fn subscriber(
        &self,
        topic: &str,
        subscription: &str,
    ) -> impl Future<Output = Result<Self::Subscriber>> + Send;
}

/// Publishes, as fast as the client library takes it.
pub trait Publisher: Send + 'static {
    /// Hands one message over. It may wait in a batch until [`flush`](Self::flush).
    fn send(&mut self, body: Bytes) -> impl Future<Output = Result<()>> + Send;

    /// Nothing more is sent for a while: what waits goes out.
    fn flush(&mut self) -> impl Future<Output = Result<()>> + Send;
}

/// The acknowledgements of a [`Publisher`].
pub trait Receipts: Send + 'static {
    /// Waits until messages are acknowledged, in the order in which they were sent: how many, at least one. A message that was refused is an error.
    fn next(&mut self) -> impl Future<Output = Result<usize>> + Send;
}

/// Consumes and settles.
pub trait Subscriber: Send + 'static {
    /// Waits for messages, at least one, and appends them.
    fn receive(&mut self, into: &mut Vec<Bytes>) -> impl Future<Output = Result<()>> + Send;

    /// Settles all that was received since the last call. Need not wait for the system's confirmation.
    fn settle(&mut self) -> impl Future<Output = Result<()>> + Send;

    /// Ends consuming, once every settlement has reached the system and, where it confirms them, is confirmed.
    fn finish(self) -> impl Future<Output = Result<()>> + Send;
}

/// A system that can be called with one message, and answers when that is acknowledged.
pub trait UnarySystem: Clone + Send + Sync + 'static {
    /// Makes one call after the other.
    type Caller: Caller;

    /// Creates a topic, which is new, without subscriptions.
    fn create(&self, topic: &str) -> impl Future<Output = Result<()>> + Send;

    /// The caller of this number, from 0; calls are concurrent by having several callers.
    fn caller(&self, topic: &str, number: usize) -> impl Future<Output = Result<Self::Caller>> + Send;
}

/// See [`UnarySystem`].
pub trait Caller: Send + 'static {
    /// Publishes one message. A message that was refused is an error.
    fn call(&mut self, body: Bytes) -> impl Future<Output = Result<()>> + Send;
}
