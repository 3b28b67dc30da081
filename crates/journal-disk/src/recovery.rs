//! Opening a log: what is there, what is torn, what is damaged, and where the next frame goes.
//!
//! # Invariants
//!
//! - Everything is looked at before anything is changed, so that a refusal has changed nothing.
//! - Only what no evidence shows to have been durable is cut off. Evidence is a later frame or mark that says so, a
//!   checkpoint, or the segment itself, which begins only once everything before it is durable.
//! - A segment with damage in it is never written again: the log goes on in a new one.
//! - What no evidence shows to be durable, but is whole, is written again and synced before it is trusted: after a
//!   failed sync the page cache shows what the disk may not have.
//!
//! Closed segments are not read here: what is read later is checked then.

mod survey;
mod tail;

use std::{
    collections::VecDeque,
    hash::{BuildHasher, Hasher, RandomState},
    io,
    path::Path,
    sync::Arc,
};

use journal::JournalError;
use parking_lot::Mutex;
use survey::Survey;
use tail::Tail;
use tokio::sync::Notify;
use types::{LogId, Timestamp};

use crate::{
    engine::Engine,
    format::{Identity, SegmentHeader},
    fs::{TEMPORARY, sync_dir},
    log::{LogCore, Recovered, State},
    names,
    segment::{self, Active, Segment},
    stats::add,
};

/// Opens a log, or makes it.
pub(crate) fn open(engine: &Engine, id: LogId) -> Result<LogCore, JournalError> {
    let dir = engine.log_dir(id);
    if !engine.fs.exists(&dir).map_err(read_failed)? {
        create(engine, id).map_err(|error| engine.failed("creation of a log", &error))?;
    }
    let survey = survey::survey(engine, id, &dir)?;
    let tail = tail::scan(engine, &survey, &dir)?;
    report(engine, id, &survey, &tail);
    let identity = tail.identity;
    let found =
        settle(engine, &dir, survey, tail).map_err(|error| engine.failed("recovery of a log", &error))?;
    Ok(LogCore {
        id,
        dir,
        identity,
        state: Mutex::new(State::new(found)),
        changed: Notify::new(),
        upkeep: Mutex::new(()),
        syncing: Mutex::new(()),
    })
}

/// Makes a log in one step: its directory gets its name once the first segment is in it.
fn create(engine: &Engine, id: LogId) -> io::Result<()> {
    let final_dir = engine.log_dir(id);
    let dir = engine.logs_dir().join(names::log(id) + TEMPORARY);
    if engine.fs.exists(&dir)? {
        engine.fs.remove_dir(&dir)?;
    }
    let parent = engine.fs.open_dir(&engine.logs_dir())?;
    engine.fs.create_dir(&dir)?;
    let identity = Identity { log: id, incarnation: unguessable() };
    // No time of the appender's is known yet, and its first may be earlier than the clock's.
    let header = segment::header(identity, 1, Timestamp::EPOCH, 0);
    segment::create(&*engine.fs, &dir, &header, engine.config.chunk_min_bytes)?;
    engine.fs.rename(&dir, &final_dir)?;
    Ok(parent.sync()?)
}

/// What no publisher can know: the hash of nothing under keys that the system's random source seeds.
fn unguessable() -> u64 {
    RandomState::new().build_hasher().finish()
}

fn report(engine: &Engine, id: LogId, survey: &Survey, tail: &Tail) {
    let log = names::log(id);
    if tail.torn > 0 {
        add(&engine.stats.torn_bytes, tail.torn);
        tracing::warn!(
            log,
            bytes = tail.torn,
            end = tail.end,
            "a torn tail that was never acknowledged is cut off"
        );
    }
    for range in &tail.damaged {
        add(&engine.stats.damaged, 1);
        tracing::error!(
            log,
            from = range.start,
            to = range.end,
            "positions are damaged; the rest can be read"
        );
    }
    for file in &survey.damaged_files {
        add(&engine.stats.damaged, 1);
        tracing::error!(log, file, "the header is damaged, or the checkpoint");
    }
}

/// Changes the disk so that appends can go on.
fn settle(engine: &Engine, dir: &Path, survey: Survey, tail: Tail) -> io::Result<Recovered> {
    for name in &survey.temporary {
        engine.fs.remove_file(&dir.join(name))?;
    }
    let mut segments: VecDeque<Segment> = survey.segments.into_iter().map(|found| found.segment).collect();
    let mut active = Active { file: tail.file, used: tail.used, allocated: tail.size, link: tail.link };
    make_durable(&mut active, tail.unproven, tail.torn)?;
    sync_dir(&*engine.fs, dir)?;
    if let Some(last) = segments.back_mut() {
        last.bytes = active.allocated;
        last.index = Arc::new(tail.index.into());
    }
    if tail.header_damaged || !tail.damaged.is_empty() {
        if segments.back().is_some_and(|last| last.first == tail.end) {
            segments.pop_back();
        }
        let header =
            SegmentHeader { identity: tail.identity, first: tail.end, created_at: tail.newest, link: 0 };
        let (next, replacement) = segment::create(&*engine.fs, dir, &header, engine.config.chunk_min_bytes)?;
        segments.push_back(next);
        active = replacement;
    }
    Ok(Recovered {
        end: tail.end,
        newest: tail.newest,
        segments,
        active,
        checkpoints: survey.checkpoints,
        next_generation: survey.next_generation,
    })
}

/// Cuts off what is torn, writes what is whole but unproven again, and syncs.
fn make_durable(active: &mut Active, unproven: u64, torn: u64) -> io::Result<()> {
    if torn > 0 {
        active.file.truncate(active.used)?;
        active.allocated = active.used;
    }
    let length = usize::try_from(active.used - unproven).map_err(io::Error::other)?;
    if length > 0 {
        let mut bytes = vec![0; length];
        active.file.read_at(&mut bytes, unproven)?;
        active.file.write_at(&bytes, unproven)?;
    }
    Ok(active.file.sync()?)
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
pub(crate) fn read_failed(error: io::Error) -> JournalError {
    JournalError::Io(error.to_string().into())
}
