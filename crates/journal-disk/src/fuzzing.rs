//! The bodies of the fuzz targets: plain functions, so that a test runs them too. A finding is a panic.

use std::{
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use journal::{Batch, Journal, Log, ReadError};
use types::{LogId, ManualClock, Timestamp};

use crate::{
    Config, DiskJournal,
    format::{FRAME_HEADER, FrameHeader, Identity, SEGMENT_HEADER, SegmentHeader},
    fs::sim::{Loss, SimFs},
    names,
};

const LOG: LogId = LogId(1);

/// Decodes headers. Whatever decodes must encode to the same bytes, so that no two headers mean the same.
pub fn decode_headers(bytes: &[u8]) {
    if let Ok((header, _)) = FrameHeader::decode(bytes) {
        assert_eq!(header.encode()[..], bytes[..FRAME_HEADER]);
    }
    if let Ok(header) = SegmentHeader::decode(bytes) {
        assert_eq!(header.encode()[..], bytes[..SEGMENT_HEADER]);
    }
    let _ = crate::format::decode_directory(bytes);
}

/// Puts bytes behind the header of a segment, as frames with right CRCs where they look like it, and recovers. Must end
/// with a log that can be read to its end and goes on, or with a refusal that changed nothing.
pub fn recover_segment(bytes: &[u8]) {
    let fs = SimFs::default();
    drop(open(&fs).and_then(|journal| drive(&journal, journal.open(LOG))));
    let path = std::path::Path::new("/data/logs").join(names::log(LOG)).join(names::segment(1));
    let header = fs.contents(&path).ok().and_then(|bytes| SegmentHeader::decode(&bytes).ok());
    let Some(header) = header else { return };
    let edited = fs.edit(&path, |contents| {
        contents.truncate(SEGMENT_HEADER);
        contents.extend(plausible(bytes, header.identity));
    });
    edited.expect("the segment is there");
    let before = fs.contents(&path).ok();
    let Ok(journal) = open(&fs) else { return };
    match drive(&journal, journal.open(LOG)) {
        Ok(log) => read_and_go_on(&journal, &*log),
        Err(_) => assert_eq!(fs.contents(&path).ok(), before, "a refusal changes nothing"),
    }
    // And what recovery left must be recoverable.
    drop(journal);
    let crashed = fs.crash(Loss::Everything);
    if let Ok(journal) = open(&crashed) {
        drop(drive(&journal, journal.open(LOG)));
    }
}

fn read_and_go_on(journal: &DiskJournal, log: &dyn Log) {
    let end = *log.tail().borrow();
    let mut from = 1;
    while from < end {
        match drive(journal, log.read(from, 1_000)) {
            Ok(frames) => from = frames.last().expect("below the end there is a frame or damage").end(),
            Err(ReadError::Corrupt { to, .. }) => {
                assert!(to > from, "damage has an end");
                from = to;
            }
            Err(error) => panic!("{error}"),
        }
    }
    let batch = Batch::of(["next"]);
    if drive(journal, log.room(batch.bytes().len(), journal::Priority::Publish)).is_ok() {
        let appended =
            log.append(Timestamp::EPOCH, batch, journal::Priority::Publish).expect("there is room");
        assert_eq!(appended.first, end);
        drive(journal, appended.durable.wait()).expect("the log goes on");
    }
}

/// Random bytes never have a right CRC, so the input is taken for instructions: each 8 bytes make a frame, whole or not.
fn plausible(bytes: &[u8], identity: Identity) -> Vec<u8> {
    let (mut out, mut position, mut link) = (Vec::new(), 1_u64, 0);
    for chunk in bytes.chunks(8) {
        let byte = |place: usize| chunk.get(place).copied().unwrap_or(0);
        let batch = Batch::of([&chunk[..usize::from(byte(1)) % (chunk.len() + 1)]]);
        let first = if byte(2) > 250 { position + u64::from(byte(3)) } else { position };
        let header = FrameHeader {
            identity,
            mark: byte(0) > 240,
            length: u32::try_from(batch.bytes().len()).unwrap_or(0),
            count: u32::from(byte(0) <= 240),
            first: if byte(4) == 255 { u64::MAX - 1 } else { first },
            at: Timestamp::from_micros(u64::from(byte(5))),
            durable: if byte(6) > 128 { first } else { 0 },
            link,
            payload_crc: batch.crc(),
        };
        let mut frame = header.encode().to_vec();
        link = crate::format::seal_of(&header.encode());
        if !header.mark {
            frame.extend_from_slice(batch.bytes());
            position = first + 1;
        }
        if byte(7) > 250 {
            let place = usize::from(byte(3)) % frame.len();
            frame[place] ^= 1;
        }
        out.extend(frame);
    }
    out
}

fn open(fs: &SimFs) -> Result<DiskJournal, journal::JournalError> {
    let config =
        Config { chunk_min_bytes: 256, chunk_max_bytes: 1_024, reserve_bytes: 64, ..Config::default() };
    let clock = Arc::new(ManualClock::at(Timestamp::from_micros(77)));
    DiskJournal::open_stepped(Arc::new(fs.clone()), "/data", config, clock)
}

fn drive<T>(journal: &DiskJournal, future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(outcome) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return outcome;
        }
        assert!(journal.step(), "the future waits, and there is nothing to do");
    }
}
