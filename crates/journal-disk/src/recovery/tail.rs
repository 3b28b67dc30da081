//! Reads the last segment to its end.

use std::{ops::Range, path::Path, sync::Arc};

use journal::JournalError;
use types::{Position, Timestamp};

use super::{
    read_failed,
    survey::{Survey, damaged, newer},
};
use crate::{
    engine::Engine,
    format::{FrameHeader, Identity, SEGMENT_HEADER},
    fs::File,
    index::{Entry, SparseIndex},
    names,
    scan::{Found, FoundFrame, Scanner},
};

/// What the last segment holds.
pub(super) struct Tail {
    pub(super) identity: Identity,
    pub(super) file: Arc<dyn File>,
    pub(super) size: u64,
    pub(super) header_damaged: bool,
    /// The next position, where its frame goes, and that frame's link.
    pub(super) end: Position,
    pub(super) used: u64,
    pub(super) link: u32,
    pub(super) newest: Timestamp,
    pub(super) index: SparseIndex,
    pub(super) damaged: Vec<Range<Position>>,
    /// Bytes to cut off.
    pub(super) torn: u64,
    /// From this offset on nothing shows that the frames were durable.
    pub(super) unproven: u64,
}

/// Reads the last segment. Changes nothing.
pub(super) fn scan(engine: &Engine, survey: &Survey, dir: &Path) -> Result<Tail, JournalError> {
    let last = survey.segments.last().ok_or_else(|| damaged(dir, "it has no segment"))?;
    let path = dir.join(names::segment(last.segment.first));
    let file = engine.fs.open(&path).map_err(read_failed)?;
    let size = file.size().map_err(read_failed)?;
    let identity = match survey.identity() {
        Some(identity) => identity,
        None => first_identity(&file, size, survey)
            .map_err(read_failed)?
            .ok_or_else(|| damaged(&path, "neither its header nor its first frame is whole"))?,
    };
    let first = last.segment.first;
    let proven = survey.checkpoints.iter().map(|kept| kept.as_of).fold(first, Position::max);
    let link = last.header.map(|header| header.link);
    let mut walk = Walk {
        scanner: Scanner::new(file.clone(), Some(identity), size),
        offset: SEGMENT_HEADER as u64,
        end: first,
        link,
        newest: last.segment.created_at,
        proven,
        index: SparseIndex::new(first, last.segment.created_at, link),
        frames: Vec::new(),
        damaged: Vec::new(),
        torn: 0,
    };
    walk.run().map_err(|failed| match failed {
        Failed::Io(error) => read_failed(error),
        Failed::Newer(found) => newer(&path, found),
    })?;
    let unproven = walk.unproven();
    Ok(Tail {
        identity,
        file,
        size,
        header_damaged: last.header.is_none(),
        end: walk.end,
        used: walk.offset,
        link: walk.link.unwrap_or(0),
        newest: walk.newest,
        index: walk.index,
        damaged: walk.damaged,
        torn: walk.torn,
        unproven,
    })
}

/// With the only header damaged, the first frame says whose segment it is.
fn first_identity(file: &Arc<dyn File>, size: u64, survey: &Survey) -> std::io::Result<Option<Identity>> {
    let found = Scanner::new(file.clone(), None, size).at(SEGMENT_HEADER as u64)?;
    let identity = match found {
        Found::Frame(frame) => Some(frame.header.identity),
        Found::Mark(mark) => Some(mark.identity),
        _ => None,
    };
    Ok(identity.filter(|identity| identity.log == survey.log))
}

enum Failed {
    Io(std::io::Error),
    Newer(u32),
}

impl From<std::io::Error> for Failed {
    fn from(error: std::io::Error) -> Self {
        Self::Io(error)
    }
}

struct Walk {
    scanner: Scanner,
    offset: u64,
    end: Position,
    /// `None`: after damage, or under a damaged header, any link will do.
    link: Option<u32>,
    newest: Timestamp,
    /// Every position below this was durable once.
    proven: Position,
    index: SparseIndex,
    /// Ends and offsets of the frames that were not proven when they were met.
    frames: Vec<(Position, u64)>,
    damaged: Vec<Range<Position>>,
    torn: u64,
}

impl Walk {
    fn run(&mut self) -> Result<(), Failed> {
        loop {
            match self.scanner.at(self.offset)? {
                Found::Frame(frame) if self.follows(&frame.header) => self.accept(&frame),
                Found::Mark(mark) if self.follows(&mark) => {
                    self.proven = self.proven.max(mark.durable);
                    let behind = self.offset + mark.bytes();
                    let stray = self.scanner.used_after(behind)?;
                    if !self.passes_damage(behind, stray)? {
                        // What lies behind a mark was never acknowledged, or the mark would be gone.
                        self.torn = if stray == 0 { 0 } else { mark.bytes() + stray };
                        return Ok(());
                    }
                }
                Found::Newer(version) => return Err(Failed::Newer(version)),
                _ => {
                    let stray = self.scanner.used_after(self.offset)?;
                    if !self.passes_damage(self.offset, stray)? {
                        self.torn = stray;
                        return Ok(());
                    }
                }
            }
        }
    }

    fn follows(&self, header: &FrameHeader) -> bool {
        header.first == self.end && self.link.is_none_or(|link| link == header.link)
    }

    fn accept(&mut self, frame: &FoundFrame) {
        let header = &frame.header;
        self.index.note(Entry {
            first: header.first,
            at: header.at,
            offset: self.offset,
            link: Some(header.link),
        });
        if header.durable > self.proven {
            self.proven = header.durable;
            self.frames.retain(|(end, _)| *end > self.proven);
        }
        self.frames.push((header.end(), self.offset));
        self.end = header.end();
        self.offset += header.bytes();
        self.link = Some(frame.seal);
        self.newest = self.newest.max(header.at);
    }

    /// The log does not go on here. If it once did, notes what is damaged and goes on behind it.
    fn passes_damage(&mut self, from: u64, stray: u64) -> Result<bool, Failed> {
        let next = if stray == 0 { None } else { self.evidence_after(from)? };
        if self.proven <= self.end {
            return Ok(false);
        }
        let damaged_from = self.end;
        match next {
            Some((offset, first, link)) if first <= self.proven => {
                (self.offset, self.end, self.link) = (offset, first, Some(link));
            }
            _ => {
                // What lies there is not understood and is not touched.
                self.end = self.proven;
                self.offset = self.scanner.limit();
                self.link = None;
            }
        }
        self.damaged.push(damaged_from..self.end);
        Ok(true)
    }

    /// Takes in what later frames and marks say was durable; returns the place, position and link of the first one.
    fn evidence_after(&mut self, from: u64) -> Result<Option<(u64, Position, u32)>, Failed> {
        let (mut from, mut first_found) = (from, None);
        while let Some((offset, found)) = self.scanner.search(from, self.end)? {
            let header = match found {
                Found::Frame(frame) => frame.header,
                Found::Mark(mark) => mark,
                _ => break,
            };
            self.proven = self.proven.max(header.durable);
            first_found.get_or_insert((offset, header.first, header.link));
            from = offset + header.bytes();
        }
        Ok(first_found)
    }

    /// Where the first frame begins that no evidence shows to have been durable.
    fn unproven(&self) -> u64 {
        let unproven = self.frames.iter().find(|(end, _)| *end > self.proven);
        unproven.map_or(self.offset, |(_, offset)| *offset)
    }
}
