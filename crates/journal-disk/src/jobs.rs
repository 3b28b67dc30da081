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

impl Job {
    pub(crate) fn log(&self) -> &Arc<LogCore> {
        match self {
            Self::Commit(log) | Self::Extend(log) => log,
        }
    }
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
    /// No one is there to do anything any more.
    ended: bool,
    nudged: bool,
    changed: bool,
}

/// Why the keeper's wait is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Woken {
    Stopped,
    /// Something was freed.
    Nudged,
    /// How long to wait is another question now.
    Changed,
    Waited,
}

impl Jobs {
    /// Gives the job back if no one is there to do it.
    pub(crate) fn push(&self, job: Job) -> Result<(), Job> {
        let mut queue = self.queue.lock();
        if queue.ended {
            return Err(job);
        }
        queue.jobs.push_back(job);
        drop(queue);
        self.ready.notify_one();
        Ok(())
    }

    /// No job waits for a committer.
    pub(crate) fn is_empty(&self) -> bool {
        self.queue.lock().jobs.is_empty()
    }

    /// No job is taken from here on; those that no one has done are given back.
    pub(crate) fn end(&self) -> VecDeque<Job> {
        let mut queue = self.queue.lock();
        queue.ended = true;
        std::mem::take(&mut queue.jobs)
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

    /// The keeper has to think again how long it waits.
    pub(crate) fn change_wait(&self) {
        self.queue.lock().changed = true;
        self.upkeep.notify_all();
    }

    /// Something was freed: the keeper looks for space at once.
    pub(crate) fn nudge(&self) {
        self.queue.lock().nudged = true;
        self.upkeep.notify_all();
    }

    /// Waits until there is something to do for the keeper, or so long.
    pub(crate) fn wait_for_upkeep(&self, at_most: Option<Duration>) -> Woken {
        let mut queue = self.queue.lock();
        let mut idle = |queue: &mut Queue| !(queue.nudged || queue.changed || queue.stopped);
        match at_most {
            Some(at_most) => drop(self.upkeep.wait_while_for(&mut queue, &mut idle, at_most)),
            None => self.upkeep.wait_while(&mut queue, &mut idle),
        }
        let changed = std::mem::take(&mut queue.changed);
        let nudged = std::mem::take(&mut queue.nudged);
        match (queue.stopped, nudged, changed) {
            (true, ..) => Woken::Stopped,
            (_, true, _) => Woken::Nudged,
            (_, _, true) => Woken::Changed,
            _ => Woken::Waited,
        }
    }
}
