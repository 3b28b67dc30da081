//! How fast appends become durable, and how fast a log is opened. Plain measurements, printed.
//!
//! `cargo bench -p journal-disk -- DIRECTORY MIB`: where to write (default: the system's temporary directory), and how
//! large a log to recover (default 128 MiB).

#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout, reason = "a measuring program")]

use std::{collections::VecDeque, path::Path, sync::Arc};

use journal::{AppendError, Batch, Durable, Journal, Log, Priority};
use journal_disk::{Config, DiskJournal, StdFs};
use types::{Clock, LogId, SystemClock};

const RECORD: usize = 1_024;
const SECONDS: f64 = 2.0;

fn main() {
    let mut arguments = std::env::args().skip(1).filter(|argument| !argument.starts_with("--"));
    let parent = arguments.next().map_or_else(std::env::temp_dir, Into::into);
    let mib = arguments.next().and_then(|mib| mib.parse().ok()).unwrap_or(128);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    runtime.block_on(async {
        for (outstanding, logs) in [(1, 1), (64, 1), (1_000, 1), (1, 8)] {
            let dir = tempfile::tempdir_in(&parent).unwrap();
            appends(dir.path(), outstanding, logs).await;
        }
        let dir = tempfile::tempdir_in(&parent).unwrap();
        recovery(dir.path(), mib).await;
    });
}

fn open(dir: &Path, clock: &Arc<SystemClock>) -> DiskJournal {
    DiskJournal::open(Arc::new(StdFs), dir, Config::default(), clock.clone()).unwrap()
}

async fn append(log: &dyn Log, clock: &SystemClock, batch: &Batch) -> Durable {
    loop {
        match log.append(clock.now(), batch.clone(), Priority::Publish) {
            Ok(appended) => return appended.durable,
            Err(AppendError::Busy) => log.room(batch.bytes().len(), Priority::Publish).await.unwrap(),
            Err(error) => panic!("{error}"),
        }
    }
}

/// Appends with so many unanswered at a time, on each of so many logs.
async fn appends(dir: &Path, outstanding: usize, logs: u64) {
    let clock = Arc::new(SystemClock::start());
    let journal = open(dir, &clock);
    let mut tasks = tokio::task::JoinSet::new();
    let started = clock.now();
    for id in 1..=logs {
        let (log, clock) = (journal.open(LogId(id)).await.unwrap(), clock.clone());
        tasks.spawn(async move { keep_appending(&*log, &clock, outstanding).await });
    }
    let appended: u64 = tasks.join_all().await.into_iter().sum();
    let seconds = clock.now().since(started).as_secs_f64();
    let stats = journal.stats();
    println!(
        "append {RECORD} B, {outstanding} outstanding, {logs} logs: {:.0}/s, {:.1} a commit, {:.0} us a commit, longest {} us",
        appended as f64 / seconds,
        stats.frames as f64 / stats.commits as f64,
        stats.commit_micros as f64 / stats.commits as f64,
        stats.commit_max_micros,
    );
    journal.close().await.unwrap();
}

async fn keep_appending(log: &dyn Log, clock: &SystemClock, outstanding: usize) -> u64 {
    let batch = Batch::of([[7; RECORD]]);
    let started = clock.now();
    let (mut waiting, mut appended) = (VecDeque::new(), 0);
    while clock.now().since(started).as_secs_f64() < SECONDS {
        if waiting.len() == outstanding {
            let first: Durable = waiting.pop_front().unwrap();
            first.wait().await.unwrap();
        }
        waiting.push_back(append(log, clock, &batch).await);
        appended += 1;
    }
    for durable in waiting {
        durable.wait().await.unwrap();
    }
    appended
}

async fn recovery(dir: &Path, mib: u64) {
    let clock = Arc::new(SystemClock::start());
    let journal = open(dir, &clock);
    let log = journal.open(LogId(1)).await.unwrap();
    let batch = Batch::of(vec![[7; 8 * RECORD]; 8]);
    let mut last = None;
    for _ in 0..mib * 16 {
        last = Some(append(&*log, &clock, &batch).await);
    }
    last.unwrap().wait().await.unwrap();
    journal.close().await.unwrap();
    drop((log, journal));

    let started = clock.now();
    let journal = open(dir, &clock);
    let log = journal.open(LogId(1)).await.unwrap();
    let opened = clock.now();
    let mut from = 1;
    loop {
        let frames = log.read(from, 1 << 20).await.unwrap();
        let Some(last) = frames.last() else { break };
        from = last.end();
    }
    let read = clock.now().since(opened).as_secs_f64();
    println!(
        "recovery of {mib} MiB in {} segments: {:.0} ms; reading it all: {:.0} MiB/s",
        log.segments().len(),
        opened.since(started).as_secs_f64() * 1_000.0,
        mib as f64 / read,
    );
}
