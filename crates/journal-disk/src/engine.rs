//! What all logs share: the directory, the committers' queue, the space, and the one-way switch to poisoned.

use std::{
    collections::BTreeMap,
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
    sync::Arc,
};

use journal::{AppendError, Health, JournalError, Poisoned, Priority};
use parking_lot::Mutex;
use tokio::sync::watch;
use types::{Clock, LogId};

use crate::{
    commit::{self, Scratch},
    config::{Config, Durability},
    extend,
    fs::{FileSystem, LockGuard, is_full, is_out_of_descriptors},
    jobs::{Job, Jobs},
    log::LogCore,
    names,
    reserve::Reserve,
    stats::Counters,
};

pub(crate) struct Engine {
    pub(crate) fs: Arc<dyn FileSystem>,
    pub(crate) root: PathBuf,
    pub(crate) config: Config,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) health: watch::Sender<Health>,
    pub(crate) jobs: Jobs,
    pub(crate) reserve: Reserve,
    pub(crate) stats: Counters,
    pub(crate) logs: Mutex<BTreeMap<LogId, Arc<LogCore>>>,
    /// Held for life, and by work in the directory that may outlive it; `None` once closed.
    pub(crate) lock: Mutex<Option<Arc<LockGuard>>>,
}

impl Engine {
    pub(crate) fn logs_dir(&self) -> PathBuf {
        self.root.join(names::LOGS)
    }

    pub(crate) fn log_dir(&self, log: LogId) -> PathBuf {
        self.logs_dir().join(names::log(log))
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.lock.lock().is_none()
    }

    pub(crate) fn poisoned(&self) -> Option<Poisoned> {
        match &*self.health.borrow() {
            Health::Poisoned(poisoned) => Some(poisoned.clone()),
            _ => None,
        }
    }

    /// Whether an append may be tried at all.
    pub(crate) fn admits(&self, payload: usize, priority: Priority) -> Result<(), AppendError> {
        if let Some(poisoned) = self.poisoned() {
            return Err(poisoned.into());
        }
        let limit = usize::try_from(self.config.batch_bytes).unwrap_or(usize::MAX);
        if payload > limit {
            return Err(AppendError::TooLarge { bytes: payload, limit });
        }
        if priority == Priority::Publish && self.reserve.is_full() {
            return Err(AppendError::OutOfSpace);
        }
        Ok(())
    }

    /// Stops for good, with the first cause; answers everything that waits.
    pub(crate) fn poison(&self, what: &str, error: &io::Error) -> Poisoned {
        let cause = Poisoned::new(format!("{what}: {error}"));
        let first = self.health.send_if_modified(|health| {
            let first = !matches!(health, Health::Poisoned(_));
            if first {
                *health = Health::Poisoned(cause.clone());
            }
            first
        });
        if first {
            tracing::error!(%what, %error, "the journal stopped for good: nothing is acknowledged any more");
        }
        let poisoned = self.poisoned().unwrap_or(cause);
        let logs: Vec<_> = self.logs.lock().values().cloned().collect();
        logs.iter().for_each(|log| log.fail_pending(&poisoned));
        poisoned
    }

    /// What a failed change on disk means: what is short breaks nothing, everything else is final.
    pub(crate) fn failed(&self, what: &str, error: &io::Error) -> JournalError {
        if is_out_of_descriptors(error) {
            return JournalError::Io(format!("{what}: {error}").into());
        }
        if is_full(error) {
            self.disk_is_full(0);
            return JournalError::Io(format!("{what}: {error}").into());
        }
        self.poison(what, error).into()
    }

    /// So much could not be taken: refuses publishes until the keeper finds it.
    pub(crate) fn disk_is_full(&self, missing: u64) {
        if self.reserve.set_full(missing) {
            tracing::warn!(
                "the disk is nearly full: publishes are refused, state records go on from the reserve"
            );
            self.show_space();
            self.jobs.change_wait();
        }
    }

    /// Gives up the reserve, for state records and checkpoints.
    pub(crate) fn release_reserve(&self) -> io::Result<()> {
        let released = self.reserve.release();
        // A look at the disk may have ended well just before.
        self.show_space();
        self.jobs.change_wait();
        released
    }

    /// Whoever is last to change what the reserve says is also last to say so.
    fn show_space(&self) {
        self.health.send_if_modified(|health| {
            let now = if self.reserve.is_full() { Health::OutOfSpace } else { Health::Healthy };
            let changes = *health != now && !matches!(health, Health::Poisoned(_));
            if changes {
                *health = now;
            }
            changes
        });
        self.logs.lock().values().for_each(|log| log.changed.notify_waiters());
    }

    /// Hands a job to the committers; if they have gone, those who wait for it are told.
    pub(crate) fn push(&self, job: Job) {
        if let Err(job) = self.jobs.push(job) {
            job.log().give_up(&Poisoned::new("the journal was closed"));
        }
    }

    /// Does one job. A panic is a bug, and what it left half done is not built upon.
    pub(crate) fn run(&self, job: Job, scratch: &mut Scratch) {
        let log = job.log().clone();
        let done = catch_unwind(AssertUnwindSafe(|| match job {
            Job::Commit(log) => commit::run(self, &log, scratch),
            Job::Extend(log) => extend::run(self, &log),
        }));
        if done.is_err() {
            *scratch = Scratch::default();
            let poisoned = self.poison("work of a committer", &io::Error::other("it panicked"));
            log.give_up(&poisoned);
        }
    }

    /// What has to be done from time to time.
    #[cfg(feature = "testing")]
    pub(crate) fn tick(&self) {
        if self.poisoned().is_none() {
            self.look_for_space();
            self.sync_answered();
        }
    }

    /// Syncs what was answered before it was synced.
    pub(crate) fn sync_answered(&self) {
        if let Durability::Interval(_) = self.config.durability {
            let logs: Vec<_> = self.logs.lock().values().cloned().collect();
            for log in logs {
                let _ = commit::sync(self, &log);
            }
        }
    }

    /// If the disk is full: is it still? State records may try again whatever the answer is.
    pub(crate) fn look_for_space(&self) {
        if !self.reserve.is_full() {
            return;
        }
        let restored = self.reserve.restore();
        self.logs.lock().values().for_each(|log| log.state.lock().exhausted = false);
        match restored {
            Ok(true) => {
                tracing::info!("the disk has space again");
                self.show_space();
            }
            Ok(false) => {}
            Err(error) => drop(self.poison("write of the reserve", &error)),
        }
    }
}
