//! Putting the clock forward, from one thing that is due to the next, so that what follows from it is due in its turn.

use std::time::Duration;

use broker::Broker;
use types::Clock as _;

use super::{
    clock::{Pace, TestClock},
    moment::{moment, within},
};

/// Rounds in which every task that became ready is run once; what they make ready is run in the next.
const ROUNDS: usize = 16;
/// The timers of the runtime, those of push among them, are in no list: none is passed over by more than this, or by a thousandth of the way.
const LONGEST_STEP: Duration = Duration::from_secs(1);
const MOST_STEPS: u32 = 1_000;
/// What a timer can tell apart. A step of less would leave it standing just before its time.
const TICK: Duration = Duration::from_millis(1);
/// What consumers and endpoints have in real time, before the clock goes on, to settle what was just delivered to them.
const PATIENCE: Duration = Duration::from_millis(100);
/// After so much time the world outside has a moment in any case, to give its connections' signs of life.
const SIGN_OF_LIFE: Duration = Duration::from_secs(300);

/// A clock on its way forward.
struct Way<'a> {
    broker: &'a Broker,
    clock: &'a TestClock,
    /// Messages that consumers and endpoints hold on to, as it seems.
    held: u64,
    /// Time that has passed without a moment for the world outside.
    breathless: Duration,
}

/// Puts the clocks forward, and looks at everything that becomes due on the way.
pub(super) async fn advance(broker: &Broker, clock: &TestClock, by: Duration) -> Result<(), String> {
    let end = clock.now().plus(by);
    let longest = LONGEST_STEP.max(by / MOST_STEPS);
    let mut way = Way { broker, clock, held: 0, breathless: Duration::ZERO };
    way.settle().await?;
    loop {
        let left = end.since(clock.now());
        if left.is_zero() {
            return Ok(());
        }
        let next = broker.next_due().map_or(left, |due| due.since(broker.now()));
        way.step(in_ticks(next.min(left).min(longest))).await?;
    }
}

/// Whole ticks, at least one.
fn in_ticks(wait: Duration) -> Duration {
    let ticks = wait.as_micros().div_ceil(TICK.as_micros()).max(1);
    TICK.saturating_mul(u32::try_from(ticks).unwrap_or(u32::MAX))
}

impl Way<'_> {
    async fn step(&mut self, by: Duration) -> Result<(), String> {
        put_forward(self.clock, by).await;
        self.settle().await?;
        self.breathless += by;
        if self.breathless >= SIGN_OF_LIFE {
            self.breathless = Duration::ZERO;
            moment().await;
        }
        Ok(())
    }

    /// Everything that is ready has been run, and what was delivered is settled or held.
    async fn settle(&mut self) -> Result<(), String> {
        self.run().await?;
        self.held = self.held.min(self.leased());
        let limit = PATIENCE;
        let held = self.held;
        let settled = within(limit, async || self.leased() <= held).await;
        if !settled {
            self.held = self.leased();
        }
        self.run().await
    }

    async fn run(&self) -> Result<(), String> {
        for _ in 0..ROUNDS {
            self.broker.run_due().await.map_err(|error| error.to_string())?;
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    fn leased(&self) -> u64 {
        let mut leased = 0;
        self.broker.survey_subscriptions(|_, stats| leased += stats.counts.leased);
        leased
    }
}

/// The broker's clock and the runtime's timers, with nothing in between.
async fn put_forward(clock: &TestClock, by: Duration) {
    if clock.pace == Pace::Real {
        tokio::time::pause();
    }
    clock.advance(by);
    tokio::time::advance(by).await;
    if clock.pace == Pace::Real {
        tokio::time::resume();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_in_whole_ticks() {
        assert_eq!(in_ticks(Duration::ZERO), TICK);
        assert_eq!(in_ticks(Duration::from_micros(1_001)), Duration::from_millis(2));
        assert_eq!(in_ticks(Duration::MAX), TICK * u32::MAX);
    }
}
