//! What several suites use.

use std::{
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use journal::{Batch, Durable, Journal, Log, Poisoned, ReadError};
use journal_disk::{Config, DiskJournal, Durability, fs::sim::SimFs};
use types::{Clock, LogId, ManualClock, Position, Timestamp};

/// The log that most tests use.
pub(crate) const LOG: LogId = LogId(1);

/// Small enough that everything happens within a few hundred bytes.
pub(crate) fn small() -> Config {
    Config {
        segment_bytes: 2_000,
        chunk_min_bytes: 1_024,
        chunk_max_bytes: 4_096,
        reserve_bytes: 4_096,
        ..Config::default()
    }
}

pub(crate) fn clock() -> Arc<dyn Clock> {
    Arc::new(ManualClock::at(Timestamp::from_micros(1_000_000)))
}

/// Opens the simulated disk without threads.
pub(crate) fn open(fs: &SimFs) -> Result<DiskJournal, journal::JournalError> {
    DiskJournal::open_stepped(Arc::new(fs.clone()), "/data", small(), clock())
}

/// The same, with answers before the sync if that is asked for.
pub(crate) fn open_for(fs: &SimFs, interval: bool) -> Result<DiskJournal, journal::JournalError> {
    let mut config = small();
    if interval {
        config.durability = Durability::Interval(std::time::Duration::from_secs(1));
    }
    DiskJournal::open_stepped(Arc::new(fs.clone()), "/data", config, clock())
}

/// The outcome of a future that needs nothing done; `None` if it waits.
pub(crate) fn now_or_never<T>(future: impl Future<Output = T>) -> Option<T> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(outcome) => Some(outcome),
        Poll::Pending => None,
    }
}

/// Runs a future to its end on this thread, doing the committers' work whenever it waits.
pub(crate) fn drive<T>(journal: &DiskJournal, future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(outcome) = future.as_mut().poll(&mut context) {
            return outcome;
        }
        assert!(journal.step(), "the future waits, and there is nothing to do");
    }
}

/// Opens a log and appends to it, one durable record after the other.
pub(crate) fn filled(
    journal: &DiskJournal,
    log: LogId,
    records: impl IntoIterator<Item = Vec<u8>>,
) -> Arc<dyn Log> {
    let log = drive(journal, journal.open(log)).unwrap();
    for record in records {
        drive(journal, append(&*log, record)).unwrap();
    }
    log
}

pub(crate) async fn append(log: &dyn Log, record: Vec<u8>) -> Result<(), Poisoned> {
    start_append(log, record).await.unwrap().wait().await
}

/// Appends once there is room.
pub(crate) async fn start_append(log: &dyn Log, record: Vec<u8>) -> Result<Durable, journal::AppendError> {
    let batch = Batch::of([record]);
    loop {
        log.room(batch.bytes().len(), journal::Priority::State).await?;
        match log.append(Timestamp::from_micros(5), batch.clone(), journal::Priority::State) {
            Err(journal::AppendError::Busy) => {}
            other => return other.map(|appended| appended.durable),
        }
    }
}

/// A record of its own for each number, of a length of its own.
pub(crate) fn record(number: u64) -> Vec<u8> {
    let length = usize::try_from(20 + number * 37 % 150).unwrap();
    format!("{number:0length$}").into_bytes()
}

/// What can be read, by position, and the damaged ranges between.
pub(crate) struct Read {
    pub(crate) records: Vec<(Position, Bytes)>,
    pub(crate) damaged: Vec<std::ops::Range<Position>>,
}

/// Reads everything that there is.
pub(crate) fn read_all(log: &dyn Log) -> Read {
    let mut read = Read { records: Vec::new(), damaged: Vec::new() };
    let mut from = log.segments()[0].first;
    loop {
        match now_or_never(log.read(from, 4_000)).unwrap() {
            Ok(frames) if frames.is_empty() => return read,
            Ok(frames) => {
                for frame in frames {
                    read.records.extend((frame.first..).zip(frame.batch.records()));
                    from = frame.end();
                }
            }
            Err(ReadError::Corrupt { from: first, to }) => {
                read.damaged.push(first..to);
                from = to;
            }
            Err(error) => panic!("{error}"),
        }
    }
}

/// A small random generator, so that a seed gives the same test everywhere.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}
