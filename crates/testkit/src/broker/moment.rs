//! Real time that passes while something outside of the broker does its part.

use std::{sync::mpsc, time::Duration};

/// Between two looks at a condition that nothing announces.
const MOMENT: Duration = Duration::from_millis(1);

/// A moment of real time, also on a runtime whose time is paused: as long as a blocking task is under way, tokio does not put it forward.
pub(super) async fn moment() {
    let waiting = tokio::task::spawn_blocking(|| {
        let (_nobody, never) = mpsc::channel::<()>();
        _ = never.recv_timeout(MOMENT);
    });
    _ = waiting.await;
}

/// Looks again and again, for about this long at most; whether it came true.
pub(super) async fn within(limit: Duration, mut is_so: impl AsyncFnMut() -> bool) -> bool {
    let looks = limit.as_millis().div_ceil(MOMENT.as_millis());
    for _ in 0..looks {
        if is_so().await {
            return true;
        }
        moment().await;
    }
    is_so().await
}
