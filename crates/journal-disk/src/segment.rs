//! Segments: one file each, closed ones for reading and one that is being written.

use std::{io, path::Path, sync::Arc};

use parking_lot::Mutex;
use types::{Position, Timestamp};

use crate::{
    format::{Identity, SEGMENT_HEADER, SegmentHeader},
    fs::{File, FileSystem, publish_file, write_zeros},
    index::SparseIndex,
    names,
};

/// What is known of a segment, of the one being written too.
#[derive(Debug, Clone)]
pub(crate) struct Segment {
    pub(crate) first: Position,
    pub(crate) created_at: Timestamp,
    /// Size of the file; not kept up for the one being written.
    pub(crate) bytes: u64,
    pub(crate) index: Arc<Mutex<SparseIndex>>,
}

impl Segment {
    pub(crate) fn new(header: &SegmentHeader, bytes: u64) -> Self {
        let index = SparseIndex::new(header.first, header.created_at, Some(header.link));
        Self { first: header.first, created_at: header.created_at, bytes, index: Arc::new(Mutex::new(index)) }
    }
}

/// The file being written.
#[derive(Debug, Clone)]
pub(crate) struct Active {
    pub(crate) file: Arc<dyn File>,
    /// The next frame goes here.
    pub(crate) used: u64,
    /// Zeros are on disk up to here: writing below it needs no space.
    pub(crate) allocated: u64,
    /// The next frame's link.
    pub(crate) link: u32,
}

/// Makes a segment with so many bytes taken, durably, under its final name.
pub(crate) fn create(
    fs: &dyn FileSystem,
    dir: &Path,
    header: &SegmentHeader,
    bytes: u64,
) -> io::Result<(Segment, Active)> {
    let start = SEGMENT_HEADER as u64;
    let file = publish_file(fs, &dir.join(names::segment(header.first)), |file| {
        file.write_at(&header.encode(), 0)?;
        write_zeros(file, start, bytes)
    })?;
    let allocated = start + bytes;
    Ok((Segment::new(header, allocated), Active { file, used: start, allocated, link: header.link }))
}

/// Whose segment, and where: the header of one that follows another.
pub(crate) fn header(identity: Identity, first: Position, created_at: Timestamp, link: u32) -> SegmentHeader {
    SegmentHeader { identity, first, created_at, link }
}
