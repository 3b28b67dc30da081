//! Every state in which a power cut can leave the disk, at every boundary of a workload: what was acknowledged is
//! there, in order and whole; what is there was appended; and the log can go on.

use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use journal::{AppendError, Batch, Checkpoint, Journal, Log, Poisoned, Priority};
use journal_disk::{
    DiskJournal,
    fs::sim::{Loss, SimFs},
};
use parking_lot::Mutex;
use types::{LogId, Position, Timestamp};

use crate::support::{Random, append, drive, open, open_for, read_all, record};

const OPERATIONS: u64 = 300;
const LOGS: u64 = 2;

type Answer = Pin<Box<dyn Future<Output = Result<(), Poisoned>> + Send>>;

/// What must be found, and what may be.
#[derive(Default)]
struct Model {
    logs: BTreeMap<LogId, LogModel>,
}

#[derive(Default)]
struct LogModel {
    existence: Existence,
    /// Every record appended; the first has position 1.
    appended: Vec<Vec<u8>>,
    /// What waits for its answer, with the position after it.
    waiting: Vec<(Position, Answer)>,
    /// Positions below are acknowledged.
    acknowledged: Position,
    /// Answered before it was synced: acknowledged by the next tick.
    answered: Position,
    interval: bool,
    /// The highest position that a trim was asked for.
    trimmed: Position,
    /// Checkpoints saved, and the one under way.
    saved: Vec<Checkpoint>,
    saving: Option<Checkpoint>,
}

#[derive(Default, Clone, Copy, PartialEq)]
enum Existence {
    #[default]
    Absent,
    /// Being made or removed.
    Either,
    Present,
}

impl Model {
    /// Takes in the answers that have come.
    fn take_answers(&mut self) {
        let mut context = Context::from_waker(Waker::noop());
        for log in self.logs.values_mut() {
            let acknowledged = if log.interval { &mut log.answered } else { &mut log.acknowledged };
            log.waiting.retain_mut(|(end, answer)| match answer.as_mut().poll(&mut context) {
                Poll::Ready(Ok(())) => {
                    *acknowledged = (*acknowledged).max(*end);
                    false
                }
                Poll::Ready(Err(error)) => panic!("no call failed, yet: {error}"),
                Poll::Pending => true,
            });
        }
    }
}

/// Recovers a crashed disk and compares.
fn check(fs: &SimFs, model: &Model, goes_on: bool) {
    let journal = open(fs).expect("a crash never keeps the engine from opening");
    let found = drive(&journal, journal.logs()).unwrap();
    for (id, expected) in &model.logs {
        match expected.existence {
            Existence::Present => assert!(found.contains(id), "{id:?} is gone"),
            Existence::Absent => assert!(!found.contains(id), "{id:?} came back"),
            Existence::Either => {}
        }
    }
    for id in found {
        let log = drive(&journal, journal.open(id)).expect("a crash never damages a log");
        check_log(&*log, &model.logs[&id]);
        if goes_on {
            let end = *log.tail().borrow();
            drive(&journal, append(&*log, b"after the crash".to_vec())).unwrap();
            assert_eq!(read_all(&*log).records.last(), Some(&(end, Bytes::from_static(b"after the crash"))));
        }
    }
    assert_eq!(journal.stats().damaged, 0, "a crash is not damage");
}

fn check_log(log: &dyn Log, expected: &LogModel) {
    let tail = *log.tail().borrow();
    let first = log.segments()[0].first;
    assert!(tail >= expected.acknowledged, "{} was acknowledged, {tail} is the end", expected.acknowledged);
    assert!(first <= expected.trimmed.max(1), "{first} is the first, {} may be", expected.trimmed);
    let read = read_all(log);
    assert_eq!(read.damaged, []);
    assert!(read.records.iter().map(|(position, _)| *position).eq(first..tail), "there is a hole");
    for (position, found) in &read.records {
        let appended = &expected.appended[usize::try_from(position - 1).unwrap()];
        assert_eq!(found, appended, "at {position}");
    }
    let loaded = crate::support::now_or_never(log.load_checkpoint()).unwrap().unwrap();
    assert!(
        loaded.as_ref() == expected.saved.last() || loaded.is_some() && loaded == expected.saving,
        "{loaded:?} is not the checkpoint that was saved"
    );
    if let Some(loaded) = loaded {
        assert!(loaded.replay_from >= first && loaded.as_of <= tail, "{loaded:?} needs {first}..{tail}");
    }
}

/// The workload: one process after the other over one disk.
struct Workload {
    fs: SimFs,
    random: Random,
    model: Arc<Mutex<Model>>,
    journal: DiskJournal,
    open: BTreeMap<LogId, Arc<dyn Log>>,
    /// Answers do not wait for the sync, so that only ticks and orderly ends promise anything.
    interval: bool,
}

impl Workload {
    fn operate(&mut self) {
        let id = LogId(1 + self.random.below(LOGS));
        match self.random.below(100) {
            0..55 => self.append(id),
            55..78 => drop(self.journal.step()),
            78..80 => self.tick(),
            80..88 => self.save_checkpoint(id),
            88..92 => self.trim(id),
            92..94 => self.seal(id),
            94..96 => self.delete(id),
            96..98 => self.restart(true),
            _ => self.restart(false),
        }
        self.model.lock().take_answers();
    }

    /// Syncs what was answered, where that comes later.
    fn tick(&self) {
        self.model.lock().take_answers();
        self.journal.tick();
        self.acknowledge_answered();
    }

    fn acknowledge_answered(&self) {
        for log in self.model.lock().logs.values_mut() {
            log.acknowledged = log.acknowledged.max(log.answered);
        }
    }

    fn log(&mut self, id: LogId) -> Arc<dyn Log> {
        if let Some(log) = self.open.get(&id) {
            return log.clone();
        }
        let existed = self.model.lock().logs.get(&id).is_some_and(|log| log.existence == Existence::Present);
        if !existed {
            let made = LogModel {
                existence: Existence::Either,
                acknowledged: 1,
                interval: self.interval,
                ..LogModel::default()
            };
            self.model.lock().logs.insert(id, made);
        }
        let log = drive(&self.journal, self.journal.open(id)).unwrap();
        self.with(id, |model| model.existence = Existence::Present);
        self.open.insert(id, log.clone());
        log
    }

    fn with(&self, id: LogId, change: impl FnOnce(&mut LogModel)) {
        change(self.model.lock().logs.entry(id).or_default());
    }

    fn append(&mut self, id: LogId) {
        let log = self.log(id);
        let records: Vec<_> =
            (0..1 + self.random.below(3)).map(|_| record(self.random.below(1_000))).collect();
        let batch = Batch::of(&records);
        loop {
            match log.append(Timestamp::from_micros(9), batch.clone(), Priority::Publish) {
                Ok(appended) => {
                    return self.with(id, |model| {
                        assert_eq!(appended.first, model.appended.len() as u64 + 1);
                        model.appended.extend(records);
                        let end = model.appended.len() as u64 + 1;
                        model.waiting.push((end, Box::pin(appended.durable.wait())));
                    });
                }
                Err(AppendError::Busy) => {
                    drive(&self.journal, log.room(batch.bytes().len(), Priority::Publish)).unwrap();
                }
                Err(error) => panic!("{error}"),
            }
        }
    }

    fn save_checkpoint(&mut self, id: LogId) {
        let log = self.log(id);
        let as_of = *log.tail().borrow();
        let first = log.segments()[0].first;
        let replay_from = first + self.random.below(as_of - first + 1);
        let state = Bytes::from(record(self.random.below(1_000)));
        let checkpoint = Checkpoint { replay_from, as_of, state };
        self.with(id, |model| model.saving = Some(checkpoint.clone()));
        drive(&self.journal, log.save_checkpoint(checkpoint.clone())).unwrap();
        self.with(id, |model| model.saved.push(checkpoint));
    }

    fn trim(&mut self, id: LogId) {
        let log = self.log(id);
        let below = *log.tail().borrow();
        self.with(id, |model| model.trimmed = below);
        drive(&self.journal, log.trim(below)).unwrap();
    }

    fn seal(&mut self, id: LogId) {
        let log = self.log(id);
        drive(&self.journal, log.seal()).unwrap();
    }

    /// Only the second log goes; the first is there all the time.
    fn delete(&mut self, id: LogId) {
        if id == LogId(1) || !self.open.contains_key(&id) {
            return;
        }
        self.open.remove(&id);
        self.with(id, |model| model.existence = Existence::Either);
        drive(&self.journal, self.journal.delete(id)).unwrap();
        self.with(id, |model| *model = LogModel::default());
    }

    /// The next process, after an orderly end or a `kill -9`.
    fn restart(&mut self, orderly: bool) {
        if orderly {
            drive(&self.journal, self.journal.close()).unwrap();
        }
        self.model.lock().take_answers();
        if orderly {
            self.acknowledge_answered();
        }
        // What was not answered by now never is.
        self.model.lock().logs.values_mut().for_each(|log| log.waiting.clear());
        self.open.clear();
        // The old process must let go of the directory first.
        let gone = std::mem::replace(&mut self.journal, open(&SimFs::default()).unwrap());
        drop(gone);
        self.journal = open_for(&self.fs, self.interval).unwrap();
        let there: Vec<_> = self.model.lock().logs.iter().map(|(id, log)| (*id, log.existence)).collect();
        for (id, _) in there.into_iter().filter(|(_, existence)| *existence == Existence::Present) {
            let end = *self.log(id).tail().borrow();
            self.with(id, |model| {
                model.appended.truncate(usize::try_from(end - 1).unwrap());
                // Recovery has made it durable, or a kill took nothing that was written.
                (model.acknowledged, model.answered) = (end, end);
            });
        }
    }
}

fn losses(boundary: u64) -> [Loss; 12] {
    let seed = |number: u64| boundary * 16 + number;
    [
        Loss::Everything,
        Loss::Nothing,
        Loss::Suffix(seed(0)),
        Loss::Suffix(seed(1)),
        Loss::Some(seed(2)),
        Loss::Some(seed(3)),
        Loss::Sectors(512, seed(4)),
        Loss::Sectors(512, seed(5)),
        Loss::Sectors(512, seed(6)),
        Loss::Sectors(64, seed(7)),
        Loss::Sectors(4_096, seed(8)),
        Loss::Sectors(4_096, seed(9)),
    ]
}

/// Runs the workload of a seed and checks every crash state; returns how many there were.
fn enumerate(seed: u64, interval: bool) -> u64 {
    let states = Arc::new(AtomicU64::new(0));
    let model = Arc::new(Mutex::new(Model::default()));
    let fs = SimFs::default();
    let journal = open_for(&fs, interval).unwrap();
    fs.observe({
        let (states, model) = (states.clone(), model.clone());
        move |fs| {
            let mut model = model.lock();
            model.take_answers();
            for loss in losses(fs.calls()) {
                let number = states.fetch_add(1, Ordering::Relaxed);
                let outcome = catch_unwind(AssertUnwindSafe(|| {
                    check(&fs.crash(loss), &model, number.is_multiple_of(7));
                }));
                assert!(outcome.is_ok(), "violated at seed={seed} call={} {loss:?}", fs.calls());
            }
        }
    });
    let mut workload = Workload { fs, random: Random(seed), model, journal, open: BTreeMap::new(), interval };
    for _ in 0..OPERATIONS {
        workload.operate();
    }
    workload.fs.observe_no_more();
    states.load(Ordering::Relaxed)
}

#[test]
fn whatever_a_power_cut_leaves_everything_acknowledged_is_there_and_nothing_else() {
    let seed = std::env::var("CRASH_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(20_261_124);
    let mut states = 0;
    let mut run = 0;
    while states < 20_000 {
        states += enumerate(seed + run, false);
        run += 1;
    }
    println!("states={states} violations=0 seed={seed} workloads={run}");
}

#[test]
fn with_answers_before_the_sync_a_power_cut_takes_nothing_that_a_tick_or_an_orderly_end_made_durable() {
    let (mut states, mut run) = (0, 0);
    while states < 5_000 {
        states += enumerate(77 + run, true);
        run += 1;
    }
    println!("interval states={states} violations=0 workloads={run}");
}

#[test]
fn a_crash_during_recovery_is_recovered_from_too() {
    let model = Arc::new(Mutex::new(Model::default()));
    let fs = SimFs::default();
    let mut workload = Workload {
        fs: fs.clone(),
        random: Random(7),
        model: model.clone(),
        journal: open(&fs).unwrap(),
        open: BTreeMap::new(),
        interval: false,
    };
    let states = Arc::new(AtomicU64::new(0));
    for _ in 0..OPERATIONS / 3 {
        workload.operate();
        for loss in losses(fs.calls()) {
            let crashed = fs.crash(loss);
            crashed.observe({
                let (states, model) = (states.clone(), model.clone());
                move |fs| {
                    let model = model.lock();
                    for loss in losses(fs.calls()).into_iter().step_by(3) {
                        states.fetch_add(1, Ordering::Relaxed);
                        check(&fs.crash(loss), &model, false);
                    }
                }
            });
            let journal = open(&crashed).unwrap();
            for id in drive(&journal, journal.logs()).unwrap() {
                drive(&journal, journal.open(id)).unwrap();
            }
            crashed.observe_no_more();
        }
    }
    println!("states={} violations=0", states.load(Ordering::Relaxed));
}
