//! What the suites share: a broker as a process, the tools that talk to it, and waiting.

pub(crate) mod client;
pub(crate) mod examples;
pub(crate) mod grpcurl;
pub(crate) mod http;
pub(crate) mod log;
pub(crate) mod process;
pub(crate) mod random;
pub(crate) mod tools;

use std::{fmt::Debug, time::Duration};

use tokio::time::{MissedTickBehavior, interval};

pub(crate) use self::{
    grpcurl::{Grpcurl, Refused},
    process::{Directory, Fanfare, Start},
};

/// Time between two looks at a condition, and how many there are: half a minute in all.
const LOOK: Duration = Duration::from_millis(25);
const LOOKS: u32 = 1_200;

/// What `look` finds once it is `Ok`. The only place that waits for something that nothing announces.
///
/// # Panics
/// If it never is, with what the last look found.
pub(crate) async fn eventually<T, E: Debug>(what: &str, mut look: impl AsyncFnMut() -> Result<T, E>) -> T {
    let mut ticks = interval(LOOK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut last = None;
    for _ in 0..LOOKS {
        ticks.tick().await;
        match look().await {
            Ok(found) => return found,
            Err(not_yet) => last = Some(not_yet),
        }
    }
    panic!("{what}: never, at last {last:?}")
}
