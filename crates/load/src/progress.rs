//! How far a run is, for who watches it, and the end of one that stands still.

use std::{
    fmt::{self, Write as _},
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use anyhow::{Result, anyhow};
use parking_lot::Mutex;
use tokio::time::{MissedTickBehavior, interval};

/// A run in which nothing moves for so long has failed.
pub const STALL: Duration = Duration::from_secs(30);
/// Looks in that time.
const LOOKS: u32 = 30;
/// Subscriptions that an error names.
const NAMED: usize = 3;

/// What a run will come to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Expected {
    /// Messages to be acknowledged.
    pub published: u64,
    /// Deliveries of different messages, over all subscriptions.
    pub delivered: u64,
}

/// What it has come to so far. The counts only grow.
#[derive(Debug, Default)]
pub struct Progress {
    published: AtomicU64,
    /// What moves a run on and is neither: topics, subscriptions, ends.
    steps: AtomicU64,
    consumers: Mutex<Vec<Arc<Count>>>,
    begins: Begins,
}

/// What somebody does when the load begins.
#[derive(Default)]
struct Begins(Mutex<Option<Box<dyn FnOnce() + Send>>>);

impl fmt::Debug for Begins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Begins").field(&self.0.lock().is_some()).finish()
    }
}

/// What one subscription has got. Of its own, so that many consumers do not write to one place.
#[derive(Debug)]
pub(crate) struct Count {
    subscription: String,
    expected: u64,
    distinct: AtomicU64,
}

impl Count {
    pub(crate) fn set(&self, distinct: u64) {
        self.distinct.store(distinct, Relaxed);
    }
}

impl Progress {
    /// Of a run of which somebody wants to know when its load begins: everything is created and connected by then, and nothing that counts is sent.
    /// The run waits for it, so it is done before the first message.
    pub fn when_it_begins(look: impl FnOnce() + Send + 'static) -> Arc<Self> {
        let begins = Begins(Mutex::new(Some(Box::new(look))));
        Arc::new(Self { begins, ..Self::default() })
    }

    /// All is prepared.
    pub(crate) fn begin(&self) {
        let look = self.begins.0.lock().take();
        if let Some(look) = look {
            look();
        }
    }

    /// Messages that were acknowledged.
    pub fn published(&self) -> u64 {
        self.published.load(Relaxed)
    }

    /// Different messages that were received, summed over subscriptions.
    pub fn delivered(&self) -> u64 {
        self.consumers.lock().iter().map(|count| count.distinct.load(Relaxed)).sum()
    }

    pub(crate) fn add_published(&self, count: u64) {
        self.published.fetch_add(count, Relaxed);
    }

    /// Something was done that is not counted.
    pub(crate) fn step(&self) {
        self.steps.fetch_add(1, Relaxed);
    }

    /// A count for a subscription that is to get so many messages.
    pub(crate) fn consumer(&self, subscription: &str, expected: u64) -> Arc<Count> {
        let count = Count { subscription: subscription.to_owned(), expected, distinct: AtomicU64::new(0) };
        let count = Arc::new(count);
        self.consumers.lock().push(count.clone());
        count
    }

    fn all(&self) -> [u64; 3] {
        [self.published(), self.delivered(), self.steps.load(Relaxed)]
    }

    /// What there is and what there is not.
    fn missing(&self, expected: Expected) -> String {
        let mut text = format!(
            "{} of {} messages are acknowledged, {} of {} deliveries have come",
            self.published(),
            expected.published,
            self.delivered(),
            expected.delivered
        );
        let consumers = self.consumers.lock();
        let is_behind = |count: &&Arc<Count>| count.distinct.load(Relaxed) < count.expected;
        let behind = consumers.iter().filter(is_behind).count();
        for count in consumers.iter().filter(is_behind).take(NAMED) {
            let Count { subscription, expected, distinct } = &**count;
            let _ = write!(text, "; {subscription} has {} of {expected}", distinct.load(Relaxed));
        }
        if behind > NAMED {
            let _ = write!(text, "; and {} more", behind - NAMED);
        }
        text
    }
}

/// Does the work, and gives it up when nothing has moved for [`STALL`].
pub(crate) async fn watched<T>(
    progress: &Progress,
    expected: Expected,
    work: impl Future<Output = Result<T>>,
) -> Result<T> {
    let mut work = pin!(work);
    let mut looks = interval(STALL / LOOKS);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut seen, mut still) = (progress.all(), 0);
    loop {
        tokio::select! {
            biased;
            done = &mut work => return done,
            _ = looks.tick() => {
                let now = progress.all();
                still = if now == seen { still + 1 } else { 0 };
                seen = now;
            }
        }
        if still > LOOKS {
            let seconds = STALL.as_secs();
            return Err(anyhow!("nothing has moved for {seconds} s: {}", progress.missing(expected)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn work_that_stands_still_ends_with_what_is_missing() {
        let progress = Progress::default();
        progress.add_published(3);
        progress.consumer("a", 3).set(3);
        for name in ["b", "c", "d", "e"] {
            progress.consumer(name, 3).set(1);
        }
        let expected = Expected { published: 3, delivered: 15 };
        let error = watched(&progress, expected, std::future::pending::<Result<()>>()).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "nothing has moved for 30 s: 3 of 3 messages are acknowledged, 7 of 15 deliveries have come; \
             b has 1 of 3; c has 1 of 3; d has 1 of 3; and 1 more"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn work_that_goes_on_slowly_is_not_given_up() {
        let progress = Progress::default();
        let work = async {
            let mut ticks = interval(STALL - Duration::from_secs(2));
            for _ in 0..5 {
                ticks.tick().await;
                progress.step();
            }
            Ok(())
        };
        watched(&progress, Expected::default(), work).await.unwrap();
    }
}
