//! The one place that reads the clocks: tokio's, which tests with paused time move, and the wall's, which only signatures look at.

use tokio::time::Instant;

#[expect(
    clippy::disallowed_methods,
    reason = "a client has no clock of the broker's, and tokio's can be moved in tests"
)]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Seconds since 1970.
#[cfg(feature = "push")]
#[expect(clippy::disallowed_methods, reason = "when a push was signed is a time of the wall clock")]
pub(crate) fn unix_seconds() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::SystemTime::UNIX_EPOCH);
    since.unwrap_or_default().as_secs()
}
