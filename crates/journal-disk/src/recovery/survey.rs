//! What files a log has, going by their names and headers.

use std::{path::Path, sync::Arc};

use journal::JournalError;
use types::{LogId, Position, Timestamp};

use super::read_failed;
use crate::{
    checkpoint::{self, Kept},
    engine::Engine,
    format::{Identity, SEGMENT_HEADER, SegmentHeader, Unreadable, VERSION},
    fs::TEMPORARY,
    index::SparseIndex,
    names,
    segment::{self, Segment},
};

/// Positions and generations beyond this are not reached in centuries; adding to the ones below never overflows.
const NUMBER_LIMIT: u64 = 1 << 62;

/// Files of one log.
pub(super) struct Survey {
    pub(super) log: LogId,
    /// Oldest first; never empty.
    pub(super) segments: Vec<FoundSegment>,
    /// Whole ones, older first; at most two.
    pub(super) checkpoints: Vec<Kept>,
    pub(super) next_generation: u64,
    /// Unfinished; to be removed.
    pub(super) temporary: Vec<String>,
    pub(super) damaged_files: Vec<String>,
}

pub(super) struct FoundSegment {
    pub(super) segment: Segment,
    /// `None` if it is damaged.
    pub(super) header: Option<SegmentHeader>,
}

/// Looks at a log's directory. Changes nothing.
pub(super) fn survey(engine: &Engine, log: LogId, dir: &Path) -> Result<Survey, JournalError> {
    let names = engine.fs.list(dir).map_err(read_failed)?;
    let mut firsts: Vec<_> = names.iter().filter_map(|name| names::parse_segment(name)).collect();
    firsts.sort_unstable();
    let mut found = Survey {
        log,
        segments: Vec::new(),
        checkpoints: Vec::new(),
        next_generation: 1,
        temporary: names.iter().filter(|name| name.ends_with(TEMPORARY)).cloned().collect(),
        damaged_files: Vec::new(),
    };
    let generations = names.iter().filter_map(|name| names::parse_checkpoint(name));
    if generations.chain(firsts.iter().copied()).any(|number| number > NUMBER_LIMIT) {
        return Err(damaged(dir, "a file in it has a number that no log reaches"));
    }
    if firsts.is_empty() {
        return Err(damaged(dir, "it has no segment, though every log has one"));
    }
    for first in firsts {
        found.add_segment(engine, dir, first)?;
    }
    let mut generations: Vec<_> = names.iter().filter_map(|name| names::parse_checkpoint(name)).collect();
    generations.sort_unstable();
    found.next_generation = generations.last().map_or(1, |last| last + 1);
    found.add_checkpoints(engine, dir, &generations)?;
    Ok(found)
}

impl Survey {
    /// Whose frames these are; `None` if no header says so.
    pub(super) fn identity(&self) -> Option<Identity> {
        self.segments.iter().find_map(|found| found.header.as_ref()).map(|header| header.identity)
    }

    fn add_segment(&mut self, engine: &Engine, dir: &Path, first: Position) -> Result<(), JournalError> {
        let path = dir.join(names::segment(first));
        let file = engine.fs.open(&path).map_err(read_failed)?;
        let bytes = file.size().map_err(read_failed)?;
        let mut raw = [0; SEGMENT_HEADER];
        let read = file.read_at(&mut raw, 0).map_err(read_failed)?;
        let header = match SegmentHeader::decode(&raw[..read]) {
            Ok(header) => Some(header),
            Err(Unreadable::Damaged) => None,
            Err(Unreadable::Newer(found)) => return Err(newer(&path, found)),
        };
        let known = self.identity();
        if let Some(header) = &header {
            let stranger = known.is_some_and(|known| known != header.identity);
            if header.identity.log != self.log || header.first != first || stranger {
                return Err(damaged(&path, "it is another log's segment, or another one of this log's"));
            }
        } else {
            self.damaged_files.push(names::segment(first));
        }
        let segment = match &header {
            Some(header) => Segment::new(header, bytes),
            None => self.without_header(first, bytes),
        };
        self.segments.push(FoundSegment { segment, header });
        Ok(())
    }

    /// A segment whose header is damaged: its frames speak for themselves.
    fn without_header(&self, first: Position, bytes: u64) -> Segment {
        let created_at = self.segments.last().map_or(Timestamp::EPOCH, |before| before.segment.created_at);
        let identity = Identity { log: self.log, incarnation: 0 };
        let mut segment = Segment::new(&segment::header(identity, first, created_at, 0), bytes);
        segment.index = Arc::new(SparseIndex::new(first, created_at, None).into());
        segment
    }

    fn add_checkpoints(
        &mut self,
        engine: &Engine,
        dir: &Path,
        generations: &[u64],
    ) -> Result<(), JournalError> {
        for generation in generations {
            match checkpoint::read(&*engine.fs, dir, self.log, *generation)? {
                Some((kept, _)) => self.checkpoints.push(kept),
                None => self.damaged_files.push(names::checkpoint(*generation)),
            }
        }
        let surplus = self.checkpoints.len().saturating_sub(2);
        self.checkpoints.drain(..surplus);
        Ok(())
    }
}

pub(super) fn damaged(path: &Path, what: &str) -> JournalError {
    JournalError::Damaged { file: path.display().to_string().into(), what: what.into() }
}

pub(super) fn newer(path: &Path, found: u32) -> JournalError {
    JournalError::NewerFormat { file: path.display().to_string().into(), found, known: VERSION }
}
