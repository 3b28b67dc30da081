//! Group commit: everything that waits on one log is written in one go and shares one sync.
//!
//! # Invariants
//!
//! - A log has one committer at a time; logs are committed in parallel.
//! - A header says what was durable before its group. Once a log rests, a mark says it of the last group too.
//!   So recovery can tell a group that was never acknowledged from one that was damaged later.
//! - A failed write or sync poisons the engine. Nothing is tried again.

use std::{io, sync::Arc};

use journal::Poisoned;
use types::Position;

use crate::{
    config::Durability,
    engine::Engine,
    format::{FRAME_HEADER, FrameHeader, seal_of},
    fs::{File, is_full, is_shortage},
    index::Entry,
    jobs::Job,
    log::{LogCore, Pending, Place},
    segment,
    stats::add,
};

/// Payloads smaller than this are copied behind their headers; larger ones are written from where they are.
const COPIED: usize = 64 << 10;
/// The buffer is written out when it holds so much.
const BUFFER: usize = 1 << 20;

/// What one committer uses again and again.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    group: Vec<Pending>,
    placed: Vec<Entry>,
    buffer: Vec<u8>,
}

struct Written {
    used: u64,
    link: u32,
}

/// Commits what is pending on one log, group after group, until it is at rest or another log waits for a committer: then
/// it goes into the queue again, behind that one.
pub(crate) fn run(engine: &Engine, log: &Arc<LogCore>, scratch: &mut Scratch) {
    while round(engine, log, scratch) {
        if !engine.jobs.is_empty() {
            return engine.push(Job::Commit(log.clone()));
        }
    }
}

/// Commits one group; `true` if there is more to do.
fn round(engine: &Engine, log: &LogCore, scratch: &mut Scratch) -> bool {
    let taken = log.state.lock().take_group(&mut scratch.group);
    if let Some(place) = taken {
        commit(engine, log, &place, scratch);
    }
    if engine.poisoned().is_none()
        && let Err(error) = rest(engine, log)
    {
        engine.poison("write of a mark or a new segment", &error);
    }
    let mut state = log.state.lock();
    // An engine that stopped begins no segment, and must not try for ever.
    state.sealing &= engine.poisoned().is_none();
    state.committing = !state.pending.is_empty() || (state.sealing && !state.extending);
    let more = state.committing;
    drop(state);
    log.changed.notify_waiters();
    more
}

fn commit(engine: &Engine, log: &LogCore, place: &Place, scratch: &mut Scratch) {
    if let Some(poisoned) = engine.poisoned() {
        return answer(&mut scratch.group, &Err(poisoned));
    }
    let started = engine.clock.now();
    scratch.placed.clear();
    let written = write(engine, log, place, scratch);
    let outcome = match (written, engine.poisoned()) {
        (Err(error), _) => Err(engine.poison("write of a batch", &error)),
        (Ok(_), Some(poisoned)) => Err(poisoned),
        (Ok(written), None) => {
            count(engine, scratch.group.len(), written.used - place.active.used, started);
            let synced = engine.config.durability == Durability::Fsync;
            let mut state = log.state.lock();
            state.committed(written.used, written.link, place.end, synced, &mut scratch.placed);
            Ok(())
        }
    };
    answer(&mut scratch.group, &outcome);
}

fn count(engine: &Engine, frames: usize, bytes: u64, started: types::Timestamp) {
    let stats = &engine.stats;
    let micros = u64::try_from(engine.clock.now().since(started).as_micros()).unwrap_or(u64::MAX);
    add(&stats.commits, 1);
    add(&stats.frames, frames as u64);
    add(&stats.bytes, bytes);
    add(&stats.commit_micros, micros);
    stats.commit_max_micros.fetch_max(micros, std::sync::atomic::Ordering::Relaxed);
}

fn answer(group: &mut Vec<Pending>, outcome: &Result<(), Poisoned>) {
    for pending in group.drain(..) {
        // Whoever does not wait for the answer any more has dropped it.
        let _ = pending.done.send(outcome.clone());
    }
}

fn write(engine: &Engine, log: &LogCore, place: &Place, scratch: &mut Scratch) -> io::Result<Written> {
    scratch.buffer.clear();
    let mut output = Output { file: &*place.active.file, buffer: &mut scratch.buffer, at: place.active.used };
    let mut link = place.active.link;
    for pending in &scratch.group {
        let entry = Entry { first: pending.first, at: pending.at, offset: output.end(), link: Some(link) };
        scratch.placed.push(entry);
        let header = header(log, place.synced, pending, link).encode();
        output.push(&header, pending.batch.bytes())?;
        link = seal_of(&header);
    }
    output.flush()?;
    let used = output.at;
    if engine.config.durability == Durability::Fsync {
        place.active.file.sync()?;
    }
    Ok(Written { used, link })
}

fn header(log: &LogCore, durable: Position, pending: &Pending, link: u32) -> FrameHeader {
    let batch = &pending.batch;
    FrameHeader {
        identity: log.identity,
        mark: false,
        length: u32::try_from(batch.bytes().len()).expect("a batch is at most 1 GiB"),
        count: batch.count(),
        first: pending.first,
        at: pending.at,
        durable,
        link,
        payload_crc: batch.crc(),
    }
}

/// Collects small frames, so that a group of them is one write.
struct Output<'a> {
    file: &'a dyn File,
    buffer: &'a mut Vec<u8>,
    at: u64,
}

impl Output<'_> {
    fn end(&self) -> u64 {
        self.at + self.buffer.len() as u64
    }

    fn push(&mut self, header: &[u8; FRAME_HEADER], payload: &[u8]) -> io::Result<()> {
        self.buffer.extend_from_slice(header);
        if payload.len() < COPIED {
            self.buffer.extend_from_slice(payload);
            return if self.buffer.len() >= BUFFER { self.flush() } else { Ok(()) };
        }
        self.flush()?;
        self.file.write_at(payload, self.at)?;
        self.at += payload.len() as u64;
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        if !self.buffer.is_empty() {
            self.file.write_at(self.buffer, self.at)?;
            self.at = self.end();
            self.buffer.clear();
        }
        Ok(())
    }
}

/// What a committer does between two groups: closes a full segment; leaves a mark where no group follows at once.
fn rest(engine: &Engine, log: &LogCore) -> io::Result<()> {
    if starts_roll(engine, log) {
        let rolled = roll(engine, log);
        let mut state = log.state.lock();
        (state.extending, state.sealing) = (false, false);
        drop(state);
        rolled?;
    }
    let state = log.state.lock();
    let wanted = state.pending.is_empty() && state.synced == state.end;
    let place = state.place();
    drop(state);
    if wanted { mark(log, &place) } else { Ok(()) }
}

/// Writes what is durable behind the last frame, where the next one overwrites it. It needs no sync: it is evidence,
/// not data.
pub(crate) fn mark(log: &LogCore, place: &Place) -> io::Result<()> {
    let active = &place.active;
    if active.used + FRAME_HEADER as u64 > active.allocated {
        return Ok(());
    }
    let header = FrameHeader {
        identity: log.identity,
        mark: true,
        length: 0,
        count: 0,
        first: place.end,
        at: place.written_at,
        durable: place.end,
        link: active.link,
        payload_crc: 0,
    };
    active.file.write_at(&header.encode(), active.used)
}

/// The segment is full or to be sealed, and no one extends it: holds extensions off until the roll is over.
fn starts_roll(engine: &Engine, log: &LogCore) -> bool {
    let mut state = log.state.lock();
    if engine.reserve.is_full() || state.active_first() == state.durable {
        state.sealing = false;
        return false;
    }
    let due = state.sealing || state.is_due(&engine.config);
    let starts = due && !state.extending;
    state.extending |= starts;
    starts
}

/// Goes on in a new segment, or in the old one if the disk is full or no descriptor is left.
fn roll(engine: &Engine, log: &LogCore) -> io::Result<()> {
    let (place, first, bytes) = {
        let state = log.state.lock();
        (state.place(), state.durable, state.successor_bytes(&engine.config))
    };
    // The new segment is evidence that everything before it is durable.
    sync(engine, log).map_err(io::Error::other)?;
    let created_at = place.written_at;
    let header = segment::header(log.identity, first, created_at, place.active.link);
    let (segment, active) = match segment::create(&*engine.fs, &log.dir, &header, bytes) {
        Ok(created) => created,
        Err(error) if is_shortage(&error) => {
            if is_full(&error) {
                engine.disk_is_full(bytes);
            }
            log.state.lock().refuse_roll();
            return Ok(());
        }
        Err(error) => return Err(error),
    };
    add(&engine.stats.segments, 1);
    let mut state = log.state.lock();
    state.synced = state.synced.max(first);
    state.roll_to(segment, active);
    drop(state);
    // The zeros that were not used; if this is lost in a crash they stay and do no harm.
    place.active.file.truncate(place.active.used)
}

/// Syncs what was answered before it was synced.
pub(crate) fn sync(engine: &Engine, log: &LogCore) -> Result<(), Poisoned> {
    let _turn = log.syncing.lock();
    if let Some(poisoned) = engine.poisoned() {
        return Err(poisoned);
    }
    let (file, end) = {
        let state = log.state.lock();
        if state.synced == state.durable {
            return Ok(());
        }
        (state.active.file.clone(), state.durable)
    };
    if let Err(failed) = file.sync() {
        return Err(engine.poison("sync", &failed.into()));
    }
    let mut state = log.state.lock();
    state.synced = state.synced.max(end);
    Ok(())
}
