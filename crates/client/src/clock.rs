//! The one place that reads the clock, so that tests with tokio's paused time move all of it.

use tokio::time::Instant;

#[expect(
    clippy::disallowed_methods,
    reason = "a client has no clock of the broker's, and tokio's can be moved in tests"
)]
pub(crate) fn now() -> Instant {
    Instant::now()
}
