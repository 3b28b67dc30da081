use std::time::Duration;

use tokio::sync::watch;

/// Tells a task to stop, and how long requests may go on from then.
#[derive(Debug, Clone)]
pub(crate) struct Stop(watch::Sender<Option<Duration>>);

impl Stop {
    /// Not yet.
    pub(crate) fn new() -> Self {
        Self(watch::Sender::new(None))
    }

    /// Now. What was said before holds unless this is shorter.
    pub(crate) fn stop(&self, grace: Duration) {
        self.0.send_if_modified(|said| {
            let is_sooner = said.is_none_or(|said| grace < said);
            if is_sooner {
                *said = Some(grace);
            }
            is_sooner
        });
    }

    /// Waits until it is time.
    pub(crate) async fn cancelled(&self) {
        self.sooner_than(None).await;
    }

    /// Waits until it is time to stop, or to stop sooner than was said: how long requests may go on.
    pub(crate) async fn sooner_than(&self, before: Option<Duration>) -> Duration {
        let is_sooner = |said: &Option<Duration>| match (said, before) {
            (Some(said), Some(before)) => *said < before,
            (said, None) => said.is_some(),
            (None, Some(_)) => false,
        };
        let said = self.0.subscribe().wait_for(is_sooner).await.ok().and_then(|said| *said);
        // The other end is in `self`.
        said.unwrap_or_default()
    }
}
