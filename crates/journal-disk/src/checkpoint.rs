//! Checkpoints: two are kept, each in a file of its own.
//!
//! # Invariants
//!
//! - A file under its final name is whole and durable; one that is not is damage, and the older one stands in.
//! - A checkpoint is written only after the log is durable up to its `as_of`, so it is evidence of that.

use std::{
    io,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use journal::{Checkpoint, JournalError};
use types::{LogId, Position};

use crate::{
    format::{Reader, Unreadable, VERSION, Writer, expect_magic, expect_version},
    fs::{FileSystem, publish_file},
    names,
};

/// Bytes of the header.
const HEADER: usize = 60;
const MAGIC: [u8; 8] = *b"FANFCKP\n";
/// A larger state is not written and not believed.
pub(crate) const STATE_LIMIT: u64 = 4 << 30;

/// What is known of a checkpoint without reading its state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) generation: u64,
    pub(crate) replay_from: Position,
    pub(crate) as_of: Position,
}

struct Header {
    log: LogId,
    kept: Kept,
    length: u64,
    crc: u32,
}

impl Header {
    fn encode(&self) -> [u8; HEADER] {
        Writer::new()
            .put(MAGIC)
            .u32(VERSION)
            .u64(self.log.0)
            .u64(self.kept.generation)
            .u64(self.kept.replay_from)
            .u64(self.kept.as_of)
            .u64(self.length)
            .u32(self.crc)
            .seal()
    }

    fn decode(bytes: &[u8]) -> Result<Self, Unreadable> {
        let mut fields = Reader::sealed::<HEADER>(bytes).ok_or(Unreadable::Damaged)?;
        expect_magic(&mut fields, MAGIC)?;
        expect_version(fields.u32())?;
        let log = LogId(fields.u64());
        let kept = Kept { generation: fields.u64(), replay_from: fields.u64(), as_of: fields.u64() };
        let (length, crc) = (fields.u64(), fields.u32());
        if length > STATE_LIMIT { Err(Unreadable::Damaged) } else { Ok(Self { log, kept, length, crc }) }
    }
}

fn path(dir: &Path, generation: u64) -> PathBuf {
    dir.join(names::checkpoint(generation))
}

/// Writes one under its final name, durably.
pub(crate) fn write(
    fs: &dyn FileSystem,
    dir: &Path,
    log: LogId,
    generation: u64,
    checkpoint: &Checkpoint,
) -> io::Result<Kept> {
    let kept = Kept { generation, replay_from: checkpoint.replay_from, as_of: checkpoint.as_of };
    let (length, crc) = (checkpoint.state.len() as u64, crc32c::crc32c(&checkpoint.state));
    let header = Header { log, kept, length, crc }.encode();
    publish_file(fs, &path(dir, generation), |file| {
        file.write_at(&header, 0)?;
        file.write_at(&checkpoint.state, HEADER as u64)
    })?;
    Ok(kept)
}

/// Removes one that is no longer kept.
pub(crate) fn remove(fs: &dyn FileSystem, dir: &Path, generation: u64) -> io::Result<()> {
    fs.remove_file(&path(dir, generation))
}

/// Reads one, its state included; `None` if it is damaged.
pub(crate) fn read(
    fs: &dyn FileSystem,
    dir: &Path,
    log: LogId,
    generation: u64,
) -> Result<Option<(Kept, Checkpoint)>, JournalError> {
    let path = path(dir, generation);
    let bytes = contents(fs, &path).map_err(|error| JournalError::Io(error.to_string().into()))?;
    let header = match Header::decode(&bytes) {
        Ok(header) if header.log == log && header.kept.generation == generation => header,
        Ok(_) | Err(Unreadable::Damaged) => return Ok(None),
        Err(Unreadable::Newer(found)) => {
            let file = path.display().to_string().into();
            return Err(JournalError::NewerFormat { file, found, known: VERSION });
        }
    };
    let state = bytes.slice(HEADER..);
    if state.len() as u64 != header.length || crc32c::crc32c(&state) != header.crc {
        return Ok(None);
    }
    let Kept { replay_from, as_of, .. } = header.kept;
    Ok(Some((header.kept, Checkpoint { replay_from, as_of, state })))
}

fn contents(fs: &dyn FileSystem, path: &Path) -> io::Result<Bytes> {
    let file = fs.open(path)?;
    let size = file.size()?.min(STATE_LIMIT + HEADER as u64);
    let mut bytes = vec![0; usize::try_from(size).map_err(io::Error::other)?];
    let read = file.read_at(&mut bytes, 0)?;
    bytes.truncate(read);
    Ok(Bytes::from(bytes))
}
