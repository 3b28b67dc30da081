//! One opening of one log: what the broker holds.

use std::sync::Arc;

use journal::{
    AppendError, Appended, Batch, BoxFuture, Checkpoint, Frame, Health, JournalError, Log, Priority,
    ReadError, Segment,
};
use tokio::sync::watch;
use types::{Position, Timestamp};

use crate::{
    blocking::blocking,
    engine::Engine,
    jobs::Job,
    log::{LogCore, Wanted, frame_bytes},
    reader, upkeep,
};

pub(crate) struct DiskLog {
    pub(crate) engine: Arc<Engine>,
    pub(crate) log: Arc<LogCore>,
    pub(crate) handle: u64,
    pub(crate) tail: watch::Receiver<Position>,
}

impl DiskLog {
    fn try_append(
        &self,
        now: Timestamp,
        batch: Batch,
        priority: Priority,
        wanted: &mut Wanted,
    ) -> Result<Appended, AppendError> {
        let mut state = self.log.state.lock();
        if !state.owned_by(self.handle) {
            return Err(AppendError::Fenced);
        }
        // Under the log's lock, so that an engine that is poisoned now finds this batch among the pending.
        let config = &self.engine.config;
        self.engine.admits(batch.bytes().len(), priority)?;
        let frame = frame_bytes(batch.bytes().len());
        if let Err(error) = state.admits(frame, priority, config) {
            if error == AppendError::Busy && !state.fits(frame) {
                *wanted = state.want(frame, priority, config);
            }
            return Err(error);
        }
        let appended = state.accept(now, batch);
        let commit = state.start_committing();
        if state.runs_low(config) && !self.engine.reserve.is_full() {
            *wanted = state.want(0, Priority::Publish, config);
        }
        wanted.commit |= commit;
        Ok(appended)
    }

    fn has_room(&self, bytes: usize, priority: Priority) -> Result<(), AppendError> {
        let frame = frame_bytes(bytes);
        let mut state = self.log.state.lock();
        if !state.owned_by(self.handle) {
            return Err(AppendError::Fenced);
        }
        self.engine.admits(bytes, priority)?;
        let config = &self.engine.config;
        let admitted = state.admits(frame, priority, config);
        if admitted == Err(AppendError::Busy) && !state.fits(frame) {
            let wanted = state.want(frame, priority, config);
            drop(state);
            self.hand_over(&wanted);
        }
        admitted
    }

    fn hand_over(&self, wanted: &Wanted) {
        if wanted.commit {
            self.engine.push(Job::Commit(self.log.clone()));
        }
        if wanted.extend {
            self.engine.push(Job::Extend(self.log.clone()));
        }
    }

    /// Asks for a new segment; the outcome once it is decided.
    fn ask_for_seal(&self, present: Position, refused: u64) -> Option<Result<(), JournalError>> {
        let mut state = self.log.state.lock();
        let empty = state.durable == present && state.end == present;
        if !state.owned_by(self.handle) {
            return Some(Err(JournalError::Fenced));
        }
        if let Some(poisoned) = self.engine.poisoned() {
            return Some(Err(poisoned.into()));
        }
        if empty || state.active_first() != present {
            return Some(Ok(()));
        }
        if self.engine.reserve.is_full() || state.refused_rolls > refused {
            return Some(Err(JournalError::Io("no space or no descriptor for a new segment".into())));
        }
        state.sealing = true;
        // An extension that is under way starts the committer when it is done.
        let starts = !state.extending && state.start_committing();
        drop(state);
        if starts {
            self.engine.push(Job::Commit(self.log.clone()));
        }
        None
    }

    /// Does blocking work that needs the engine and the log.
    async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Engine, &LogCore, u64) -> T + Send + 'static,
    ) -> T {
        let (engine, log, handle) = (self.engine.clone(), self.log.clone(), self.handle);
        blocking(move || work(&engine, &log, handle)).await
    }

    async fn durable_up_to(&self, as_of: Position) -> Result<(), JournalError> {
        if as_of > self.log.state.lock().end {
            let what = "the checkpoint speaks of positions that were never appended";
            return Err(JournalError::Io(what.into()));
        }
        let mut tail = self.tail.clone();
        let mut health = self.engine.health.subscribe();
        tokio::select! {
            moved = tail.wait_for(|tail| *tail >= as_of) => moved.map(drop).map_err(|_| JournalError::Fenced),
            _ = health.wait_for(|health| matches!(health, Health::Poisoned(_))) => {
                upkeep::check_poison(self.engine.poisoned())
            }
        }
    }
}

impl Log for DiskLog {
    fn append(&self, now: Timestamp, batch: Batch, priority: Priority) -> Result<Appended, AppendError> {
        let mut wanted = Wanted::default();
        let outcome = self.try_append(now, batch, priority, &mut wanted);
        self.hand_over(&wanted);
        outcome
    }

    fn room(&self, bytes: usize, priority: Priority) -> BoxFuture<'_, Result<(), AppendError>> {
        Box::pin(async move {
            loop {
                let changed = self.log.changed.notified();
                tokio::pin!(changed);
                changed.as_mut().enable();
                match self.has_room(bytes, priority) {
                    Err(AppendError::Busy) => changed.await,
                    decided => return decided,
                }
            }
        })
    }

    fn tail(&self) -> watch::Receiver<Position> {
        self.tail.clone()
    }

    fn read(&self, from: Position, max_bytes: usize) -> BoxFuture<'_, Result<Vec<Frame>, ReadError>> {
        Box::pin(self.with(move |engine, log, handle| reader::read(engine, log, handle, from, max_bytes)))
    }

    fn segments(&self) -> Vec<Segment> {
        let state = self.log.state.lock();
        let next = state.segments.iter().skip(1).map(|next| (next.first, next.created_at));
        let ends = next.chain([(state.durable, state.newest)]);
        let mut segments: Vec<_> = state
            .segments
            .iter()
            .zip(ends)
            .map(|(segment, (end, newest))| Segment {
                first: segment.first,
                end,
                bytes: segment.bytes,
                newest,
            })
            .collect();
        if let Some(active) = segments.last_mut() {
            // The space taken ahead is the engine's, not the log's.
            active.bytes = state.active.used + state.pending_bytes;
        }
        segments
    }

    fn seal(&self) -> BoxFuture<'_, Result<(), JournalError>> {
        let (present, refused) = {
            let state = self.log.state.lock();
            (state.active_first(), state.refused_rolls)
        };
        Box::pin(async move {
            loop {
                let changed = self.log.changed.notified();
                tokio::pin!(changed);
                changed.as_mut().enable();
                match self.ask_for_seal(present, refused) {
                    None => changed.await,
                    Some(decided) => return decided,
                }
            }
        })
    }

    fn position_at(&self, at: Timestamp) -> BoxFuture<'_, Result<Position, ReadError>> {
        Box::pin(self.with(move |engine, log, handle| reader::position_at(engine, log, handle, at)))
    }

    fn trim(&self, below: Position) -> BoxFuture<'_, Result<Position, JournalError>> {
        Box::pin(self.with(move |engine, log, handle| upkeep::trim(engine, log, handle, below)))
    }

    fn save_checkpoint(&self, checkpoint: Checkpoint) -> BoxFuture<'_, Result<(), JournalError>> {
        Box::pin(async move {
            self.durable_up_to(checkpoint.as_of).await?;
            self.with(move |engine, log, handle| upkeep::save(engine, log, handle, &checkpoint)).await
        })
    }

    fn load_checkpoint(&self) -> BoxFuture<'_, Result<Option<Checkpoint>, JournalError>> {
        Box::pin(self.with(upkeep::load))
    }
}
