//! Putting the clock forward, from one thing that is due to the next, so that what follows from it is due in its turn.

use std::time::Duration;

use broker::Broker;
use types::Clock as _;

use super::clock::{Pace, TestClock};

/// Rounds in which every task that became ready is run once; what they make ready is run in the next.
const ROUNDS: usize = 16;
/// The timers of the runtime, those of push among them, are in no list: none is passed over by more than this, or by a thousandth of the way.
const LONGEST_STEP: Duration = Duration::from_secs(1);
const MOST_STEPS: u32 = 1_000;
/// What a timer can tell apart. A step of less would leave it standing just before its time.
const TICK: Duration = Duration::from_millis(1);
/// At every step of so much time, and whenever a push is under way, the world outside has a moment for its answers.
const BREATH: Duration = Duration::from_secs(300);

/// Puts the clocks forward, and looks at everything that becomes due on the way.
pub(super) async fn advance(broker: &Broker, clock: &TestClock, by: Duration) -> Result<(), String> {
    let end = clock.now().plus(by);
    let longest = LONGEST_STEP.max(by / MOST_STEPS);
    settle(broker).await?;
    loop {
        let now = clock.now();
        let left = end.since(now);
        if left.is_zero() {
            return Ok(());
        }
        let next = broker.next_due().map_or(left, |due| due.since(broker.now()));
        step(clock, in_ticks(next.min(left).min(longest))).await;
        settle(broker).await?;
    }
}

/// Whole ticks, at least one.
fn in_ticks(wait: Duration) -> Duration {
    let ticks = wait.as_micros().div_ceil(TICK.as_micros()).max(1);
    TICK * u32::try_from(ticks).unwrap_or(u32::MAX)
}

/// The broker's clock and the runtime's timers, with nothing in between.
async fn step(clock: &TestClock, by: Duration) {
    if clock.pace == Pace::Real {
        tokio::time::pause();
    }
    clock.advance(by);
    tokio::time::advance(by).await;
    if clock.pace == Pace::Real {
        tokio::time::resume();
    }
}

/// Everything that is ready has been run.
async fn settle(broker: &Broker) -> Result<(), String> {
    for _ in 0..ROUNDS {
        broker.run_due().await.map_err(|error| error.to_string())?;
        tokio::task::yield_now().await;
    }
    Ok(())
}
