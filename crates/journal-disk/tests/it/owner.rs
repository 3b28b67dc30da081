//! One process owns a data directory.

use std::sync::Arc;

use journal::{Journal, JournalError};
use journal_disk::{DiskJournal, FileSystem, StdFs};

use crate::support::{clock, small};

fn open(dir: &std::path::Path) -> Result<DiskJournal, JournalError> {
    DiskJournal::open(Arc::new(StdFs), dir, small(), clock())
}

#[tokio::test]
async fn a_second_owner_is_refused_at_once_until_the_first_one_closes() {
    let dir = tempfile::tempdir().unwrap();
    let first = open(dir.path()).unwrap();
    assert!(matches!(open(dir.path()), Err(JournalError::Locked(_))));
    first.close().await.unwrap();
    open(dir.path()).unwrap();
}

#[test]
fn a_lock_that_another_process_holds_is_respected_and_ends_with_that_process() {
    let dir = tempfile::tempdir().unwrap();
    drop(open(dir.path()).unwrap());
    let lock = dir.path().join("LOCK");
    // A child inherits nothing of ours: it takes the lock itself, and says so.
    let mut child = std::process::Command::new("flock")
        .arg("--exclusive")
        .arg(&lock)
        .args(["sh", "-c", "echo locked; read line"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("flock(1) of util-linux");
    let mut said = [0; 7];
    std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut said).unwrap();
    assert!(matches!(open(dir.path()), Err(JournalError::Locked(_))));
    drop(child.stdin.take());
    child.wait().unwrap();
    open(dir.path()).unwrap();
}

#[test]
fn the_real_file_system_makes_lists_renames_and_removes() {
    let dir = tempfile::tempdir().unwrap();
    let (a, b) = (dir.path().join("a"), dir.path().join("b"));
    let file = StdFs.create(&a).unwrap();
    file.write_at(b"bytes", 3).unwrap();
    file.sync().unwrap();
    StdFs.rename(&a, &b).unwrap();
    StdFs.open_dir(dir.path()).unwrap().sync().unwrap();
    assert_eq!(StdFs.list(dir.path()).unwrap(), ["b"]);
    let mut read = [9; 10];
    let file = StdFs.open(&b).unwrap();
    assert_eq!((file.size().unwrap(), file.read_at(&mut read, 0).unwrap()), (8, 8));
    assert_eq!(read[..8], *b"\0\0\0bytes");
    file.truncate(2).unwrap();
    assert_eq!(file.size().unwrap(), 2);
    StdFs.remove_file(&b).unwrap();
    assert!(!StdFs.exists(&b).unwrap());
}
