//! The committers' queue of logs that have something to do.
//!
//! # Limits
//!
//! - A log is in it at most once for each kind of work: the log's own flags see to that.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use parking_lot::{Condvar, Mutex};

use crate::log::LogCore;

#[derive(Debug)]
pub(crate) enum Job {
    /// Write and sync what is pending.
    Commit(Arc<LogCore>),
    /// Take space ahead.
    Extend(Arc<LogCore>),
}

#[derive(Debug, Default)]
pub(crate) struct Jobs {
    queue: Mutex<Queue>,
    ready: Condvar,
    upkeep: Condvar,
}

#[derive(Debug, Default)]
struct Queue {
    jobs: VecDeque<Job>,
    stopped: bool,
    nudged: bool,
}

impl Jobs {
    pub(crate) fn push(&self, job: Job) {
        self.queue.lock().jobs.push_back(job);
        self.ready.notify_one();
    }

    /// The next job, when there is one; `None` once stopped and empty.
    pub(crate) fn wait(&self) -> Option<Job> {
        let mut queue = self.queue.lock();
        loop {
            if let Some(job) = queue.jobs.pop_front() {
                return Some(job);
            }
            if queue.stopped {
                return None;
            }
            self.ready.wait(&mut queue);
        }
    }

    /// The next job, if there is one.
    #[cfg(feature = "testing")]
    pub(crate) fn try_next(&self) -> Option<Job> {
        self.queue.lock().jobs.pop_front()
    }

    /// Ends the threads once the queue is empty.
    pub(crate) fn stop(&self) {
        self.queue.lock().stopped = true;
        self.ready.notify_all();
        self.upkeep.notify_all();
    }

    /// Wakes the keeper.
    pub(crate) fn nudge(&self) {
        self.queue.lock().nudged = true;
        self.upkeep.notify_all();
    }

    /// Waits for a nudge, or so long; `false` once stopped.
    pub(crate) fn wait_for_upkeep(&self, at_most: Option<Duration>) -> bool {
        let mut queue = self.queue.lock();
        if !queue.nudged && !queue.stopped {
            match at_most {
                Some(at_most) => drop(self.upkeep.wait_for(&mut queue, at_most)),
                None => self.upkeep.wait(&mut queue),
            }
        }
        queue.nudged = false;
        !queue.stopped
    }
}
