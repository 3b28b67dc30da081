//! A process that has no file descriptor left: what needs one waits, and nothing poisons.

use bytes::Bytes;
use journal::{Checkpoint, Health, Journal, JournalError};
use journal_disk::fs::sim::{Loss, SimFs};
use types::LogId;

use crate::support::{LOG, append, drive, filled, open, read_all, record};

#[test]
fn without_descriptors_a_log_goes_on_in_its_old_segment_and_nothing_poisons() {
    let fs = SimFs::default();
    let journal = open(&fs).unwrap();
    let log = filled(&journal, LOG, (0..2).map(record));
    fs.refuse_descriptors(true);
    assert!(matches!(drive(&journal, log.seal()), Err(JournalError::Io(_))));
    drive(&journal, append(&*log, record(2))).unwrap();
    assert_eq!((log.segments().len(), journal.health().borrow().clone()), (1, Health::Healthy));

    fs.refuse_descriptors(false);
    drive(&journal, log.seal()).unwrap();
    drive(&journal, append(&*log, record(3))).unwrap();
    assert_eq!(log.segments().len(), 2);
    drop((log, journal));
    let journal = open(&fs.crash(Loss::Everything)).unwrap();
    let log = drive(&journal, journal.open(LOG)).unwrap();
    let read = read_all(&*log);
    assert_eq!((read.records.len(), read.damaged.len()), (4, 0));
}

#[test]
fn without_descriptors_checkpoints_trims_and_logs_are_refused_and_nothing_poisons() {
    let fs = SimFs::default();
    let journal = open(&fs).unwrap();
    let log = filled(&journal, LOG, (0..60).map(record));
    let as_of = *log.tail().borrow();
    let checkpoint = Checkpoint { replay_from: as_of, as_of, state: Bytes::from_static(b"state") };
    for _ in 0..2 {
        drive(&journal, log.save_checkpoint(checkpoint.clone())).unwrap();
    }
    drop(drive(&journal, journal.open(LogId(2))).unwrap());
    fs.refuse_descriptors(true);
    let calls = fs.calls();
    let refused = |outcome: Result<(), JournalError>| assert!(matches!(outcome, Err(JournalError::Io(_))));
    refused(drive(&journal, log.save_checkpoint(checkpoint.clone())));
    refused(drive(&journal, log.trim(as_of)).map(drop));
    refused(drive(&journal, journal.delete(LogId(2))));
    refused(drive(&journal, journal.open(LogId(2))).map(drop));
    refused(drive(&journal, journal.open(LogId(3))).map(drop));
    assert_eq!(fs.calls(), calls, "nothing is begun that could not be finished");
    assert_eq!(*journal.health().borrow(), Health::Healthy);

    fs.refuse_descriptors(false);
    drive(&journal, log.save_checkpoint(checkpoint)).unwrap();
    assert!(drive(&journal, log.trim(as_of)).unwrap() > 1);
    drive(&journal, journal.delete(LogId(2))).unwrap();
    drop(drive(&journal, journal.open(LogId(3))).unwrap());
}

#[test]
fn without_descriptors_no_space_is_taken_ahead_until_there_are_some_again() {
    let fs = SimFs::default();
    let journal = open(&fs).unwrap();
    let log = filled(&journal, LOG, [record(0)]);
    fs.refuse_descriptors(true);
    let mut number = 1;
    while drive(&journal, async { crate::support::start_append(&*log, record(number)).await }).is_ok() {
        number += 1;
        assert!(number < 1_000, "space never runs out");
    }
    while journal.step() {}
    assert_eq!(*journal.health().borrow(), Health::OutOfSpace, "not poisoned");
    journal.tick();
    assert_eq!(*journal.health().borrow(), Health::OutOfSpace);
    fs.refuse_descriptors(false);
    journal.tick();
    assert_eq!(*journal.health().borrow(), Health::Healthy);
    drive(&journal, append(&*log, record(number))).unwrap();
    assert_eq!(read_all(&*log).records.len() as u64, number + 1);
}
