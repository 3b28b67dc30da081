//! One log in memory: what is accepted, what is durable, and where the next frame goes.
//!
//! # Invariants
//!
//! - `durable <= end`; positions `durable..end` are pending or in the group being written.
//! - `active.used + pending_bytes + a mark <= active.allocated`: what is accepted fits into blocks that exist.
//! - Only the committer that set `committing` moves `active.used` and `active.link`; only the holder of `extending`
//!   moves `active.allocated` or replaces the segment.
//! - No I/O happens under `state`.

use std::{collections::VecDeque, path::PathBuf};

use journal::{AppendError, Appended, Batch, Durable, Poisoned, Priority};
use parking_lot::Mutex;
use tokio::sync::{Notify, oneshot, watch};
use types::{LogId, Position, Timestamp};

use crate::{
    checkpoint::Kept,
    config::Config,
    format::{FRAME_HEADER, Identity},
    index::Entry,
    segment::{Active, Segment},
};

/// A log that is open.
#[derive(Debug)]
pub(crate) struct LogCore {
    pub(crate) id: LogId,
    pub(crate) dir: PathBuf,
    pub(crate) identity: Identity,
    pub(crate) state: Mutex<State>,
    /// Something that a waiter may wait for has changed: room, idleness, the owner.
    pub(crate) changed: Notify,
    /// Trimming and checkpoints take turns.
    pub(crate) upkeep: Mutex<()>,
    /// Syncs of what was answered before take turns, and each poisons before the next one's: the system reports a lost
    /// write to one of them only.
    pub(crate) syncing: Mutex<()>,
}

/// An accepted batch on its way to the disk.
#[derive(Debug)]
pub(crate) struct Pending {
    pub(crate) first: Position,
    pub(crate) at: Timestamp,
    pub(crate) batch: Batch,
    pub(crate) done: oneshot::Sender<Result<(), Poisoned>>,
}

#[derive(Debug)]
pub(crate) struct State {
    owner: u64,
    /// Dropped when the owner is fenced, which ends those who follow it.
    tail: Option<watch::Sender<Position>>,
    pub(crate) end: Position,
    /// What the tail says.
    pub(crate) durable: Position,
    /// What has been synced; the same, unless answers do not wait for it.
    pub(crate) synced: Position,
    pub(crate) newest: Timestamp,
    /// When the last frame that is on disk was appended.
    written_at: Timestamp,
    pub(crate) pending: Vec<Pending>,
    pub(crate) pending_bytes: u64,
    pub(crate) committing: bool,
    pub(crate) extending: bool,
    /// The largest frame that found no space since the last extension, and who needs it.
    wanted: u64,
    wanted_for: Priority,
    /// A new segment is asked for before the present one is full.
    pub(crate) sealing: bool,
    /// Attempts at a new segment for which something was short.
    pub(crate) refused_rolls: u64,
    /// The last attempt was one of them: the present segment grows meanwhile.
    roll_refused: bool,
    /// Not even the reserve had space.
    pub(crate) exhausted: bool,
    pub(crate) segments: VecDeque<Segment>,
    pub(crate) active: Active,
    /// The checkpoints that are whole, older first; at most two.
    pub(crate) checkpoints: Vec<Kept>,
    pub(crate) next_generation: u64,
}

/// What recovery found.
pub(crate) struct Recovered {
    pub(crate) end: Position,
    pub(crate) newest: Timestamp,
    pub(crate) segments: VecDeque<Segment>,
    pub(crate) active: Active,
    pub(crate) checkpoints: Vec<Kept>,
    pub(crate) next_generation: u64,
}

/// Where the next group goes.
pub(crate) struct Place {
    pub(crate) active: Active,
    pub(crate) synced: Position,
    /// The position after the group.
    pub(crate) end: Position,
    /// When the last frame before the group was appended.
    pub(crate) written_at: Timestamp,
}

/// An extension to make.
pub(crate) struct Extension {
    /// First position of the segment being written.
    pub(crate) segment: Position,
    pub(crate) allocated: u64,
    pub(crate) bytes: u64,
    /// The least that helps.
    pub(crate) needed: u64,
    pub(crate) priority: Priority,
}

/// What the committers have to do.
#[derive(Debug, Default)]
#[must_use]
pub(crate) struct Wanted {
    pub(crate) commit: bool,
    pub(crate) extend: bool,
}

/// What a batch takes on disk.
pub(crate) fn frame_bytes(payload: usize) -> u64 {
    (FRAME_HEADER + payload) as u64
}

impl State {
    pub(crate) fn new(found: Recovered) -> Self {
        Self {
            owner: 0,
            tail: None,
            end: found.end,
            durable: found.end,
            synced: found.end,
            newest: found.newest,
            written_at: found.newest,
            pending: Vec::new(),
            pending_bytes: 0,
            committing: false,
            extending: false,
            wanted: 0,
            wanted_for: Priority::Publish,
            sealing: false,
            refused_rolls: 0,
            roll_refused: false,
            exhausted: false,
            segments: found.segments,
            active: found.active,
            checkpoints: found.checkpoints,
            next_generation: found.next_generation,
        }
    }

    /// First position of the segment being written.
    pub(crate) fn active_first(&self) -> Position {
        self.segments.back().map_or(1, |segment| segment.first)
    }

    /// Makes a new handle the owner; the one before is fenced.
    pub(crate) fn take_over(&mut self) -> (u64, watch::Receiver<Position>) {
        self.fence();
        let (sender, tail) = watch::channel(self.durable);
        self.tail = Some(sender);
        (self.owner, tail)
    }

    /// No handle is the owner from here on.
    pub(crate) fn fence(&mut self) {
        self.owner += 1;
        self.tail = None;
    }

    pub(crate) fn owned_by(&self, handle: u64) -> bool {
        self.owner == handle
    }

    /// Nothing is on its way to the disk.
    pub(crate) fn is_idle(&self) -> bool {
        self.pending.is_empty() && !self.committing && !self.extending
    }

    pub(crate) fn first(&self) -> Position {
        self.segments.front().map_or(1, |segment| segment.first)
    }

    /// Bytes that are taken and not spoken for, a mark's left out.
    fn spare(&self) -> u64 {
        let promised = self.active.used + self.pending_bytes + FRAME_HEADER as u64;
        self.active.allocated.saturating_sub(promised)
    }

    /// Whether there is space for a frame.
    pub(crate) fn fits(&self, frame: u64) -> bool {
        frame <= self.spare()
    }

    /// Whether a frame can be accepted now.
    pub(crate) fn admits(&self, frame: u64, priority: Priority, config: &Config) -> Result<(), AppendError> {
        let fits = self.fits(frame);
        if !fits && self.exhausted && priority == Priority::State {
            return Err(AppendError::OutOfSpace);
        }
        if !fits || self.pending_bytes + frame > config.pending_bytes + FRAME_HEADER as u64 {
            return Err(AppendError::Busy);
        }
        Ok(())
    }

    pub(crate) fn accept(&mut self, now: Timestamp, batch: Batch) -> Appended {
        let (done, durable) = Durable::channel();
        let first = self.end;
        self.newest = self.newest.max(now);
        self.end += u64::from(batch.count());
        self.pending_bytes += frame_bytes(batch.bytes().len());
        self.pending.push(Pending { first, at: self.newest, batch, done });
        Appended { first, durable }
    }

    /// Takes on committing; `false` if someone else has.
    pub(crate) fn start_committing(&mut self) -> bool {
        !std::mem::replace(&mut self.committing, true)
    }

    /// Asks for space for a frame: more of this segment, or a new one if this one is full.
    pub(crate) fn want(&mut self, frame: u64, priority: Priority, config: &Config) -> Wanted {
        let mut wanted = Wanted::default();
        if self.extending {
            return wanted;
        }
        if self.is_due(config) && !self.roll_refused && priority == Priority::Publish {
            self.sealing = true;
            wanted.commit = self.start_committing();
            return wanted;
        }
        self.wanted = self.wanted.max(frame);
        self.wanted_for = priority;
        self.extending = true;
        wanted.extend = true;
        wanted
    }

    /// The segment has reached its size.
    pub(crate) fn is_due(&self, config: &Config) -> bool {
        self.active.used >= config.segment_bytes
    }

    /// Space should be taken before it is missed.
    pub(crate) fn runs_low(&self, config: &Config) -> bool {
        !self.is_due(config) && self.spare() < self.chunk(config) / 2
    }

    /// How much space to take at a time: as much as there is already, within the configured bounds.
    fn chunk(&self, config: &Config) -> u64 {
        let before = self.segments.iter().rev().nth(1).map_or(0, |closed| closed.bytes);
        before.max(self.active.allocated).clamp(config.chunk_min_bytes, config.chunk_max_bytes)
    }

    pub(crate) fn plan_extension(&mut self, config: &Config) -> Extension {
        // What is missing for the frame that waits, and a mark.
        let missing = (self.wanted + FRAME_HEADER as u64).saturating_sub(self.spare());
        let priority = std::mem::replace(&mut self.wanted_for, Priority::Publish);
        self.wanted = 0;
        let needed = missing.next_multiple_of(config.chunk_min_bytes).max(config.chunk_min_bytes);
        let bytes = needed.max(self.chunk(config));
        Extension { segment: self.active_first(), allocated: self.active.allocated, bytes, needed, priority }
    }

    /// Space that a new segment needs so that everything accepted fits into it, as it fits into the present one.
    pub(crate) fn successor_bytes(&self, config: &Config) -> u64 {
        (self.active.allocated - self.active.used).max(self.chunk(config))
    }

    /// Moves everything pending into `group`; `None` if there is nothing.
    pub(crate) fn take_group(&mut self, group: &mut Vec<Pending>) -> Option<Place> {
        std::mem::swap(&mut self.pending, group);
        (!group.is_empty()).then(|| self.place())
    }

    pub(crate) fn place(&self) -> Place {
        Place { active: self.active.clone(), synced: self.synced, end: self.end, written_at: self.written_at }
    }

    /// A group is on disk.
    pub(crate) fn committed(
        &mut self,
        used: u64,
        link: u32,
        end: Position,
        synced: bool,
        placed: &mut Vec<Entry>,
    ) {
        debug_assert!(used <= self.active.allocated, "data went only where space was taken");
        self.pending_bytes -= used - self.active.used;
        (self.active.used, self.active.link, self.durable) = (used, link, end);
        if synced {
            self.synced = end;
        }
        self.written_at = placed.last().map_or(self.written_at, |entry| entry.at);
        if let Some(segment) = self.segments.back() {
            let mut index = segment.index.lock();
            placed.drain(..).for_each(|entry| index.note(entry));
        }
        if let Some(tail) = &self.tail {
            tail.send_replace(end);
        }
    }

    /// The log goes on in the segment that it has.
    pub(crate) fn refuse_roll(&mut self) {
        self.refused_rolls += 1;
        self.roll_refused = true;
    }

    /// Another segment takes the place of the one being written.
    pub(crate) fn roll_to(&mut self, segment: Segment, active: Active) {
        if let Some(closed) = self.segments.back_mut() {
            closed.bytes = self.active.used;
        }
        self.segments.push_back(segment);
        self.active = active;
        self.roll_refused = false;
    }

    pub(crate) fn extended_to(&mut self, allocated: u64) {
        self.active.allocated = allocated;
    }
}

impl LogCore {
    /// Answers everything that waits with the failure.
    pub(crate) fn fail_pending(&self, poisoned: &Poisoned) {
        let waiting = std::mem::take(&mut self.state.lock().pending);
        for pending in waiting {
            let _ = pending.done.send(Err(poisoned.clone()));
        }
        self.changed.notify_waiters();
    }

    /// No committer goes on with this log: what waits is told why.
    pub(crate) fn give_up(&self, why: &Poisoned) {
        let mut state = self.state.lock();
        (state.committing, state.extending, state.sealing) = (false, false, false);
        drop(state);
        self.fail_pending(why);
    }

    /// Waits until no checkpoint or trim is at work in the directory. Of a log that is fenced none begins after that.
    pub(crate) fn finish_upkeep(&self) {
        drop(self.upkeep.lock());
    }

    /// Fences the owner, and waits until nothing is on its way to the disk any more.
    pub(crate) async fn quiesce(&self) {
        self.state.lock().fence();
        self.changed.notify_waiters();
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if self.state.lock().is_idle() {
                return;
            }
            changed.await;
        }
    }
}
