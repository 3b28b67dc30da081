//! Bytes on disk: the header of a data directory, of a segment and of a frame. See docs/STORAGE_FORMAT.md.
//!
//! # Invariants
//!
//! - Little-endian. Every header ends with the CRC32C of everything before it in the header.
//! - Every file, and every frame, says its version. A version that is not known is never guessed at.

mod fields;
#[cfg(test)]
mod tests;

pub(crate) use fields::{Reader, Writer};
use types::{LogId, Position, Timestamp};

/// The version that is written, of every file.
pub(crate) const VERSION: u32 = 1;

/// Bytes of the data directory's header.
pub(crate) const DIRECTORY_HEADER: usize = 16;
/// Bytes of a segment's header.
pub(crate) const SEGMENT_HEADER: usize = 56;
/// Bytes of a frame's header.
pub(crate) const FRAME_HEADER: usize = 68;

const DIRECTORY_MAGIC: [u8; 8] = *b"FANFDIR\n";
const SEGMENT_MAGIC: [u8; 8] = *b"FANFSEG\n";
/// Begins every frame.
pub(crate) const FRAME_MAGIC: [u8; 4] = *b"FFrm";
/// The frame holds no records: it says what was durable, and the next frame overwrites it.
const FLAG_MARK: u16 = 1;

/// Why a header cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unreadable {
    /// It is not a header, or not whole.
    Damaged,
    /// A newer release wrote it.
    Newer(u32),
}

/// Writes the data directory's header.
pub(crate) fn encode_directory() -> [u8; DIRECTORY_HEADER] {
    Writer::new().put(DIRECTORY_MAGIC).u32(VERSION).seal()
}

/// Checks the data directory's header.
pub(crate) fn decode_directory(bytes: &[u8]) -> Result<(), Unreadable> {
    let mut fields = Reader::sealed::<DIRECTORY_HEADER>(bytes).ok_or(Unreadable::Damaged)?;
    expect_magic(&mut fields, DIRECTORY_MAGIC)?;
    expect_version(fields.u32())
}

/// Whose frames these are. A log that is deleted and made again has another incarnation, so that nothing of the
/// earlier one is taken for its own; and no publisher knows it, so that no payload can pass for a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) log: LogId,
    pub(crate) incarnation: u64,
}

/// Begins a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SegmentHeader {
    pub(crate) identity: Identity,
    pub(crate) first: Position,
    /// No frame in here is older, none in the segments before is newer.
    pub(crate) created_at: Timestamp,
    /// The link that the first frame carries.
    pub(crate) link: u32,
}

impl SegmentHeader {
    pub(crate) fn encode(&self) -> [u8; SEGMENT_HEADER] {
        Writer::new()
            .put(SEGMENT_MAGIC)
            .u32(VERSION)
            .u32(0)
            .u64(self.identity.log.0)
            .u64(self.identity.incarnation)
            .u64(self.first)
            .u64(self.created_at.as_micros())
            .u32(self.link)
            .seal()
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Unreadable> {
        let mut fields = Reader::sealed::<SEGMENT_HEADER>(bytes).ok_or(Unreadable::Damaged)?;
        expect_magic(&mut fields, SEGMENT_MAGIC)?;
        expect_version(fields.u32())?;
        let _flags = fields.u32();
        let identity = Identity { log: LogId(fields.u64()), incarnation: fields.u64() };
        let first = fields.u64();
        let created_at = Timestamp::from_micros(fields.u64());
        Ok(Self { identity, first, created_at, link: fields.u32() })
    }
}

/// Begins a frame: one batch, or a mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FrameHeader {
    pub(crate) identity: Identity,
    pub(crate) mark: bool,
    /// Bytes of the payload.
    pub(crate) length: u32,
    /// Records; none in a mark.
    pub(crate) count: u32,
    pub(crate) first: Position,
    pub(crate) at: Timestamp,
    /// Every position below this was durable before this header was written.
    pub(crate) durable: Position,
    /// The header CRC of the frame before.
    pub(crate) link: u32,
    pub(crate) payload_crc: u32,
}

impl FrameHeader {
    pub(crate) fn encode(&self) -> [u8; FRAME_HEADER] {
        let flags = if self.mark { FLAG_MARK } else { 0 };
        let [version, ..] = VERSION.to_le_bytes();
        Writer::new()
            .put(FRAME_MAGIC)
            .put(u16::from(version).to_le_bytes())
            .put(flags.to_le_bytes())
            .u32(self.length)
            .u32(self.count)
            .u64(self.first)
            .u64(self.identity.log.0)
            .u64(self.identity.incarnation)
            .u64(self.at.as_micros())
            .u64(self.durable)
            .u32(self.link)
            .u32(self.payload_crc)
            .seal()
    }

    /// The header, and its CRC, which is the next frame's link.
    pub(crate) fn decode(bytes: &[u8]) -> Result<(Self, u32), Unreadable> {
        let mut fields = Reader::sealed::<FRAME_HEADER>(bytes).ok_or(Unreadable::Damaged)?;
        expect_magic(&mut fields, FRAME_MAGIC)?;
        expect_version(u32::from(fields.u16()))?;
        let flags = fields.u16();
        let (length, count, first) = (fields.u32(), fields.u32(), fields.u64());
        let identity = Identity { log: LogId(fields.u64()), incarnation: fields.u64() };
        let at = Timestamp::from_micros(fields.u64());
        let (durable, link, payload_crc) = (fields.u64(), fields.u32(), fields.u32());
        let mark = flags & FLAG_MARK != 0;
        if flags & !FLAG_MARK != 0 || mark != (count == 0) || first.checked_add(u64::from(count)).is_none() {
            return Err(Unreadable::Damaged);
        }
        let header = Self { identity, mark, length, count, first, at, durable, link, payload_crc };
        Ok((header, fields.u32()))
    }

    /// The position after its last record.
    pub(crate) fn end(&self) -> Position {
        self.first + u64::from(self.count)
    }

    /// Bytes on disk, header and payload.
    pub(crate) fn bytes(&self) -> u64 {
        FRAME_HEADER as u64 + u64::from(self.length)
    }
}

/// The CRC that ends an encoded header.
pub(crate) fn seal_of(header: &[u8; FRAME_HEADER]) -> u32 {
    header.last_chunk().map_or(0, |crc| u32::from_le_bytes(*crc))
}

/// Also for the checkpoint's header.
pub(crate) fn expect_magic<const N: usize>(
    fields: &mut Reader<'_>,
    magic: [u8; N],
) -> Result<(), Unreadable> {
    if fields.take::<N>() == magic { Ok(()) } else { Err(Unreadable::Damaged) }
}

/// Also for the checkpoint's header.
pub(crate) fn expect_version(found: u32) -> Result<(), Unreadable> {
    match found {
        0 => Err(Unreadable::Damaged),
        known if known <= VERSION => Ok(()),
        newer => Err(Unreadable::Newer(newer)),
    }
}
