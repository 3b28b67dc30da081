//! The correlation ID under which something is being done, so that what follows from a message carries the same one.
//!
//! While a handler of [`SubscriberBuilder::run`](crate::subscriber::SubscriberBuilder::run) or of an endpoint in `push` handles a message, the message's
//! correlation ID is the current one, and what the handler publishes gets it. Tasks that the handler spawns do not inherit it: wrap them in
//! [`scope`].

use std::{future::Future, sync::Arc};

tokio::task_local! {
    static CURRENT: Arc<str>;
}

/// The correlation ID that messages get which have none of their own.
pub fn current() -> Option<Arc<str>> {
    CURRENT.try_with(Arc::clone).ok()
}

/// Runs a future under a correlation ID: 1 to 128 visible ASCII characters; the broker refuses messages with another one.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// use fanfare_client::correlation;
///
/// let seen = correlation::scope("checkout-4711", async { correlation::current() }).await;
/// assert_eq!(seen.as_deref(), Some("checkout-4711"));
/// # }
/// ```
pub async fn scope<F: Future>(id: impl Into<Arc<str>>, future: F) -> F::Output {
    CURRENT.scope(id.into(), future).await
}
