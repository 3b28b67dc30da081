//! Checkpoints and retention of one log: what bounds recovery, and what bounds the disk.
//!
//! # Invariants
//!
//! - Segments go only below what *both* kept checkpoints replay from; until there are two, none goes.
//! - Segments go oldest first, each durably before the next, so that a crash leaves no hole.

use journal::{Checkpoint, JournalError, Poisoned};
use types::Position;

use crate::{
    checkpoint, commit, engine::Engine, fs::is_full, log::LogCore, names, recovery::read_failed,
    segment::Segment,
};

/// See [`journal::Log::trim`].
pub(crate) fn trim(
    engine: &Engine,
    log: &LogCore,
    handle: u64,
    below: Position,
) -> Result<Position, JournalError> {
    let _turn = log.upkeep.lock();
    // Before anything goes, so that nothing can be missing for the sync.
    let dir = engine.fs.open_dir(&log.dir).map_err(read_failed)?;
    while let Some(oldest) = unlist(log, handle, below)? {
        let path = log.dir.join(names::segment(oldest.first));
        let removed = engine.fs.remove_file(&path).and_then(|()| Ok(dir.sync()?));
        if let Err(error) = removed {
            if is_full(&error) {
                // It is still there, so none after it may go.
                log.state.lock().segments.push_front(oldest);
            }
            return Err(engine.failed("removal of a segment", &error));
        }
    }
    if engine.reserve.is_full() {
        engine.jobs.nudge();
    }
    Ok(log.state.lock().first())
}

/// Takes the oldest segment out of the list if it may go; readers see it as trimmed from then on.
fn unlist(log: &LogCore, handle: u64, below: Position) -> Result<Option<Segment>, JournalError> {
    let mut state = log.state.lock();
    if !state.owned_by(handle) {
        return Err(JournalError::Fenced);
    }
    let needed = match &state.checkpoints[..] {
        [older, newer] => older.replay_from.min(newer.replay_from),
        _ => 1,
    };
    let limit = below.min(needed).min(state.durable);
    if state.segments.get(1).is_none_or(|next| next.first > limit) {
        return Ok(None);
    }
    Ok(state.segments.pop_front())
}

/// Writes a checkpoint of what is durable, and drops the one before the last.
pub(crate) fn save(
    engine: &Engine,
    log: &LogCore,
    handle: u64,
    checkpoint: &Checkpoint,
) -> Result<(), JournalError> {
    if checkpoint.state.len() as u64 > checkpoint::STATE_LIMIT {
        return Err(JournalError::Io("the state of a checkpoint is over the limit of 4 GiB".into()));
    }
    let _turn = log.upkeep.lock();
    usable(engine, log, handle)?;
    // Where answers do not wait for the sync, the checkpoint does.
    commit::sync(engine, log)?;
    let generation = {
        let mut state = log.state.lock();
        state.next_generation += 1;
        state.next_generation - 1
    };
    let write = || checkpoint::write(&*engine.fs, &log.dir, log.id, generation, checkpoint);
    let written = write().or_else(|error| {
        if !is_full(&error) {
            return Err(error);
        }
        // Checkpoints let retention free space, so the reserve is for them too.
        engine.disk_is_full(checkpoint.state.len() as u64);
        engine.release_reserve()?;
        write()
    });
    let kept = written.map_err(|error| engine.failed("write of a checkpoint", &error))?;
    let mut state = log.state.lock();
    state.checkpoints.push(kept);
    let surplus = state.checkpoints.len().saturating_sub(2);
    state.checkpoints.drain(..surplus);
    let oldest = state.checkpoints[0].generation;
    drop(state);
    remove_older(engine, log, oldest)
}

fn usable(engine: &Engine, log: &LogCore, handle: u64) -> Result<(), JournalError> {
    if let Some(poisoned) = engine.poisoned() {
        return Err(poisoned.into());
    }
    if log.state.lock().owned_by(handle) { Ok(()) } else { Err(JournalError::Fenced) }
}

/// Removes every checkpoint before the two that are kept, damaged ones included. With only one whole checkpoint,
/// damaged ones before it stay for the operator.
fn remove_older(engine: &Engine, log: &LogCore, oldest: u64) -> Result<(), JournalError> {
    if log.state.lock().checkpoints.len() < 2 {
        return Ok(());
    }
    let names = engine.fs.list(&log.dir).map_err(read_failed)?;
    for generation in names.iter().filter_map(|name| names::parse_checkpoint(name)) {
        if generation < oldest {
            checkpoint::remove(&*engine.fs, &log.dir, generation)
                .map_err(|error| engine.failed("removal of a checkpoint", &error))?;
        }
    }
    Ok(())
}

/// See [`journal::Log::load_checkpoint`].
pub(crate) fn load(engine: &Engine, log: &LogCore, handle: u64) -> Result<Option<Checkpoint>, JournalError> {
    let _turn = log.upkeep.lock();
    let (kept, first) = {
        let state = log.state.lock();
        if !state.owned_by(handle) {
            return Err(JournalError::Fenced);
        }
        (state.checkpoints.clone(), state.first())
    };
    for kept in kept.iter().rev().filter(|kept| kept.replay_from >= first) {
        if let Some((_, checkpoint)) = checkpoint::read(&*engine.fs, &log.dir, log.id, kept.generation)? {
            return Ok(Some(checkpoint));
        }
        tracing::error!(log = names::log(log.id), generation = kept.generation, "a checkpoint is damaged");
    }
    if first == 1 {
        return Ok(None);
    }
    let file = log.dir.display().to_string().into();
    let what = format!("no checkpoint is whole that replays from {first} or later, where the log begins");
    Err(JournalError::Damaged { file, what: what.into() })
}

/// Why nothing becomes durable any more, if so.
pub(crate) fn check_poison(poisoned: Option<Poisoned>) -> Result<(), JournalError> {
    poisoned.map_or(Ok(()), |poisoned| Err(poisoned.into()))
}
