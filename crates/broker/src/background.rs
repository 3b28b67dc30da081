//! The broker's own tasks: one minds deadlines, one does upkeep, one follows the journal's health. They end with the broker.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use tokio_stream::{StreamExt as _, wrappers::WatchStream};

use crate::{Unavailable, handle::Inner, shared::Shared, subscription::BLOCKS_A_ROUND, topic::Topic};

pub(crate) fn start(inner: &Arc<Inner>) {
    tokio::spawn(mind_deadlines(Arc::downgrade(inner)));
    tokio::spawn(do_upkeep(Arc::downgrade(inner)));
    tokio::spawn(follow_health(Arc::downgrade(inner)));
}

/// Longest sleep of a task that has nothing to do, and so the longest that it outlives its broker.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);
/// Wait before a log that took no records is tried again.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Sleeps until the earliest deadline, or until an earlier one comes in.
async fn mind_deadlines(inner: Weak<Inner>) {
    loop {
        let Some(shared) = inner.upgrade().map(|inner| inner.shared.clone()) else { return };
        let wait = shared.deadlines.next().map_or(LONGEST_SLEEP, |at| at.since(shared.time.now()));
        let earlier = shared.deadlines.earlier();
        drop(shared);
        tokio::select! {
            () = tokio::time::sleep(wait.min(LONGEST_SLEEP)) => {}
            () = earlier.notified() => continue,
        }
        let Some(shared) = inner.upgrade().map(|inner| inner.shared.clone()) else { return };
        if let Err(error) = run_due(&shared).await {
            tracing::debug!(%error, "deadlines cannot be minded at the moment");
            drop(shared);
            // No lease can end until the journal is in order again, and nothing is gained by hurrying.
            tokio::time::sleep(RETRY_AFTER).await;
        }
    }
}

/// Looks after every subscription whose deadline has come.
pub(crate) async fn run_due(shared: &Shared) -> Result<(), Unavailable> {
    while let Some(subscription) = shared.deadlines.pop_due(shared.time.now()) {
        subscription.due().await?;
    }
    Ok(())
}

async fn do_upkeep(inner: Weak<Inner>) {
    let settings = |inner: Arc<Inner>| (inner.shared.config.upkeep_interval, inner.shared.upkeep_due.clone());
    let Some((interval, due)) = inner.upgrade().map(settings) else { return };
    let mut rounds = tokio::time::interval(interval);
    rounds.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    // The first tick is at once; recovery has just been.
    rounds.tick().await;
    loop {
        let is_round = tokio::select! {
            _ = rounds.tick() => true,
            () = due.notified() => false,
        };
        let Some(inner) = inner.upgrade() else { return };
        if is_round {
            run_upkeep(&inner).await;
        } else {
            catch_up(&inner).await;
        }
    }
}

/// Looks after the topics that cannot wait for the next round. The others are left alone: a fast one must not make work for them.
async fn catch_up(inner: &Inner) {
    for topic in inner.all_topics().into_iter().filter(|topic| topic.is_late()) {
        put_off(&topic, topic.look_after().await);
    }
}

fn put_off(topic: &Topic, done: Result<(), Unavailable>) {
    if let Err(error) = done {
        tracing::warn!(topic = %topic.name, %error, "upkeep was put off to the next round");
    }
}

/// One round. A topic whose log fails does not keep the others from theirs.
pub(crate) async fn run_upkeep(inner: &Arc<Inner>) {
    for topic in inner.all_topics() {
        // Counting comes last, when nobody waits for the upkeep lock.
        let done = match topic.look_after().await {
            Ok(()) => topic.count_unread(BLOCKS_A_ROUND).await,
            failed => failed,
        };
        put_off(&topic, done);
    }
    inner.expire_unused().await;
}

async fn follow_health(inner: Weak<Inner>) {
    let Some(health) = inner.upgrade().map(|inner| inner.shared.journal.health()) else { return };
    let mut states = WatchStream::new(health);
    while let Some(state) = states.next().await {
        match inner.upgrade() {
            Some(inner) => inner.set_health(&state),
            None => return,
        }
    }
}
