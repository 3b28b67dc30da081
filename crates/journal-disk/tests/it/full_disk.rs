//! A full disk refuses publishes before they have a position, interrupts nothing, and heals by itself.

use std::sync::Arc;

use bytes::Bytes;
use journal::{AppendError, Batch, Checkpoint, Health, Journal, Log, Priority};
use journal_disk::{
    DiskJournal,
    fs::sim::{Loss, SimFs},
};
use types::{Clock, Timestamp};

use crate::support::{LOG, clock, drive, filled, open, read_all, record, small};

fn publish(journal: &DiskJournal, log: &dyn Log, number: u64, priority: Priority) -> Result<(), AppendError> {
    let batch = Batch::of([record(number)]);
    loop {
        drive(journal, log.room(batch.bytes().len(), priority))?;
        match log.append(Timestamp::from_micros(number), batch.clone(), priority) {
            Err(AppendError::Busy) => {}
            Err(error) => return Err(error),
            Ok(appended) => {
                drive(journal, appended.durable.wait())
                    .expect("a full disk never interrupts what was accepted");
                return Ok(());
            }
        }
    }
}

#[test]
fn publishes_are_refused_state_records_go_on_and_space_heals() {
    let fs = SimFs::default();
    let journal = open(&fs).unwrap();
    let log = filled(&journal, LOG, [record(0)]);
    fs.set_capacity(fs.used() + 5_000);
    let mut number = 1;
    while publish(&journal, &*log, number, Priority::Publish).is_ok() {
        number += 1;
        assert!(number < 1_000, "the disk is never full");
    }
    assert_eq!(*journal.health().borrow(), Health::OutOfSpace);
    assert_eq!(publish(&journal, &*log, number, Priority::Publish), Err(AppendError::OutOfSpace));
    for _ in 0..20 {
        publish(&journal, &*log, number, Priority::State).expect("state records go on from the reserve");
        number += 1;
    }
    while publish(&journal, &*log, number, Priority::State).is_ok() {
        number += 1;
        assert!(number < 1_000, "the reserve is never used up");
    }
    journal.tick();
    assert_eq!(*journal.health().borrow(), Health::OutOfSpace, "there is no space yet");

    fs.set_capacity(u64::MAX);
    journal.tick();
    assert_eq!(*journal.health().borrow(), Health::Healthy);
    publish(&journal, &*log, number, Priority::Publish).unwrap();

    let journal = {
        drop((log, journal));
        open(&fs.crash(Loss::Everything)).unwrap()
    };
    let log = drive(&journal, journal.open(LOG)).unwrap();
    let read = read_all(&*log);
    assert_eq!((read.records.len() as u64, read.damaged.len()), (number + 1, 0));
}

#[test]
fn a_checkpoint_and_a_trim_on_a_full_disk_free_space() {
    let fs = SimFs::default();
    let journal = open(&fs).unwrap();
    let log = filled(&journal, LOG, (0..60).map(record));
    fs.set_capacity(fs.used() + 100);
    let mut number = 60;
    while publish(&journal, &*log, number, Priority::Publish).is_ok() {
        number += 1;
    }
    let end = *log.tail().borrow();
    for _ in 0..2 {
        let state = Bytes::from(vec![7; 500]);
        let checkpoint = Checkpoint { replay_from: end, as_of: end, state };
        drive(&journal, log.save_checkpoint(checkpoint)).expect("the reserve is for checkpoints too");
    }
    assert!(drive(&journal, log.trim(end)).unwrap() > 1);
    journal.tick();
    assert_eq!(*journal.health().borrow(), Health::Healthy);
    publish(&journal, &*log, number, Priority::Publish).unwrap();
}

#[test]
fn wherever_the_disk_gets_full_nothing_is_lost_and_nothing_poisons() {
    for spare in (0..6_000).step_by(97) {
        let fs = SimFs::default();
        let journal = open(&fs).unwrap();
        let log = filled(&journal, LOG, [record(0)]);
        fs.set_capacity(fs.used() + spare);
        let mut number = 1;
        while number < 80 && publish(&journal, &*log, number, Priority::Publish).is_ok() {
            number += 1;
        }
        assert_ne!(*journal.health().borrow(), Health::Healthy);
        fs.set_capacity(u64::MAX);
        journal.tick();
        publish(&journal, &*log, number, Priority::Publish).expect("space is back");
        assert_eq!(*journal.health().borrow(), Health::Healthy);
        assert_eq!(read_all(&*log).records.len() as u64, number + 1);
    }
}

#[test]
fn the_disk_has_space_again_only_once_what_was_missing_could_be_written() {
    let fs = SimFs::default();
    let journal = open(&fs).unwrap();
    let log = filled(&journal, LOG, [record(0)]);
    fs.set_capacity(fs.used() + 300);
    let mut number = 1;
    while publish(&journal, &*log, number, Priority::Publish).is_ok() {
        number += 1;
    }
    // The reserve is whole: it was never needed.
    for spare in [300, 1_000, 4_000] {
        fs.set_capacity(fs.used() + spare);
        journal.tick();
        assert_eq!(*journal.health().borrow(), Health::OutOfSpace, "{spare}");
    }
    fs.set_capacity(fs.used() + 4_096);
    let used = fs.used();
    journal.tick();
    assert_eq!((journal.health().borrow().clone(), fs.used()), (Health::Healthy, used));
    publish(&journal, &*log, number, Priority::Publish).unwrap();
}

#[test]
fn what_a_large_batch_missed_is_what_has_to_be_found() {
    let fs = SimFs::default();
    let journal = open(&fs).unwrap();
    let log = filled(&journal, LOG, [record(0)]);
    fs.set_capacity(fs.used() + 20_000);
    let large = Batch::of([vec![7; 30_000]]);
    let refused = drive(&journal, log.room(large.bytes().len(), Priority::Publish));
    assert_eq!(refused, Err(AppendError::OutOfSpace));
    journal.tick();
    assert_eq!(*journal.health().borrow(), Health::OutOfSpace, "it would be refused again");
    fs.set_capacity(fs.used() + 40_000);
    journal.tick();
    assert_eq!(*journal.health().borrow(), Health::Healthy);
    drive(&journal, log.room(large.bytes().len(), Priority::Publish)).unwrap();
}

#[test]
fn state_records_find_freed_space_before_the_disk_has_it_for_everyone() {
    let fs = SimFs::default();
    let journal = open(&fs).unwrap();
    let log = filled(&journal, LOG, [record(0)]);
    fs.set_capacity(fs.used() + 300);
    let mut number = 1;
    for priority in [Priority::Publish, Priority::State] {
        while publish(&journal, &*log, number, priority).is_ok() {
            number += 1;
        }
    }
    assert_eq!(publish(&journal, &*log, number, Priority::State), Err(AppendError::OutOfSpace));
    fs.set_capacity(fs.used() + 2_000);
    assert_eq!(publish(&journal, &*log, number, Priority::State), Err(AppendError::OutOfSpace));
    journal.tick();
    assert_eq!(*journal.health().borrow(), Health::OutOfSpace, "the reserve is not whole");
    publish(&journal, &*log, number, Priority::State).expect("but there is some space");
    assert_eq!(publish(&journal, &*log, number, Priority::Publish), Err(AppendError::OutOfSpace));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_threads_a_full_disk_does_not_flap() {
    let fs = SimFs::default();
    let config = journal_disk::Config { space_retry: std::time::Duration::from_millis(100), ..small() };
    let journal = DiskJournal::open(Arc::new(fs.clone()), "/data", config, clock()).unwrap();
    let log = journal.open(LOG).await.unwrap();
    fs.set_capacity(fs.used() + 300);
    let mut health = journal.health();
    let changes = tokio::spawn(async move {
        let mut changes = 0;
        while health.changed().await.is_ok() {
            health.borrow_and_update();
            changes += 1;
        }
        changes
    });
    let batch = Batch::of([record(4)]);
    let time = types::SystemClock::start();
    let started = time.now();
    while time.now().since(started) < std::time::Duration::from_millis(550) {
        match log.append(Timestamp::EPOCH, batch.clone(), Priority::Publish) {
            Ok(appended) => appended.durable.wait().await.unwrap(),
            Err(AppendError::Busy) => drop(log.room(batch.bytes().len(), Priority::Publish).await),
            Err(_) => tokio::task::yield_now().await,
        }
    }
    drop((log, journal));
    let changes = changes.await.unwrap();
    assert!((1..=2).contains(&changes), "{changes}: full once, and nothing got free");
}

#[tokio::test]
async fn with_threads_a_disk_that_was_full_heals_without_being_asked() {
    let fs = SimFs::default();
    let config = journal_disk::Config { space_retry: std::time::Duration::from_millis(10), ..small() };
    let journal = DiskJournal::open(Arc::new(fs.clone()), "/data", config, clock()).unwrap();
    let log = journal.open(LOG).await.unwrap();
    fs.set_capacity(fs.used());
    let batch = Batch::of([record(1)]);
    let refused = loop {
        match log.append(Timestamp::EPOCH, batch.clone(), Priority::Publish) {
            Ok(appended) => appended.durable.wait().await.unwrap(),
            Err(AppendError::Busy) => {
                if let Err(refused) = log.room(batch.bytes().len(), Priority::Publish).await {
                    break refused;
                }
            }
            Err(refused) => break refused,
        }
    };
    assert_eq!(refused, AppendError::OutOfSpace);
    fs.set_capacity(u64::MAX);
    journal.health().wait_for(|health| *health == Health::Healthy).await.unwrap();
    log.room(batch.bytes().len(), Priority::Publish).await.unwrap();
}
