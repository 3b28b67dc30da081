//! The one place of the demo that reads the monotonic clock.

use tokio::time::Instant;

#[expect(
    clippy::disallowed_methods,
    reason = "a demo shows how long things take, and tokio's clock can be moved in tests"
)]
pub(super) fn now() -> Instant {
    Instant::now()
}
