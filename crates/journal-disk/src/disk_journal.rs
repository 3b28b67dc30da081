//! The engine as a whole: the directory, the threads, and the logs that are open.

mod directory;

use std::{collections::BTreeMap, path::PathBuf, sync::Arc, thread::JoinHandle};

use journal::{BoxFuture, Health, Journal, JournalError, Log, Poisoned};
use parking_lot::Mutex;
use tokio::sync::watch;
use types::{Clock, LogId};

use crate::{
    blocking::blocking,
    commit::{self, Scratch},
    config::{Config, Durability},
    engine::Engine,
    fs::FileSystem,
    handle::DiskLog,
    jobs::{Jobs, Woken},
    log::LogCore,
    names, recovery,
    reserve::Reserve,
    stats::{Counters, Stats},
};

const TURNS: usize = 16;

/// An open data directory. Dropping it ends its threads and releases the directory; what was accepted is written, but
/// only [`Journal::close`] says whether it is durable.
pub struct DiskJournal {
    engine: Arc<Engine>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    /// Closing waits until no log is being opened or deleted.
    closing: tokio::sync::RwLock<()>,
    /// Opening and deleting one log take turns; different logs mostly do not wait for each other.
    turns: [tokio::sync::Mutex<()>; TURNS],
    #[cfg(feature = "testing")]
    scratch: Mutex<Scratch>,
}

impl std::fmt::Debug for DiskJournal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DiskJournal").field("root", &self.engine.root).finish_non_exhaustive()
    }
}

impl DiskJournal {
    /// Opens a data directory, making it if there is none, and starts the committers.
    ///
    /// # Errors
    /// Another process holds it, a newer release wrote it, or it cannot be read or made. The configuration must be
    /// valid ([`Config::validate`]); one that is not is an error too.
    pub fn open(
        fs: Arc<dyn FileSystem>,
        root: impl Into<PathBuf>,
        config: Config,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, JournalError> {
        let journal = Self::without_threads(fs, root.into(), config, clock)?;
        journal.start_threads()?;
        Ok(journal)
    }

    /// Opens a data directory without threads: nothing happens before [`DiskJournal::step`].
    ///
    /// # Errors
    /// As [`DiskJournal::open`].
    #[cfg(feature = "testing")]
    pub fn open_stepped(
        fs: Arc<dyn FileSystem>,
        root: impl Into<PathBuf>,
        config: Config,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, JournalError> {
        Self::without_threads(fs, root.into(), config, clock)
    }

    fn without_threads(
        fs: Arc<dyn FileSystem>,
        root: PathBuf,
        config: Config,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, JournalError> {
        config.validate().map_err(|invalid| JournalError::Io(invalid.to_string().into()))?;
        let lock = directory::open(&*fs, &root)?;
        let (bytes, probe) = (config.reserve_bytes, config.chunk_max_bytes);
        let reserve = Reserve::new(fs.clone(), root.join(names::RESERVE), bytes, probe);
        let engine = Arc::new(Engine {
            fs,
            root,
            config,
            clock,
            health: watch::Sender::new(Health::Healthy),
            jobs: Jobs::default(),
            reserve,
            stats: Counters::default(),
            logs: Mutex::new(BTreeMap::new()),
            lock: Mutex::new(Some(Arc::new(lock))),
        });
        match engine.reserve.restore() {
            Ok(true) => {}
            Ok(false) => engine.disk_is_full(0),
            Err(error) => return Err(engine.failed("write of the reserve", &error)),
        }
        Ok(Self {
            engine,
            threads: Mutex::default(),
            closing: tokio::sync::RwLock::default(),
            turns: Default::default(),
            #[cfg(feature = "testing")]
            scratch: Mutex::default(),
        })
    }

    fn start_threads(&self) -> Result<(), JournalError> {
        for number in 0..self.engine.config.committers {
            let engine = self.engine.clone();
            self.start(format!("commit-{number}"), move || {
                let mut scratch = Scratch::default();
                while let Some(job) = engine.jobs.wait() {
                    engine.run(job, &mut scratch);
                }
            })?;
        }
        let engine = self.engine.clone();
        self.start("keeper".to_owned(), move || keep(&engine))
    }

    fn start(&self, name: String, work: impl FnOnce() + Send + 'static) -> Result<(), JournalError> {
        let thread = std::thread::Builder::new().name(name).spawn(work).map_err(recovery::read_failed)?;
        self.threads.lock().push(thread);
        Ok(())
    }

    /// Counters since the directory was opened.
    pub fn stats(&self) -> Stats {
        self.engine.stats.read()
    }

    /// Does one job of the committers; `false` if there is none.
    #[cfg(feature = "testing")]
    pub fn step(&self) -> bool {
        let Some(job) = self.engine.jobs.try_next() else { return false };
        self.engine.run(job, &mut self.scratch.lock());
        true
    }

    /// Does what the keeper does from time to time.
    #[cfg(feature = "testing")]
    pub fn tick(&self) {
        self.engine.tick();
    }

    async fn open_log(&self, id: LogId) -> Result<Arc<dyn Log>, JournalError> {
        let _open = self.closing.read().await;
        let _turn = self.turn(id).lock().await;
        self.usable()?;
        let known = self.engine.logs.lock().get(&id).cloned();
        let log = match known {
            Some(log) => {
                // What the old handle appended is decided before the new one reads.
                log.quiesce().await;
                log
            }
            None => self.recover(id).await?,
        };
        let (handle, tail) = log.state.lock().take_over();
        Ok(Arc::new(DiskLog { engine: self.engine.clone(), log, handle, tail }))
    }

    fn turn(&self, id: LogId) -> &tokio::sync::Mutex<()> {
        &self.turns[usize::try_from(id.0 % TURNS as u64).unwrap_or(0)]
    }

    async fn recover(&self, id: LogId) -> Result<Arc<LogCore>, JournalError> {
        let engine = self.engine.clone();
        // Whoever waits may go away; the directory stays ours until the work in it is done.
        let held = engine.lock.lock().clone();
        let log = Arc::new(
            blocking(move || {
                let recovered = recovery::open(&engine, id);
                drop(held);
                recovered
            })
            .await?,
        );
        self.engine.logs.lock().insert(id, log.clone());
        Ok(log)
    }

    async fn delete_log(&self, id: LogId) -> Result<(), JournalError> {
        let _open = self.closing.read().await;
        let _turn = self.turn(id).lock().await;
        self.usable()?;
        let known = self.engine.logs.lock().remove(&id);
        if let Some(log) = &known {
            log.quiesce().await;
        }
        let engine = self.engine.clone();
        let held = engine.lock.lock().clone();
        blocking(move || {
            if let Some(log) = &known {
                log.finish_upkeep();
            }
            let removed = directory::remove_log(&engine, id);
            drop(held);
            removed
        })
        .await
    }

    fn usable(&self) -> Result<(), JournalError> {
        if let Some(poisoned) = self.engine.poisoned() {
            return Err(poisoned.into());
        }
        if self.engine.is_closed() { Err(JournalError::Fenced) } else { Ok(()) }
    }

    /// Ends the threads once they have done what is queued, and releases the directory.
    fn shut(engine: &Engine, threads: Vec<JoinHandle<()>>) {
        engine.jobs.stop();
        for thread in threads {
            if thread.join().is_err() {
                tracing::error!("a committer panicked");
            }
        }
        for job in engine.jobs.end() {
            job.log().give_up(&Poisoned::new("the journal was closed"));
        }
        *engine.lock.lock() = None;
    }

    async fn close_all(&self) -> Result<(), JournalError> {
        let _closing = self.closing.write().await;
        if self.engine.is_closed() {
            return Ok(());
        }
        let logs: Vec<_> = self.engine.logs.lock().values().cloned().collect();
        for log in &logs {
            log.quiesce().await;
        }
        let threads = std::mem::take(&mut *self.threads.lock());
        let engine = self.engine.clone();
        blocking(move || {
            logs.iter().for_each(|log| log.finish_upkeep());
            let settled = logs.iter().try_for_each(|log| settle(&engine, log));
            Self::shut(&engine, threads);
            settled
        })
        .await
    }
}

/// Leaves a log on disk so that the next start finds evidence of all of it.
fn settle(engine: &Engine, log: &LogCore) -> Result<(), JournalError> {
    if let Some(poisoned) = engine.poisoned() {
        return Err(poisoned.into());
    }
    commit::sync(engine, log)?;
    let place = log.state.lock().place();
    commit::mark(log, &place)
        .and_then(|()| Ok(place.active.file.sync()?))
        .map_err(|error| engine.failed("write of a mark", &error))
}

/// What the keeper does until the engine stops. A full disk is looked at when it has been so for a while, not when it
/// gets full, or when something was freed.
fn keep(engine: &Engine) {
    let retry = engine.config.space_retry;
    let mut until_look = retry;
    loop {
        let sync_in = match engine.config.durability {
            Durability::Interval(interval) => Some(interval),
            Durability::Fsync => None,
        };
        let look_in = engine.reserve.is_full().then_some(until_look);
        let wait = sync_in.into_iter().chain(look_in).min();
        let look = match engine.jobs.wait_for_upkeep(wait) {
            Woken::Stopped => return,
            Woken::Nudged => true,
            Woken::Changed => false,
            Woken::Waited => {
                until_look = look_in.map_or(retry, |left| left.saturating_sub(wait.unwrap_or_default()));
                until_look.is_zero()
            }
        };
        if engine.poisoned().is_some() {
            continue;
        }
        if look {
            until_look = retry;
            engine.look_for_space();
        }
        engine.sync_answered();
    }
}

impl Journal for DiskJournal {
    fn logs(&self) -> BoxFuture<'_, Result<Vec<LogId>, JournalError>> {
        let engine = self.engine.clone();
        Box::pin(blocking(move || directory::logs(&engine)))
    }

    fn open(&self, log: LogId) -> BoxFuture<'_, Result<Arc<dyn Log>, JournalError>> {
        Box::pin(self.open_log(log))
    }

    fn delete(&self, log: LogId) -> BoxFuture<'_, Result<(), JournalError>> {
        Box::pin(self.delete_log(log))
    }

    fn health(&self) -> watch::Receiver<Health> {
        self.engine.health.subscribe()
    }

    fn close(&self) -> BoxFuture<'_, Result<(), JournalError>> {
        Box::pin(self.close_all())
    }
}

impl Drop for DiskJournal {
    fn drop(&mut self) {
        let logs: Vec<_> = self.engine.logs.lock().values().cloned().collect();
        logs.iter().for_each(|log| log.state.lock().fence());
        logs.iter().for_each(|log| log.finish_upkeep());
        Self::shut(&self.engine, std::mem::take(&mut self.threads.lock()));
    }
}
