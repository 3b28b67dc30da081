//! One call to the operating system fails, each in turn (SQLite's loop): nothing is acknowledged from then on, the
//! engine says that it stopped, and the next process finds everything that was acknowledged.

use std::sync::Arc;

use bytes::Bytes;
use journal::{Checkpoint, Health, Journal, JournalError, Log};
use journal_disk::{
    DiskJournal,
    fs::sim::{Loss, SimFs},
};

use crate::support::{LOG, append, drive, open, read_all, record};

const APPENDS: u64 = 60;

/// How far a workload came.
#[derive(Default)]
struct Progress {
    acknowledged: u64,
    /// Something failed.
    failed: bool,
}

/// Appends, checkpoints and trims until something fails.
fn work(fs: &SimFs, progress: &mut Progress) -> Result<(), JournalError> {
    let journal = open(fs)?;
    let log = drive(&journal, journal.open(LOG))?;
    for number in 0..APPENDS {
        let appended = drive(&journal, append_or_refused(&*log, record(number)));
        progress.failed |= appended.is_err();
        if appended.is_ok() {
            assert!(!progress.failed, "an append was acknowledged after a failure");
            progress.acknowledged += 1;
        }
        if number % 10 == 9 {
            let kept = upkeep(&journal, &*log, number);
            progress.failed |= kept.is_err();
        }
    }
    let poisoned = matches!(&*journal.health().borrow(), Health::Poisoned(_));
    assert_eq!(poisoned, progress.failed, "a failure poisons, and nothing else does");
    let closed = drive(&journal, journal.close());
    assert!(closed.is_err() || !poisoned, "an engine that stopped cannot close in good order");
    closed
}

async fn append_or_refused(log: &dyn Log, record: Vec<u8>) -> Result<(), String> {
    let started = crate::support::start_append(log, record).await.map_err(|error| error.to_string())?;
    started.wait().await.map_err(|error| error.to_string())
}

fn upkeep(journal: &DiskJournal, log: &dyn Log, number: u64) -> Result<(), JournalError> {
    let as_of = *log.tail().borrow();
    let state = Bytes::from(record(number));
    drive(
        journal,
        log.save_checkpoint(Checkpoint { replay_from: as_of.saturating_sub(3).max(1), as_of, state }),
    )?;
    drive(journal, log.trim(as_of))?;
    Ok(())
}

fn check_acknowledged(fs: &SimFs, acknowledged: u64) {
    let journal = open(fs).expect("the next process starts");
    let log = drive(&journal, journal.open(LOG)).expect("the log opens");
    assert!(*log.tail().borrow() > acknowledged, "{acknowledged} were acknowledged");
    let read = read_all(&*log);
    assert_eq!(read.damaged, []);
    for (position, found) in read.records {
        assert_eq!(found, record(position - 1), "at {position}");
    }
    drive(&journal, append(&*log, b"next".to_vec())).unwrap();
}

#[test]
fn whichever_call_fails_nothing_is_acknowledged_after_it_and_nothing_acknowledged_is_lost() {
    for failing in 1.. {
        let fs = SimFs::default();
        fs.fail_call(failing);
        let mut progress = Progress::default();
        let outcome = work(&fs, &mut progress);
        if fs.calls() < failing {
            assert_eq!(outcome, Ok(()));
            assert!(failing > 200, "the workload makes calls");
            println!("calls={}", failing - 1);
            return;
        }
        assert!(outcome.is_err() || progress.failed, "call {failing} failed and no one was told");
        for loss in [Loss::Everything, Loss::Nothing, Loss::Some(failing), Loss::Sectors(512, failing)] {
            check_acknowledged(&fs.crash(loss), progress.acknowledged);
        }
    }
}

#[test]
fn whichever_sync_finds_the_disk_full_is_a_failure_like_any_other() {
    for failing in 1.. {
        let fs = SimFs::default();
        fs.fail_sync_as_full(failing);
        let mut progress = Progress::default();
        let outcome = work(&fs, &mut progress);
        if fs.syncs() < failing {
            assert_eq!(outcome, Ok(()));
            assert!(failing > 80, "the workload syncs");
            println!("syncs={}", failing - 1);
            return;
        }
        assert!(outcome.is_err() || progress.failed, "sync {failing} failed and no one was told");
        for loss in [Loss::Everything, Loss::Nothing, Loss::Some(failing), Loss::Sectors(512, failing)] {
            check_acknowledged(&fs.crash(loss), progress.acknowledged);
        }
    }
}

#[test]
fn a_log_whose_name_did_not_become_durable_is_not_used_and_one_that_did_not_go_is_not_forgotten() {
    let fs = SimFs::default();
    let journal = open(&fs).unwrap();
    // Of the segment, of the names in the log's directory, and of the log's own name.
    fs.fail_sync_as_full(fs.syncs() + 4);
    for _ in 0..2 {
        assert!(matches!(drive(&journal, journal.open(LOG)), Err(JournalError::Poisoned(_))));
    }
    drop(journal);

    let journal = open(&fs).unwrap();
    drop(drive(&journal, journal.open(LOG)).unwrap());
    fs.fail_sync_as_full(fs.syncs() + 1);
    for _ in 0..2 {
        assert!(matches!(drive(&journal, journal.delete(LOG)), Err(JournalError::Poisoned(_))));
    }
}

#[test]
fn a_segment_that_was_begun_when_the_disk_was_full_at_the_last_step_does_not_hide_what_follows() {
    // The zeros, the segment's file, and its name: the rename was done by then.
    for sync in 1..=3 {
        let fs = SimFs::default();
        let journal = open(&fs).unwrap();
        let log = drive(&journal, journal.open(LOG)).unwrap();
        for number in 0..3 {
            drive(&journal, append(&*log, record(number))).unwrap();
        }
        fs.fail_sync_as_full(fs.syncs() + sync);
        let sealed = drive(&journal, log.seal());
        let mut acknowledged = 3;
        for number in 3..6 {
            let appended = drive(&journal, append_or_refused(&*log, record(number)));
            acknowledged += u64::from(appended.is_ok());
        }
        assert_eq!(sealed.is_err(), acknowledged == 3, "sync {sync}: {sealed:?}");
        drop((log, journal));
        for loss in [Loss::Everything, Loss::Nothing] {
            check_acknowledged(&fs.crash(loss), acknowledged);
        }
    }
}

#[test]
fn zeros_are_synced_through_another_descriptor_than_records() {
    // The system tells each descriptor once that a write was lost; one must not hear it in the other's place.
    let fs = SimFs::default();
    let journal = open(&fs).unwrap();
    let log = drive(&journal, journal.open(LOG)).unwrap();
    let segment = fs.files().into_iter().find(|path| path.to_string_lossy().ends_with(".seg")).unwrap();
    let (descriptors, extensions) = (fs.descriptors(&segment), journal.stats().extensions);
    for number in 0..6 {
        drive(&journal, append(&*log, record(number))).unwrap();
    }
    let extensions = journal.stats().extensions - extensions;
    assert!(extensions > 0);
    assert_eq!(fs.descriptors(&segment) - descriptors, extensions);
}

#[test]
fn a_failed_sync_is_not_believed_when_the_next_one_succeeds() {
    let fs = SimFs::default();
    let journal = open(&fs).unwrap();
    let log = drive(&journal, journal.open(LOG)).unwrap();
    drive(&journal, append(&*log, record(0))).unwrap();
    // A write, then its sync.
    fs.fail_call(fs.calls() + 2);
    drive(&journal, append(&*log, record(1))).unwrap_err();
    drop((log, journal));

    // The page cache still shows the record; the next process must not trust it before it has written it again.
    let journal = open(&fs).unwrap();
    let log = drive(&journal, journal.open(LOG)).unwrap();
    let shown = *log.tail().borrow();
    let crashed = fs.crash(Loss::Everything);
    check_acknowledged(&crashed, shown - 1);
}

#[test]
fn a_checkpoint_waits_until_all_it_speaks_of_is_durable() {
    let fs = SimFs::default();
    let journal = open(&fs).unwrap();
    let log = drive(&journal, journal.open(LOG)).unwrap();
    let waiting = drive(&journal, crate::support::start_append(&*log, record(0))).unwrap();
    let calls = fs.calls();
    let checkpoint = Checkpoint { replay_from: 1, as_of: 2, state: Bytes::from_static(b"state") };
    assert!(crate::support::now_or_never(log.save_checkpoint(checkpoint.clone())).is_none());
    assert_eq!(fs.calls(), calls, "nothing is written before the log is");
    drive(&journal, log.save_checkpoint(checkpoint)).unwrap();
    assert_eq!(crate::support::now_or_never(waiting.wait()), Some(Ok(())));
}

#[test]
fn threads_end_and_the_directory_is_free_when_the_journal_is_dropped() {
    let fs = SimFs::default();
    for _ in 0..20 {
        let clock = Arc::new(types::SystemClock::start());
        let journal =
            DiskJournal::open(Arc::new(fs.clone()), "/data", crate::support::small(), clock).unwrap();
        drop(journal);
    }
}

#[test]
fn a_committer_that_panics_stops_the_engine_and_answers() {
    let fs = SimFs::default();
    let journal = open(&fs).unwrap();
    let log = drive(&journal, journal.open(LOG)).unwrap();
    drive(&journal, append(&*log, record(0))).unwrap();
    fs.observe(|_| panic!("a bug, as far as the committer can tell"));
    drive(&journal, append(&*log, record(1))).unwrap_err();
    assert!(matches!(&*journal.health().borrow(), Health::Poisoned(_)));
    drive(&journal, append_or_refused(&*log, record(2))).unwrap_err();
    assert!(drive(&journal, journal.close()).is_err(), "and nothing waits for it for ever");
}

#[test]
fn what_was_accepted_when_the_committers_had_gone_is_answered() {
    let fs = SimFs::default();
    let journal = open(&fs).unwrap();
    let log = drive(&journal, journal.open(LOG)).unwrap();
    let waiting = drive(&journal, crate::support::start_append(&*log, record(0))).unwrap();
    drop(journal);
    assert!(matches!(crate::support::now_or_never(waiting.wait()), Some(Err(_))));
}

#[test]
fn a_state_over_the_limit_is_refused_before_anything_is_written() {
    let fs = SimFs::default();
    let journal = open(&fs).unwrap();
    let log = drive(&journal, journal.open(LOG)).unwrap();
    let calls = fs.calls();
    let state = Bytes::from(vec![0; (4 << 30) + 1]);
    let saved = drive(&journal, log.save_checkpoint(Checkpoint { replay_from: 1, as_of: 1, state }));
    assert!(matches!(saved, Err(JournalError::Io(_))));
    assert_eq!((fs.calls(), journal.health().borrow().clone()), (calls, Health::Healthy));
}
