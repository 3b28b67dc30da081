use std::time::Duration;

use tokio::time::Instant;
use types::{Clock, Timestamp};

/// Time since an endpoint's task began, which the gates count in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    /// Begins.
    #[expect(
        clippy::disallowed_methods,
        reason = "a shell: waits are the runtime's, so their measure is too"
    )]
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    /// Since then.
    pub(crate) fn now(&self) -> Duration {
        self.0.elapsed()
    }

    /// When it shows that.
    pub(crate) fn at(&self, time: Duration) -> Instant {
        self.0 + time.min(Duration::from_secs(1 << 31))
    }

    /// The same on the wall.
    pub(crate) fn on_wall(&self, clock: &dyn Clock, time: Duration) -> Timestamp {
        let now = self.now();
        if time >= now { clock.now().plus(time - now) } else { clock.now().minus(now - time) }
    }
}
