//! The one place of the demo that reads the clock.

use std::time::SystemTime;

use tokio::time::Instant;

#[expect(
    clippy::disallowed_methods,
    reason = "a demo shows how long things take, and tokio's clock can be moved in tests"
)]
pub(super) fn now() -> Instant {
    Instant::now()
}

/// By which the broker says when a message was accepted; it runs on the same machine.
#[expect(clippy::disallowed_methods, reason = "what is compared is the broker's own wall clock")]
pub(super) fn wall() -> SystemTime {
    SystemTime::now()
}
