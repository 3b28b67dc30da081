//! The one place that reads the clocks: tokio's, which tests with paused time move, and the wall's, which only signatures look at.

use std::time::Duration;

use tokio::time::Instant;

/// As good as never, and an instant still.
pub(crate) const AGES: Duration = Duration::from_secs(30 * 365 * 24 * 60 * 60);

#[expect(
    clippy::disallowed_methods,
    reason = "a client has no clock of the broker's, and tokio's can be moved in tests"
)]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// That much later. What no instant can say, for example after [`Duration::MAX`], is in [`AGES`].
pub(crate) fn after(instant: Instant, duration: Duration) -> Instant {
    instant.checked_add(duration.min(AGES)).unwrap_or(instant)
}

/// Seconds since 1970.
#[cfg(feature = "push")]
#[expect(clippy::disallowed_methods, reason = "when a push was signed is a time of the wall clock")]
pub(crate) fn unix_seconds() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::SystemTime::UNIX_EPOCH);
    since.unwrap_or_default().as_secs()
}
