//! Reads frames from a segment's file, in blocks, and trusts nothing that its CRC does not vouch for.
//!
//! # Invariants
//!
//! - A frame that is found is whole: header CRC, payload CRC, identity, and the payload is a run of records.
//! - Nothing at or past the limit is looked at.

use std::{io, sync::Arc};

use bytes::Bytes;
use journal::Batch;
use types::Position;

use crate::{
    format::{FRAME_HEADER, FRAME_MAGIC, FrameHeader, Identity, Unreadable},
    fs::File,
};

/// Bytes read at a time when a whole segment is read.
const BLOCK: u64 = 256 << 10;

/// What is at an offset.
#[derive(Debug)]
pub(crate) enum Found {
    Frame(FoundFrame),
    /// Says what is durable; the log ends here.
    Mark(FrameHeader),
    /// Zeros, or nothing.
    Nothing,
    Damaged,
    /// Written by a newer release.
    Newer(u32),
}

#[derive(Debug)]
pub(crate) struct FoundFrame {
    pub(crate) header: FrameHeader,
    /// Its header's CRC: the link of the next one.
    pub(crate) seal: u32,
    pub(crate) batch: Batch,
}

/// Reads one file, forwards.
#[derive(Debug)]
pub(crate) struct Scanner {
    file: Arc<dyn File>,
    /// Whose frames count; any one's if it is not known.
    identity: Option<Identity>,
    limit: u64,
    block_bytes: u64,
    block: Bytes,
    block_at: u64,
}

impl Scanner {
    pub(crate) fn new(file: Arc<dyn File>, identity: Option<Identity>, limit: u64) -> Self {
        Self { file, identity, limit, block_bytes: BLOCK, block: Bytes::new(), block_at: 0 }
    }

    /// Reads in smaller or larger blocks.
    pub(crate) fn in_blocks_of(mut self, bytes: u64) -> Self {
        self.block_bytes = bytes;
        self
    }

    /// Where reading ends.
    pub(crate) fn limit(&self) -> u64 {
        self.limit
    }

    /// What begins at `offset`.
    pub(crate) fn at(&mut self, offset: u64) -> io::Result<Found> {
        let head = self.bytes(offset, FRAME_HEADER as u64)?;
        if head.iter().all(|byte| *byte == 0) {
            return Ok(Found::Nothing);
        }
        let (header, seal) = match FrameHeader::decode(&head) {
            Ok(decoded) => decoded,
            Err(Unreadable::Damaged) => return Ok(Found::Damaged),
            Err(Unreadable::Newer(version)) => return Ok(Found::Newer(version)),
        };
        if self.identity.is_some_and(|identity| identity != header.identity) {
            return Ok(Found::Damaged);
        }
        if header.mark {
            return Ok(Found::Mark(header));
        }
        let payload = self.bytes(offset + FRAME_HEADER as u64, u64::from(header.length))?;
        let whole = payload.len() == header.length as usize;
        // One pass: the batch's own CRC is the payload's.
        Ok(match Batch::decode(payload, header.count) {
            Ok(batch) if whole && batch.crc() == header.payload_crc => {
                Found::Frame(FoundFrame { header, seal, batch })
            }
            _ => Found::Damaged,
        })
    }

    /// The first frame or mark at or after `offset` that belongs to the log and begins past `position`.
    pub(crate) fn search(&mut self, mut offset: u64, position: Position) -> io::Result<Option<(u64, Found)>> {
        while let Some(candidate) = self.find_magic(offset)? {
            let found = self.at(candidate)?;
            let first = match &found {
                Found::Frame(frame) => frame.header.first,
                Found::Mark(mark) => mark.first,
                _ => 0,
            };
            if first > position {
                return Ok(Some((candidate, found)));
            }
            offset = candidate + 1;
        }
        Ok(None)
    }

    /// How many bytes from `offset` on up to the last one that is not zero.
    pub(crate) fn used_after(&mut self, offset: u64) -> io::Result<u64> {
        let (mut at, mut end) = (offset, offset);
        while at < self.limit {
            let block = self.bytes(at, BLOCK.min(self.limit - at))?;
            if block.is_empty() {
                break;
            }
            if let Some(last) = block.iter().rposition(|byte| *byte != 0) {
                end = at + last as u64 + 1;
            }
            at += block.len() as u64;
        }
        Ok(end - offset)
    }

    /// The bytes there, as far as there are any.
    pub(crate) fn bytes(&mut self, offset: u64, length: u64) -> io::Result<Bytes> {
        let end = (offset + length).min(self.limit);
        if end <= offset {
            return Ok(Bytes::new());
        }
        if offset < self.block_at || end > self.block_at + self.block.len() as u64 {
            self.load(offset, end)?;
        }
        let start = usize::try_from(offset - self.block_at).unwrap_or(usize::MAX).min(self.block.len());
        let stop = usize::try_from(end - self.block_at).unwrap_or(usize::MAX).min(self.block.len());
        Ok(self.block.slice(start..stop))
    }

    fn load(&mut self, offset: u64, end: u64) -> io::Result<()> {
        let wanted = (end - offset).max(self.block_bytes).min(self.limit - offset);
        let mut block = vec![0; usize::try_from(wanted).map_err(io::Error::other)?];
        let read = self.file.read_at(&mut block, offset)?;
        block.truncate(read);
        self.block = Bytes::from(block);
        self.block_at = offset;
        Ok(())
    }

    fn find_magic(&mut self, mut offset: u64) -> io::Result<Option<u64>> {
        while offset + FRAME_HEADER as u64 <= self.limit {
            let block = self.bytes(offset, BLOCK.min(self.limit - offset))?;
            if let Some(place) = block.windows(FRAME_MAGIC.len()).position(|window| window == FRAME_MAGIC) {
                return Ok(Some(offset + place as u64));
            }
            if block.len() < FRAME_HEADER {
                break;
            }
            // The magic may lie across two blocks.
            offset += (block.len() - (FRAME_MAGIC.len() - 1)) as u64;
        }
        Ok(None)
    }
}
