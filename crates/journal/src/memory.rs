//! The engine that keeps everything in memory: for tests and throw-away development.
//!
//! # Invariants
//!
//! - Same contract as every engine, except that "durable" means "as long as the process".
//! - A restart ([`MemoryJournal::restart`]) finds what was durable and nothing else.
//!
//! # Limits
//!
//! - All logs together hold [`Config::capacity_bytes`]; state records go on for [`Config::reserve_bytes`] more.

mod contents;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use contents::Contents;
use parking_lot::Mutex;
use tokio::sync::watch;
use types::{LogId, Position, Timestamp};

use crate::{
    AppendError, Appended, Batch, BoxFuture, Checkpoint, Durable, Frame, Health, Journal, JournalError, Log,
    Poisoned, Priority, ReadError, Segment,
};

/// What a frame costs beside its payload.
const FRAME_OVERHEAD: usize = 64;

/// How much is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Publishes are refused once all logs together hold so much. Default 256 MiB.
    pub capacity_bytes: usize,
    /// State records go on for so much more. Default 16 MiB.
    pub reserve_bytes: usize,
    /// A new segment begins after so much; trimming drops whole ones. Default 1 MiB.
    pub segment_bytes: usize,
    /// The largest batch. Default 16 MiB.
    pub batch_bytes: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            capacity_bytes: 256 << 20,
            reserve_bytes: 16 << 20,
            segment_bytes: 1 << 20,
            batch_bytes: 16 << 20,
        }
    }
}

/// See the module.
#[derive(Debug)]
pub struct MemoryJournal(Arc<Engine>);

/// One process's view of the store: what ends when it closes.
#[derive(Debug)]
struct Engine {
    store: Arc<Store>,
    health: watch::Sender<Health>,
    held: AtomicBool,
    closed: AtomicBool,
}

/// What a restart finds.
#[derive(Debug)]
struct Store {
    config: Config,
    logs: Mutex<BTreeMap<LogId, Arc<Mutex<Contents>>>>,
    used: AtomicUsize,
}

impl Default for MemoryJournal {
    fn default() -> Self {
        Self::new(Config::default())
    }
}

impl MemoryJournal {
    /// An empty one.
    pub fn new(config: Config) -> Self {
        Self::over(Arc::new(Store { config, logs: Mutex::default(), used: AtomicUsize::new(0) }))
    }

    fn over(store: Arc<Store>) -> Self {
        let (health, _) = watch::channel(Health::Healthy);
        Self(Arc::new(Engine { store, health, held: AtomicBool::new(false), closed: AtomicBool::new(false) }))
    }

    /// What a new process would find after this one was killed: everything durable. This one is fenced.
    #[must_use]
    pub fn restart(&self) -> Self {
        self.0.closed.store(true, Ordering::SeqCst);
        for contents in self.0.store.logs.lock().values() {
            let lost = contents.lock().crash();
            self.0.store.used.fetch_sub(lost, Ordering::SeqCst);
        }
        Self::over(self.0.store.clone())
    }

    /// From now on nothing becomes durable, until [`MemoryJournal::release`]. For tests.
    pub fn hold(&self) {
        self.0.held.store(true, Ordering::SeqCst);
    }

    /// Makes everything durable that was held, and what follows at once again.
    pub fn release(&self) {
        self.0.held.store(false, Ordering::SeqCst);
        for contents in self.0.store.logs.lock().values() {
            contents.lock().commit();
        }
    }

    /// Fails as a disk does: for good. For tests.
    pub fn poison(&self, cause: &str) {
        let poisoned = Poisoned::new(cause);
        self.0.health.send_replace(Health::Poisoned(poisoned.clone()));
        for contents in self.0.store.logs.lock().values() {
            contents.lock().fail(&poisoned);
        }
    }
}

impl Engine {
    fn usable(&self) -> Result<(), AppendError> {
        if let Health::Poisoned(poisoned) = &*self.health.borrow() {
            return Err(poisoned.clone().into());
        }
        if self.closed.load(Ordering::SeqCst) { Err(AppendError::Fenced) } else { Ok(()) }
    }

    fn space_for(&self, bytes: usize, priority: Priority) -> Result<(), AppendError> {
        let config = &self.store.config;
        if bytes > config.batch_bytes {
            return Err(AppendError::TooLarge { bytes, limit: config.batch_bytes });
        }
        let capacity = match priority {
            Priority::Publish => config.capacity_bytes,
            Priority::State => config.capacity_bytes + config.reserve_bytes,
        };
        if self.store.used.load(Ordering::SeqCst) + bytes + FRAME_OVERHEAD > capacity {
            self.set_space(Health::OutOfSpace);
            return Err(AppendError::OutOfSpace);
        }
        Ok(())
    }

    fn freed(&self, bytes: usize) {
        self.store.used.fetch_sub(bytes, Ordering::SeqCst);
        if bytes > 0 {
            self.set_space(Health::Healthy);
        }
    }

    fn set_space(&self, now: Health) {
        self.health.send_if_modified(|health| {
            let changes = *health != now && !matches!(health, Health::Poisoned(_));
            if changes {
                *health = now;
            }
            changes
        });
    }
}

impl Journal for MemoryJournal {
    fn logs(&self) -> BoxFuture<'_, Result<Vec<LogId>, JournalError>> {
        Box::pin(async { Ok(self.0.store.logs.lock().keys().copied().collect()) })
    }

    fn open(&self, log: LogId) -> BoxFuture<'_, Result<Arc<dyn Log>, JournalError>> {
        Box::pin(async move {
            self.0.usable().map_err(refused)?;
            let contents = self.0.store.logs.lock().entry(log).or_default().clone();
            // What the old handle has held back never becomes durable: the new owner must not meet it later.
            let lost = contents.lock().crash();
            self.0.freed(lost);
            let (handle, tail) = contents.lock().take_over();
            let opened: Arc<dyn Log> = Arc::new(MemoryLog { engine: self.0.clone(), contents, handle, tail });
            Ok(opened)
        })
    }

    fn delete(&self, log: LogId) -> BoxFuture<'_, Result<(), JournalError>> {
        Box::pin(async move {
            self.0.usable().map_err(refused)?;
            let removed = self.0.store.logs.lock().remove(&log);
            if let Some(contents) = removed {
                let bytes = contents.lock().close();
                self.0.freed(bytes);
            }
            Ok(())
        })
    }

    fn health(&self) -> watch::Receiver<Health> {
        self.0.health.subscribe()
    }

    fn close(&self) -> BoxFuture<'_, Result<(), JournalError>> {
        Box::pin(async {
            self.0.closed.store(true, Ordering::SeqCst);
            for contents in self.0.store.logs.lock().values() {
                let mut contents = contents.lock();
                contents.commit();
                contents.close();
            }
            Ok(())
        })
    }
}

/// One opening of one log.
struct MemoryLog {
    engine: Arc<Engine>,
    contents: Arc<Mutex<Contents>>,
    handle: u64,
    tail: watch::Receiver<Position>,
}

impl MemoryLog {
    fn read_frames(&self, from: Position, max_bytes: usize) -> Result<Vec<Frame>, ReadError> {
        let contents = self.contents.lock();
        if !contents.owned_by(self.handle) {
            return Err(ReadError::Fenced);
        }
        contents.read(from, max_bytes)
    }

    async fn durable_up_to(&self, as_of: Position) -> Result<(), JournalError> {
        if as_of > self.contents.lock().end() {
            return Err(JournalError::Io(
                "the checkpoint speaks of positions that were never appended".into(),
            ));
        }
        let mut tail = self.tail.clone();
        let mut health = self.engine.health.subscribe();
        tokio::select! {
            moved = tail.wait_for(|tail| *tail >= as_of) => moved.map(|_| ()).map_err(|_| JournalError::Fenced),
            _ = health.wait_for(|health| matches!(health, Health::Poisoned(_))) => {
                self.engine.usable().map_err(refused)
            }
        }
    }
}

impl Log for MemoryLog {
    fn append(&self, now: Timestamp, batch: Batch, priority: Priority) -> Result<Appended, AppendError> {
        let mut contents = self.contents.lock();
        if !contents.owned_by(self.handle) {
            return Err(AppendError::Fenced);
        }
        self.engine.usable()?;
        self.engine.space_for(batch.bytes().len(), priority)?;
        let (done, durable) = Durable::channel();
        let (first, bytes) = contents.append(now, batch, done, self.engine.store.config.segment_bytes);
        self.engine.store.used.fetch_add(bytes, Ordering::SeqCst);
        if !self.engine.held.load(Ordering::SeqCst) {
            contents.commit();
        }
        Ok(Appended { first, durable })
    }

    fn room(&self, bytes: usize, priority: Priority) -> BoxFuture<'_, Result<(), AppendError>> {
        Box::pin(async move {
            if !self.contents.lock().owned_by(self.handle) {
                return Err(AppendError::Fenced);
            }
            self.engine.usable()?;
            self.engine.space_for(bytes, priority)
        })
    }

    fn tail(&self) -> watch::Receiver<Position> {
        self.tail.clone()
    }

    fn read(&self, from: Position, max_bytes: usize) -> BoxFuture<'_, Result<Vec<Frame>, ReadError>> {
        Box::pin(async move { self.read_frames(from, max_bytes) })
    }

    fn segments(&self) -> Vec<Segment> {
        self.contents.lock().segments()
    }

    fn seal(&self) -> BoxFuture<'_, Result<(), JournalError>> {
        Box::pin(async {
            let mut contents = self.contents.lock();
            if !contents.owned_by(self.handle) {
                return Err(JournalError::Fenced);
            }
            contents.seal();
            Ok(())
        })
    }

    fn position_at(&self, at: Timestamp) -> BoxFuture<'_, Result<Position, ReadError>> {
        Box::pin(async move { Ok(self.contents.lock().position_at(at)) })
    }

    fn trim(&self, below: Position) -> BoxFuture<'_, Result<Position, JournalError>> {
        Box::pin(async move {
            let mut contents = self.contents.lock();
            if !contents.owned_by(self.handle) {
                return Err(JournalError::Fenced);
            }
            let bytes = contents.trim(below);
            self.engine.freed(bytes);
            Ok(contents.first())
        })
    }

    fn save_checkpoint(&self, checkpoint: Checkpoint) -> BoxFuture<'_, Result<(), JournalError>> {
        Box::pin(async move {
            self.durable_up_to(checkpoint.as_of).await?;
            let mut contents = self.contents.lock();
            if !contents.owned_by(self.handle) {
                return Err(JournalError::Fenced);
            }
            contents.keep(checkpoint);
            Ok(())
        })
    }

    fn load_checkpoint(&self) -> BoxFuture<'_, Result<Option<Checkpoint>, JournalError>> {
        Box::pin(async move { Ok(self.contents.lock().latest_checkpoint()) })
    }
}

fn refused(error: AppendError) -> JournalError {
    match error {
        AppendError::Poisoned(poisoned) => poisoned.into(),
        _ => JournalError::Fenced,
    }
}
