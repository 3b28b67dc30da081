//! Files that were changed behind the engine's back: damage is found, said and isolated; never a wrong byte.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use journal::{Checkpoint, Journal, JournalError};
use journal_disk::fs::sim::{Loss, SimFs};
use types::LogId;

use crate::support::{LOG, Random, Read, append, drive, filled, open, read_all, record};

const RECORDS: u64 = 60;

/// A disk with a log of some segments and two checkpoints, closed in good order.
fn disk() -> SimFs {
    let fs = SimFs::default();
    let journal = open(&fs).unwrap();
    let log = filled(&journal, LOG, (0..RECORDS).map(record));
    for state in ["older", "newer"] {
        let as_of = *log.tail().borrow();
        let checkpoint = Checkpoint { replay_from: 40, as_of, state: Bytes::from(state) };
        drive(&journal, log.save_checkpoint(checkpoint)).unwrap();
    }
    drive(&journal, journal.close()).unwrap();
    fs
}

fn copy(fs: &SimFs) -> SimFs {
    fs.crash(Loss::Nothing)
}

fn segments(fs: &SimFs) -> Vec<PathBuf> {
    files_ending(fs, ".seg")
}

fn files_ending(fs: &SimFs, suffix: &str) -> Vec<PathBuf> {
    fs.files().into_iter().filter(|path| path.to_string_lossy().ends_with(suffix)).collect()
}

/// What the engine says of a disk: all that can be read, and whether it noticed anything.
struct Verdict {
    refused: Option<JournalError>,
    read: Read,
    noticed: bool,
    end: u64,
}

fn examine(fs: &SimFs) -> Verdict {
    let refusal = |error| Verdict {
        refused: Some(error),
        read: Read { records: Vec::new(), damaged: Vec::new() },
        noticed: true,
        end: 0,
    };
    let journal = match open(fs) {
        Ok(journal) => journal,
        Err(error) => return refusal(error),
    };
    let log = match drive(&journal, journal.open(LOG)) {
        Ok(log) => log,
        Err(error) => return refusal(error),
    };
    let read = read_all(&*log);
    let loaded = drive(&journal, log.load_checkpoint());
    let stats = journal.stats();
    let noticed = loaded.is_err() || stats.damaged > 0 || stats.torn_bytes > 0;
    let end = *log.tail().borrow();
    drive(&journal, append(&*log, b"next".to_vec())).expect("the log goes on");
    assert_eq!(read_all(&*log).records.last().map(|(at, _)| *at), Some(end));
    Verdict { refused: None, read, noticed, end }
}

/// Everything read is what was appended; returns how many records are not there.
fn missing(read: &Read) -> u64 {
    for (position, found) in &read.records {
        assert_eq!(*found, record(position - 1), "a wrong byte at {position}");
    }
    RECORDS - read.records.len() as u64
}

#[test]
fn a_flipped_bit_in_any_file_is_noticed_and_never_read() {
    let fs = disk();
    let files: Vec<_> =
        fs.files().into_iter().filter(|path| !path.ends_with("LOCK") && !path.ends_with("RESERVE")).collect();
    let mut random = Random(99);
    let flips = 1_200;
    for number in 0..flips {
        let damaged = copy(&fs);
        let path = &files[number % files.len()];
        let bit = usize::try_from(random.below(damaged.contents(path).unwrap().len() as u64 * 8)).unwrap();
        damaged.edit(path, |bytes| bytes[bit / 8] ^= 1 << (bit % 8)).unwrap();
        let verdict = examine(&damaged);
        assert!(verdict.noticed, "bit {bit} of {} was flipped and no one noticed", path.display());
        if verdict.refused.is_none() {
            let missing = missing(&verdict.read);
            let reported: u64 = verdict.read.damaged.iter().map(|range| range.end - range.start).sum();
            assert_eq!(missing, reported, "bit {bit} of {}: records are gone without a word", path.display());
            assert!(missing <= 1, "one flipped bit costs one record, here {missing}");
            assert_eq!(verdict.end, RECORDS + 1);
        }
    }
    println!("flips={flips} detected={flips} wrong=0");
}

#[test]
fn a_flip_in_the_last_acknowledged_record_is_damage_and_not_a_torn_tail() {
    // Not closed: the process was killed at rest.
    let fs = SimFs::default();
    let journal = open(&fs).unwrap();
    filled(&journal, LOG, (0..3).map(record));
    drop(journal);
    let path = &segments(&fs)[0];
    // Not just any byte that looks like it: the mark behind the record has a time and checksums.
    let last = record(2);
    let place = fs.contents(path).unwrap().windows(last.len()).position(|bytes| bytes == last).unwrap();
    fs.edit(path, |bytes| bytes[place] ^= 1).unwrap();

    let journal = open(&fs).unwrap();
    let log = drive(&journal, journal.open(LOG)).unwrap();
    let read = read_all(&*log);
    assert_eq!((read.records.len(), read.damaged.len(), &read.damaged[0]), (2, 1, &(3..4)));
    assert_eq!(*log.tail().borrow(), 4);
}

/// Offsets at which the frames of the last segment begin, and the end of the last one.
fn frame_offsets(contents: &[u8]) -> Vec<usize> {
    let magics = contents.windows(4).enumerate().filter(|(_, window)| window == b"FFrm");
    magics.map(|(offset, _)| offset).collect()
}

#[test]
fn at_every_length_of_the_last_three_frames_the_log_ends_with_the_last_whole_one() {
    // Killed while the last group was written: nothing shows that it was durable.
    let fs = SimFs::default();
    let journal = open(&fs).unwrap();
    let log = filled(&journal, LOG, (0..2).map(record));
    for number in 2..5 {
        let _ = drive(&journal, crate::support::start_append(&*log, record(number))).unwrap();
    }
    let path = segments(&fs)[0].clone();
    let before = fs.contents(&path).unwrap();
    let start = *frame_offsets(&before).last().unwrap();
    assert!(journal.step());
    let after = fs.contents(&path).unwrap();
    let end = *frame_offsets(&after).last().unwrap();
    assert_eq!(frame_offsets(&after).len(), 6, "five frames and a mark");

    for length in start..=end {
        for zeros in [false, true] {
            let torn = copy(&fs);
            torn.edit(&path, |bytes| {
                bytes.truncate(length);
                if zeros {
                    bytes.resize(after.len(), 0);
                }
            })
            .unwrap();
            let whole =
                frame_offsets(&after).iter().filter(|offset| **offset > start && **offset <= length).count();
            let journal = open(&torn).unwrap();
            let log = drive(&journal, journal.open(LOG)).unwrap();
            let read = read_all(&*log);
            assert_eq!((read.records.len(), read.damaged.len()), (2 + whole, 0), "length {length}");
            drive(&journal, append(&*log, record(9))).unwrap();
            assert_eq!(read_all(&*log).records.len(), 3 + whole);
        }
    }
}

#[test]
fn a_record_in_the_middle_that_is_zeroed_is_damage_and_what_follows_is_read() {
    let fs = disk();
    for path in segments(&fs) {
        let damaged = copy(&fs);
        let contents = fs.contents(&path).unwrap();
        let offsets = frame_offsets(&contents);
        let [.., from, to, _] = offsets[..] else { continue };
        damaged.edit(&path, |bytes| bytes[from..to].fill(0)).unwrap();
        let verdict = examine(&damaged);
        assert_eq!((missing(&verdict.read), verdict.read.damaged.len()), (1, 1), "{}", path.display());
        assert_eq!(verdict.end, RECORDS + 1);
    }
}

/// Fields of a frame's header, by their offsets; see docs/STORAGE_FORMAT.md.
const FRAME_FIRST: usize = 16;
const FRAME_LOG: usize = 24;
const FRAME_INCARNATION: usize = 32;
const FRAME_DURABLE: usize = 48;
/// The link, and the payload's CRC behind it.
const FRAME_LINK: usize = 56;
const FRAME_SEAL: usize = 64;

/// A frame with one field changed and its CRC right again.
fn forged(frame: &[u8], field: usize, value: u64) -> Vec<u8> {
    let mut bytes = frame.to_vec();
    bytes[field..field + 8].copy_from_slice(&value.to_le_bytes());
    let crc = crc32c::crc32c(&bytes[..FRAME_SEAL]);
    bytes[FRAME_SEAL..FRAME_SEAL + 4].copy_from_slice(&crc.to_le_bytes());
    bytes
}

/// The last frame of the only segment: where it begins, and its bytes.
fn last_frame(fs: &SimFs) -> (usize, Vec<u8>) {
    let contents = fs.contents(&segments(fs)[0]).unwrap();
    let [.., start, end] = frame_offsets(&contents)[..] else { panic!("a frame and a mark") };
    (start, contents[start..end].to_vec())
}

/// A log of three records, and what its segment would hold next: a whole frame with the right position and link.
fn three_records_and_the_next_frame() -> (SimFs, usize, Vec<u8>) {
    let fs = SimFs::default();
    let journal = open(&fs).unwrap();
    let log = filled(&journal, LOG, (0..3).map(record));
    let three = copy(&fs);
    drive(&journal, append(&*log, record(3))).unwrap();
    let (offset, frame) = last_frame(&fs);
    (three, offset, frame)
}

/// What is read of a disk, its end, and the bytes that were cut off as torn.
fn recovered(fs: &SimFs) -> (Read, u64, u64) {
    let journal = open(fs).unwrap();
    let log = drive(&journal, journal.open(LOG)).unwrap();
    (read_all(&*log), *log.tail().borrow(), journal.stats().torn_bytes)
}

fn put(fs: &SimFs, offset: usize, bytes: &[u8]) {
    let path = segments(fs)[0].clone();
    fs.edit(&path, |contents| contents[offset..offset + bytes.len()].copy_from_slice(bytes)).unwrap();
}

#[test]
fn a_whole_frame_of_another_log_or_incarnation_at_the_tail_is_not_believed() {
    let (fs, offset, frame) = three_records_and_the_next_frame();
    let ours = copy(&fs);
    put(&ours, offset, &frame);
    assert_eq!(recovered(&ours).1, 5, "but for its identity the frame is right");
    for field in [FRAME_LOG, FRAME_INCARNATION] {
        let theirs = copy(&fs);
        put(&theirs, offset, &forged(&frame, field, 77));
        let (read, end, torn) = recovered(&theirs);
        assert_eq!((read.records.len(), read.damaged.len(), end), (3, 0, 4), "field {field}");
        assert!(torn >= frame.len() as u64, "it is cut off");
    }
}

#[test]
fn a_frame_in_a_payload_is_no_evidence_and_is_never_read() {
    // A publisher who knows the format, but not the incarnation, sends a frame that claims that much was durable.
    let (three, _, frame) = three_records_and_the_next_frame();
    let claim = forged(&forged(&frame, FRAME_FIRST, 5), FRAME_DURABLE, 6);
    for (payload, believed) in [
        (claim.clone(), true),
        (forged(&claim, FRAME_LOG, 77), false),
        (forged(&claim, FRAME_INCARNATION, 77), false),
    ] {
        let fs = copy(&three);
        let journal = open(&fs).unwrap();
        let log = drive(&journal, journal.open(LOG)).unwrap();
        drive(&journal, append(&*log, payload)).unwrap();
        let offset = frame_offsets(&fs.contents(&segments(&fs)[0]).unwrap())[3];

        // The frame around it is torn: it never was acknowledged, and there is nothing behind it.
        let torn = copy(&fs);
        let path = segments(&torn)[0].clone();
        torn.edit(&path, |contents| {
            let mark = frame_offsets(contents)[5];
            contents[mark..].fill(0);
            contents[offset] ^= 1;
        })
        .unwrap();
        let (read, end, cut) = recovered(&torn);
        if believed {
            assert!(end > 4, "but for its identity the frame is evidence");
            continue;
        }
        assert_eq!((read.records.len(), read.damaged.len(), end), (3, 0, 4));
        assert!(cut > 0);

        // The frame around it is damaged later: what is lost is said, and the payload's frame is not read in its place.
        drive(&journal, append(&*log, record(4))).unwrap();
        put(&fs, offset, b"X");
        for read in [read_all(&*log), recovered(&copy(&fs)).0] {
            assert_eq!((read.damaged.len(), &read.damaged[0]), (1, &(4..5)));
            assert_eq!(read.records.last(), Some(&(5, Bytes::from(record(4)))));
        }
    }
}

#[test]
fn a_whole_frame_at_the_tail_that_links_to_another_one_is_not_believed() {
    let (fs, offset, frame) = three_records_and_the_next_frame();
    let link = u64::from_le_bytes(*frame[FRAME_LINK..].first_chunk().unwrap());
    put(&fs, offset, &forged(&frame, FRAME_LINK, link ^ 1));
    let (read, end, torn) = recovered(&fs);
    assert_eq!((read.records.len(), read.damaged.len(), end), (3, 0, 4));
    assert!(torn >= frame.len() as u64, "it is cut off");
}

#[test]
fn a_frame_that_does_not_link_to_the_one_before_is_not_taken_for_the_next_one() {
    // The disk lost a write: it shows an earlier attempt at the same place, whole, of this log and with this position.
    let (three, offset, stale) = three_records_and_the_next_frame();
    let journal = open(&three).unwrap();
    let log = drive(&journal, journal.open(LOG)).unwrap();
    let mut other = record(3);
    other[0] = b'x';
    drive(&journal, append(&*log, other)).unwrap();
    drive(&journal, append(&*log, record(4))).unwrap();
    put(&three, offset, &stale);
    for read in [read_all(&*log), recovered(&copy(&three)).0] {
        let damaged = (read.damaged.len(), &read.damaged[0]);
        assert_eq!((read.records.len(), damaged), (4, (1, &(5..6))), "the change is noticed");
    }
}

#[test]
fn nothing_that_a_publisher_could_know_decides_the_incarnation() {
    // All of these logs are made at the same time, under the same identifier.
    let incarnations: std::collections::BTreeSet<_> = (0..20)
        .map(|_| {
            let fs = SimFs::default();
            drop(filled(&open(&fs).unwrap(), LOG, []));
            let header = fs.contents(&segments(&fs)[0]).unwrap();
            u64::from_le_bytes(*header[24..].first_chunk().unwrap())
        })
        .collect();
    assert_eq!(incarnations.len(), 20);
}

#[test]
fn a_file_whose_number_no_log_reaches_is_refused_and_nothing_overflows() {
    for name in ["18446744073709551615.seg", "18446744073709551615.ckpt"] {
        let fs = disk();
        let stray = segments(&fs)[0].with_file_name(name);
        journal_disk::FileSystem::create(&fs, &stray).unwrap();
        let journal = open(&fs).unwrap();
        assert!(matches!(drive(&journal, journal.open(LOG)), Err(JournalError::Damaged { .. })), "{name}");
    }
}

#[test]
fn a_segment_that_does_not_link_to_the_one_before_is_noticed_by_who_reads_across() {
    let fs = SimFs::default();
    let journal = open(&fs).unwrap();
    let log = filled(&journal, LOG, (0..3).map(record));
    // The disk lost the last write of the first segment: it shows an earlier attempt, whole and with that position.
    let earlier = copy(&fs);
    let mut other = record(3);
    other[0] = b'x';
    let retry = open(&earlier).unwrap();
    let retried = drive(&retry, retry.open(LOG)).unwrap();
    drive(&retry, append(&*retried, other)).unwrap();
    let (offset, stale) = last_frame(&earlier);
    drive(&journal, append(&*log, record(3))).unwrap();
    drive(&journal, log.seal()).unwrap();
    for number in 4..6 {
        drive(&journal, append(&*log, record(number))).unwrap();
    }
    assert_eq!(read_all(&*log).damaged, []);
    put(&fs, offset, &stale);
    for read in [read_all(&*log), recovered(&copy(&fs)).0] {
        assert_eq!((read.records.len(), read.damaged.len()), (5, 1), "the change is noticed");
        assert_eq!(read.damaged[0], 5..6);
    }
}

#[test]
fn a_segment_of_another_log_is_refused_and_not_changed() {
    let fs = disk();
    let journal = open(&fs).unwrap();
    filled(&journal, LogId(2), (0..RECORDS).map(record));
    drive(&journal, journal.close()).unwrap();
    drop(journal);
    let (ours, theirs): (Vec<_>, Vec<_>) =
        segments(&fs).into_iter().partition(|path| path.to_string_lossy().contains("0000000000000001/"));
    for place in 0..ours.len() {
        let swapped = copy(&fs);
        let stranger = fs.contents(&theirs[place.min(theirs.len() - 1)]).unwrap();
        swapped.edit(&ours[place], |bytes| bytes.clone_from(&stranger)).unwrap();
        let before = everything(&swapped);
        let verdict = examine(&swapped);
        assert!(matches!(verdict.refused, Some(JournalError::Damaged { .. })), "{:?}", ours[place]);
        assert_eq!(everything(&swapped), before);
    }
}

#[test]
fn a_segment_in_the_place_of_another_of_the_same_log_is_refused() {
    let fs = disk();
    let paths = segments(&fs);
    let stale = fs.contents(&paths[0]).unwrap();
    fs.edit(&paths[1], |bytes| bytes.clone_from(&stale)).unwrap();
    assert!(matches!(examine(&fs).refused, Some(JournalError::Damaged { .. })));
}

#[test]
fn a_middle_segment_that_is_gone_is_reported_as_damaged_positions() {
    let fs = disk();
    let paths = segments(&fs);
    journal_disk::FileSystem::remove_file(&fs, &paths[1]).unwrap();
    let verdict = examine(&fs);
    assert_eq!(verdict.read.damaged.len(), 1);
    let reported: u64 = verdict.read.damaged.iter().map(|range| range.end - range.start).sum();
    assert_eq!(missing(&verdict.read), reported);
}

#[test]
fn the_older_checkpoint_stands_in_for_a_damaged_one_and_with_both_gone_a_whole_log_is_replayed() {
    let fs = disk();
    let checkpoints = files_ending(&fs, ".ckpt");
    let load = |fs: &SimFs| {
        let journal = open(fs).unwrap();
        let log = drive(&journal, journal.open(LOG)).unwrap();
        drive(&journal, log.load_checkpoint()).map(|loaded| loaded.map(|checkpoint| checkpoint.state))
    };
    assert_eq!(load(&fs), Ok(Some(Bytes::from("newer"))));
    fs.edit(&checkpoints[1], |bytes| bytes[62] ^= 4).unwrap();
    assert_eq!(load(&fs), Ok(Some(Bytes::from("older"))));
    fs.edit(&checkpoints[0], Vec::clear).unwrap();
    assert_eq!(load(&fs), Ok(None));
}

#[test]
fn with_both_checkpoints_gone_a_trimmed_log_is_refused() {
    let fs = disk();
    let journal = open(&fs).unwrap();
    let log = drive(&journal, journal.open(LOG)).unwrap();
    assert!(drive(&journal, log.trim(40)).unwrap() > 1);
    drop((log, journal));
    for path in files_ending(&fs, ".ckpt") {
        fs.edit(&path, |bytes| bytes[0] ^= 1).unwrap();
    }
    let journal = open(&fs).unwrap();
    let log = drive(&journal, journal.open(LOG)).unwrap();
    assert!(matches!(drive(&journal, log.load_checkpoint()), Err(JournalError::Damaged { .. })));
}

#[test]
fn logs_without_the_format_file_or_without_segments_are_refused_and_not_begun_anew() {
    let fs = disk();
    let no_format = copy(&fs);
    journal_disk::FileSystem::remove_file(&no_format, Path::new("/data/FORMAT")).unwrap();
    assert!(matches!(open(&no_format), Err(JournalError::Damaged { .. })));
    for path in segments(&fs) {
        journal_disk::FileSystem::remove_file(&fs, &path).unwrap();
    }
    assert!(matches!(examine(&fs).refused, Some(JournalError::Damaged { .. })));
}

/// Every file and its contents.
fn everything(fs: &SimFs) -> Vec<(PathBuf, Vec<u8>)> {
    fs.files().into_iter().map(|path| (path.clone(), fs.contents(&path).unwrap())).collect()
}

/// Raises the version field at `offset` and makes the CRC at `seal` right again.
fn raise_version(bytes: &mut [u8], offset: usize, start: usize, seal: usize) {
    bytes[offset] += 1;
    let crc = crc32c::crc32c(&bytes[start..seal]);
    bytes[seal..seal + 4].copy_from_slice(&crc.to_le_bytes());
}

#[test]
fn a_newer_format_of_any_file_is_refused_without_a_changed_byte() {
    let fs = disk();
    let last_segment = segments(&fs).last().unwrap().clone();
    let checkpoint = files_ending(&fs, ".ckpt").last().unwrap().clone();
    // Path, offset of the version, start and end of what its CRC covers.
    let places = [
        (PathBuf::from("/data/FORMAT"), 8, 0, 12),
        (last_segment.clone(), 8, 0, 52),
        (last_segment, 56 + 4, 56, 56 + 64),
        (checkpoint, 8, 0, 56),
    ];
    for (path, offset, start, seal) in places {
        let newer = copy(&fs);
        newer.edit(&path, |bytes| raise_version(bytes, offset, start, seal)).unwrap();
        let before = everything(&newer);
        let refused = examine(&newer).refused;
        assert!(
            matches!(refused, Some(JournalError::NewerFormat { found: 2, known: 1, .. })),
            "{}: {refused:?}",
            path.display()
        );
        assert_eq!(everything(&newer), before, "{}", path.display());
    }
}
