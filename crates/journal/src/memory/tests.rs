use super::*;
use crate::conformance::Engine as TestedEngine;

struct Memory(Mutex<MemoryJournal>);

impl TestedEngine for Memory {
    fn open(&self) -> BoxFuture<'_, Arc<dyn Journal>> {
        let mut current = self.0.lock();
        *current = current.restart();
        let opened: Arc<dyn Journal> = Arc::new(MemoryJournal(current.0.clone()));
        Box::pin(async { opened })
    }

    fn fail_writes(&self) -> bool {
        self.0.lock().poison("a write failed");
        true
    }
}

fn memory() -> Memory {
    Memory(Mutex::new(MemoryJournal::new(Config { segment_bytes: 2_000, ..Config::default() })))
}

crate::conformance_tests!(memory());

const NOW: Timestamp = Timestamp::from_micros(1);

#[tokio::test]
async fn state_records_go_on_when_publishes_are_refused_for_space_and_trimming_heals() {
    let config =
        Config { capacity_bytes: 4_000, reserve_bytes: 4_000, segment_bytes: 1_000, ..Config::default() };
    let journal = MemoryJournal::new(config);
    let log = journal.open(LogId(1)).await.unwrap();
    let append = |priority| log.append(NOW, Batch::of([[0; 400]]), priority);
    while append(Priority::Publish).is_ok() {}
    assert_eq!(append(Priority::Publish).unwrap_err(), AppendError::OutOfSpace);
    assert_eq!(*journal.health().borrow(), Health::OutOfSpace);
    let state = append(Priority::State).unwrap();
    state.durable.wait().await.unwrap();

    let end = *log.tail().borrow();
    for _ in 0..2 {
        let checkpoint = Checkpoint { replay_from: end, as_of: end, state: bytes::Bytes::new() };
        log.save_checkpoint(checkpoint).await.unwrap();
    }
    log.trim(end).await.unwrap();
    assert_eq!(*journal.health().borrow(), Health::Healthy);
    assert!(append(Priority::Publish).is_ok());
}

#[tokio::test]
async fn what_was_held_is_not_durable_and_is_gone_after_a_restart() {
    let journal = MemoryJournal::default();
    let log = journal.open(LogId(1)).await.unwrap();
    log.append(NOW, Batch::of(["kept"]), Priority::Publish).unwrap().durable.wait().await.unwrap();
    journal.hold();
    let lost = log.append(NOW, Batch::of(["lost"]), Priority::Publish).unwrap();
    assert_eq!(*log.tail().borrow(), 2);

    let log = journal.restart().open(LogId(1)).await.unwrap();
    assert!(lost.durable.wait().await.is_err());
    assert_eq!(log.read(1, 1_000).await.unwrap().len(), 1);
    assert_eq!(log.append(NOW, Batch::of(["again"]), Priority::Publish).unwrap().first, 2);
}

#[tokio::test]
async fn what_was_held_becomes_durable_when_it_is_released() {
    let journal = MemoryJournal::default();
    let log = journal.open(LogId(1)).await.unwrap();
    journal.hold();
    let held = log.append(NOW, Batch::of(["held"]), Priority::Publish).unwrap();
    journal.release();
    held.durable.wait().await.unwrap();
}
