//! Reading a log: frame by frame across its segments, up to the durable end, around damage.
//!
//! # Invariants
//!
//! - What is given was checked just now: CRCs, identity, position, and the link to the frame before.
//! - Damage is reported once for each pass, with the positions it covers; reading can go on behind it.

use std::{io, sync::Arc};

use journal::{Frame, ReadError};
use types::{Position, Timestamp};

use crate::{
    engine::Engine,
    format::VERSION,
    fs::File,
    index::{self, Entry},
    log::{LogCore, State},
    names,
    scan::{Found, FoundFrame, Scanner},
    segment::Segment,
    stats::add,
};

/// The largest block read at a time, unless a frame is larger.
const BLOCK_MAX: u64 = 1 << 20;

/// See [`journal::Log::read`].
pub(crate) fn read(
    engine: &Engine,
    log: &LogCore,
    handle: u64,
    from: Position,
    max_bytes: usize,
) -> Result<Vec<Frame>, ReadError> {
    // What was asked for, and what lies between it and the index entry before it.
    let block = (max_bytes as u64).saturating_add(index::STRIDE).min(BLOCK_MAX);
    let mut cursor = Cursor { engine, log, handle, block, next: from, open: None };
    let (mut frames, mut bytes) = (Vec::new(), 0);
    // A segment is entered at an index entry before the position that is wanted: at first, and again when the durable end of
    // the segment being written has moved on meanwhile.
    let mut wanted = from;
    while bytes < max_bytes || frames.is_empty() {
        match cursor.next() {
            Ok(Some(found)) if found.header.end() <= wanted => {}
            Ok(Some(found)) => {
                wanted = found.header.end();
                bytes += found.batch.bytes().len();
                frames.push(Frame { first: found.header.first, at: found.header.at, batch: found.batch });
            }
            Ok(None) => break,
            Err(ReadError::Corrupt { to, .. }) if to <= wanted => {}
            Err(_) if !frames.is_empty() => break,
            Err(error) => return Err(error),
        }
    }
    Ok(frames)
}

/// See [`journal::Log::position_at`].
pub(crate) fn position_at(
    engine: &Engine,
    log: &LogCore,
    handle: u64,
    at: Timestamp,
) -> Result<Position, ReadError> {
    let (start, durable) = {
        let state = log.state.lock();
        if !state.owned_by(handle) {
            return Err(ReadError::Fenced);
        }
        let older = state.segments.partition_point(|segment| segment.created_at < at).saturating_sub(1);
        (state.segments[older].index.lock().older_than(at).first, state.durable)
    };
    let mut cursor = Cursor { engine, log, handle, block: index::STRIDE, next: start, open: None };
    loop {
        match cursor.next() {
            Ok(Some(found)) if found.header.at < at => {}
            Ok(Some(found)) => return Ok(found.header.first),
            Ok(None) => return Ok(durable.max(cursor.next)),
            Err(ReadError::Corrupt { .. }) => {}
            Err(error) => return Err(error),
        }
    }
}

/// Goes from frame to frame.
struct Cursor<'a> {
    engine: &'a Engine,
    log: &'a LogCore,
    handle: u64,
    /// Bytes read at a time.
    block: u64,
    /// Position of the next frame; before a segment is entered, any position in it.
    next: Position,
    open: Option<OpenSegment>,
}

struct OpenSegment {
    scanner: Scanner,
    segment: Segment,
    /// The position after the last one that may be read here.
    end: Position,
    offset: u64,
    link: Option<u32>,
}

/// What of a segment may be read.
struct View {
    segment: Segment,
    end: Position,
    limit: u64,
    file: Option<Arc<dyn File>>,
}

impl Cursor<'_> {
    /// The next frame; `None` at the durable end. After an error it goes on behind the damage.
    fn next(&mut self) -> Result<Option<FoundFrame>, ReadError> {
        if self.open.as_ref().is_none_or(|open| self.next >= open.end) && !self.enter()? {
            return Ok(None);
        }
        let Some(open) = &mut self.open else { return Ok(None) };
        match open.scanner.at(open.offset).map_err(failed)? {
            Found::Frame(frame) if open.follows(&frame, self.next) => {
                let header = &frame.header;
                let link = Some(header.link);
                open.segment.index.lock().note(Entry {
                    first: header.first,
                    at: header.at,
                    offset: open.offset,
                    link,
                });
                self.next = header.end();
                open.offset += header.bytes();
                open.link = Some(frame.seal);
                Ok(Some(frame))
            }
            Found::Newer(found) => {
                let what = format!("a frame has format version {found}, this release reads up to {VERSION}");
                Err(ReadError::Io(what.into()))
            }
            _ => Err(self.pass_damage()?),
        }
    }

    /// Finds the next frame that is whole; says what is damaged up to there.
    fn pass_damage(&mut self) -> Result<ReadError, ReadError> {
        let from = self.next;
        let Some(open) = &mut self.open else { return Err(ReadError::Fenced) };
        (self.next, open.link) = (open.end, None);
        if let Some((offset, Found::Frame(frame))) = open.scanner.search(open.offset, from).map_err(failed)?
            && frame.header.first < open.end
        {
            self.next = frame.header.first;
            open.offset = offset;
        }
        add(&self.engine.stats.damaged, 1);
        tracing::error!(log = names::log(self.log.id), from, to = self.next, "positions are damaged");
        Ok(ReadError::Corrupt { from, to: self.next })
    }

    /// Opens the segment that holds the next position; `false` at the durable end.
    fn enter(&mut self) -> Result<bool, ReadError> {
        let view = {
            let state = self.log.state.lock();
            if !state.owned_by(self.handle) {
                return Err(ReadError::Fenced);
            }
            match view(&state, self.next)? {
                Some(view) => view,
                None => return Ok(false),
            }
        };
        let file = match view.file {
            Some(file) => file,
            None => self.open_file(view.segment.first)?,
        };
        let mut index = view.segment.index.lock();
        if let Some(before) = self.open.as_ref().filter(|before| before.end == view.segment.first)
            && let Some(link) = before.link
        {
            index.follow(link);
        }
        let start = index.before(self.next);
        drop(index);
        let scanner = Scanner::new(file, Some(self.log.identity), view.limit).in_blocks_of(self.block);
        self.next = start.first;
        self.open = Some(OpenSegment {
            scanner,
            segment: view.segment,
            end: view.end,
            offset: start.offset,
            link: start.link,
        });
        Ok(true)
    }

    fn open_file(&self, first: Position) -> Result<Arc<dyn File>, ReadError> {
        let path = self.log.dir.join(names::segment(first));
        self.engine.fs.open(&path).map_err(|error| {
            // Retention may have been faster.
            let kept = self.log.state.lock().first();
            if kept > first { ReadError::Trimmed { first: kept } } else { failed(error) }
        })
    }
}

impl OpenSegment {
    fn follows(&self, frame: &FoundFrame, position: Position) -> bool {
        let linked = self.link.is_none_or(|link| link == frame.header.link);
        frame.header.first == position && linked && frame.header.end() <= self.end
    }
}

fn view(state: &State, position: Position) -> Result<Option<View>, ReadError> {
    let first = state.first();
    if position < first {
        return Err(ReadError::Trimmed { first });
    }
    if position >= state.durable {
        return Ok(None);
    }
    let place = state.segments.partition_point(|segment| segment.first <= position) - 1;
    let segment = state.segments[place].clone();
    Ok(Some(match state.segments.get(place + 1) {
        Some(next) => View { end: next.first, limit: segment.bytes, file: None, segment },
        None => {
            let active = &state.active;
            View { end: state.durable, limit: active.used, file: Some(active.file.clone()), segment }
        }
    }))
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn failed(error: io::Error) -> ReadError {
    ReadError::Io(error.to_string().into())
}
