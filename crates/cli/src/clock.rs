//! The one place that reads the clock, to say how old something is.

use std::time::{Duration, SystemTime};

#[expect(clippy::disallowed_methods, reason = "a person wants to know how long ago by their own clock")]
pub(crate) fn now() -> SystemTime {
    SystemTime::now()
}

/// Time since then; none if it is not over yet by this machine's clock.
pub(crate) fn since(time: SystemTime) -> Duration {
    now().duration_since(time).unwrap_or_default()
}
