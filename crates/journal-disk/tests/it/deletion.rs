//! Logs and journals that go while something works in them.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    time::Duration,
};

use bytes::Bytes;
use journal::{Checkpoint, Health, Journal, JournalError};
use journal_disk::{DiskJournal, fs::sim::SimFs};

use crate::support::{LOG, drive, filled, open, record};

/// Begins work on a log and deletes the log before the first change that the work makes on disk.
fn delete_during<T: Send>(work: impl Fn(&DiskJournal, &dyn journal::Log) -> Result<T, JournalError> + Sync) {
    let fs = SimFs::default();
    let journal = Arc::new(open(&fs).unwrap());
    let log = filled(&journal, LOG, (0..60).map(record));
    for _ in 0..2 {
        let as_of = *log.tail().borrow();
        let checkpoint = Checkpoint { replay_from: as_of, as_of, state: Bytes::from_static(b"state") };
        drive(&journal, log.save_checkpoint(checkpoint)).unwrap();
    }
    let (begin, begun) = mpsc::channel();
    let (end, ended) = mpsc::channel();
    std::thread::scope(|scope| {
        let deleting = scope.spawn({
            let journal = journal.clone();
            move || {
                begun.recv().unwrap();
                let deleted = drive(&journal, journal.delete(LOG));
                let _ = end.send(());
                deleted
            }
        });
        let (first, ended) = (AtomicBool::new(true), parking_lot::Mutex::new(ended));
        fs.observe(move |_| {
            if first.swap(false, Ordering::SeqCst) {
                begin.send(()).unwrap();
                // The deletion has to wait for the work; one that does not has this long to do its harm.
                let _ = ended.lock().recv_timeout(Duration::from_millis(200));
            }
        });
        let worked = work(&journal, &*log);
        assert!(matches!(worked, Ok(_) | Err(JournalError::Fenced)));
        deleting.join().unwrap().unwrap();
    });
    assert_eq!(*journal.health().borrow(), Health::Healthy);
    fs.observe_no_more();
    assert_eq!(drive(&journal, journal.logs()), Ok(vec![]));
}

#[test]
fn a_log_that_is_deleted_while_a_checkpoint_is_saved_goes_after_it_and_nothing_poisons() {
    delete_during(|journal, log| {
        let checkpoint = Checkpoint { replay_from: 1, as_of: 1, state: Bytes::from_static(b"state") };
        drive(journal, log.save_checkpoint(checkpoint))
    });
}

#[test]
fn a_log_that_is_deleted_while_it_is_trimmed_goes_after_that_and_nothing_poisons() {
    delete_during(|journal, log| drive(journal, log.trim(60)));
}

#[test]
fn a_journal_that_is_dropped_while_a_checkpoint_is_saved_holds_the_directory_until_it_is() {
    let fs = SimFs::default();
    let journal = open(&fs).unwrap();
    let log = filled(&journal, LOG, (0..3).map(record));
    let (begin, begun) = mpsc::channel();
    let (end, ended) = mpsc::channel();
    let saving = AtomicBool::new(true);
    let (first, ended) = (AtomicBool::new(true), parking_lot::Mutex::new(ended));
    fs.observe(move |_| {
        if first.swap(false, Ordering::SeqCst) {
            begin.send(()).unwrap();
            let _ = ended.lock().recv_timeout(Duration::from_millis(200));
        }
    });
    std::thread::scope(|scope| {
        let saving = &saving;
        scope.spawn(move || {
            let checkpoint = Checkpoint { replay_from: 1, as_of: 1, state: Bytes::from_static(b"state") };
            let saved = crate::support::now_or_never(log.save_checkpoint(checkpoint)).unwrap();
            saving.store(false, Ordering::SeqCst);
            saved.unwrap();
        });
        begun.recv().unwrap();
        drop(journal);
        let next = open(&fs);
        let overlapped =
            next.is_ok() && !fs.files().iter().any(|path| path.to_string_lossy().ends_with(".ckpt"));
        let _ = end.send(());
        assert!(!overlapped, "the next process owns what this one still writes to");
    });
    assert!(!saving.load(Ordering::SeqCst));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_opening_that_no_one_waits_for_any_more_holds_the_directory_until_it_is_done() {
    let fs = SimFs::default();
    let journal = Arc::new(open(&fs).unwrap());
    let (begin, begun) = mpsc::channel();
    let (end, ended) = mpsc::channel();
    let (first, ended) = (AtomicBool::new(true), parking_lot::Mutex::new(ended));
    fs.observe(move |_| {
        if first.swap(false, Ordering::SeqCst) {
            begin.send(()).unwrap();
            let _ = ended.lock().recv_timeout(Duration::from_secs(5));
        }
    });
    let opening = tokio::spawn({
        let journal = journal.clone();
        async move { journal.open(LOG).await.map(drop) }
    });
    begun.recv().unwrap();
    opening.abort();
    assert!(opening.await.unwrap_err().is_cancelled());
    drop(journal);
    assert!(matches!(open(&fs), Err(JournalError::Locked(_))));
    end.send(()).unwrap();
    while open(&fs).is_err() {
        tokio::task::yield_now().await;
    }
}
