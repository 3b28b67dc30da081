//! What every engine must do. An engine implements [`Engine`] in its tests and calls
//! [`conformance_tests!`](crate::conformance_tests), which makes one test of each function here.
//!
//! The engine under test begins a new segment after about 2,000 bytes, so that trimming has something to drop.

#![allow(clippy::unwrap_used, reason = "these are tests, though of other crates")]

use std::sync::Arc;

use bytes::Bytes;
use tokio::task::JoinSet;
use types::{LogId, Position, Timestamp};

use crate::{
    AppendError, Batch, BoxFuture, Checkpoint, Frame, Health, Journal, JournalError, Log, Priority, ReadError,
};

/// How the suite starts, restarts and breaks the engine under test.
pub trait Engine: Send + Sync {
    /// Starts the engine over what the one before has kept. That one was closed or is simply forgotten.
    fn open(&self) -> BoxFuture<'_, Arc<dyn Journal>>;

    /// Makes the writes of the engine opened last fail from now on; `false` where that cannot be done.
    fn fail_writes(&self) -> bool {
        false
    }
}

/// One test of each function in [`conformance`](crate::conformance), over a new engine each.
#[macro_export]
macro_rules! conformance_tests {
    ($engine:expr) => {
        $crate::conformance_tests! { @each $engine;
            positions_start_at_one_and_have_no_gaps
            a_batch_is_read_back_whole_with_its_time
            a_read_from_inside_a_batch_gives_that_batch
            a_read_stops_after_the_bytes_asked_for_and_gives_one_frame_at_least
            a_read_at_or_past_the_end_is_empty
            the_tail_moves_to_the_end_of_what_is_durable
            appends_of_many_tasks_are_all_kept_in_the_order_of_their_positions
            a_read_beside_appends_gives_each_frame_once_and_in_order
            logs_do_not_see_each_other
            what_is_durable_is_found_by_the_next_process
            time_never_runs_backwards_within_a_log
            a_time_finds_the_first_frame_appended_then_or_later
            opening_a_log_again_fences_the_handle_before
            a_deleted_log_is_fenced_gone_and_begins_anew
            a_closed_engine_takes_no_appends
            a_batch_over_the_limit_is_refused_and_changes_nothing
            trimming_waits_for_two_checkpoints
            trimming_drops_whole_segments_below_and_says_so_to_readers
            segments_lie_end_to_end_and_the_last_one_grows
            a_log_with_little_in_it_counts_few_bytes_and_so_does_one_that_was_emptied
            sealing_begins_a_new_segment_unless_the_present_one_is_empty
            the_latest_checkpoint_is_found_by_the_next_process
            a_checkpoint_of_what_was_never_appended_is_refused
            a_failed_write_is_final
        }
    };
    (@each $engine:expr; $($name:ident)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                $crate::conformance::$name(&$engine).await;
            }
        )*
    };
}

const LOG: LogId = LogId(7);

fn at(micros: u64) -> Timestamp {
    Timestamp::from_micros(micros)
}

/// The engine, which its logs do not outlive, and one log.
async fn start(engine: &dyn Engine) -> (Arc<dyn Journal>, Arc<dyn Log>) {
    let journal = engine.open().await;
    let log = journal.open(LOG).await.unwrap();
    (journal, log)
}

/// Appends, waiting for room where the engine asks for it, and waits until it is durable.
async fn append(log: &dyn Log, now: u64, batch: Batch) -> Position {
    loop {
        match log.append(at(now), batch.clone(), Priority::Publish) {
            Ok(appended) => {
                appended.durable.wait().await.expect("the append becomes durable");
                return appended.first;
            }
            Err(AppendError::Busy) => {
                log.room(batch.bytes().len(), Priority::Publish).await.expect("there is room");
            }
            Err(error) => panic!("the append was refused: {error}"),
        }
    }
}

/// Appends `count` batches of one record with 100 bytes, a microsecond apart.
async fn fill(log: &dyn Log, count: u64) {
    for number in 0..count {
        append(log, 1_000 + number, Batch::of([numbered(number)])).await;
    }
}

fn numbered(number: u64) -> Vec<u8> {
    format!("{number:0100}").into_bytes()
}

async fn read_all(log: &dyn Log, mut from: Position) -> Vec<Frame> {
    let mut all = Vec::new();
    loop {
        let frames = log.read(from, 1 << 20).await.expect("what is durable can be read");
        let Some(last) = frames.last() else { return all };
        from = last.end();
        all.extend(frames);
    }
}

fn records(frames: &[Frame]) -> Vec<Bytes> {
    frames.iter().flat_map(|frame| frame.batch.records()).collect()
}

async fn checkpoint(log: &dyn Log, replay_from: Position, state: &'static str) {
    let as_of = *log.tail().borrow();
    let state = Bytes::from_static(state.as_bytes());
    log.save_checkpoint(Checkpoint { replay_from, as_of, state }).await.expect("the checkpoint is kept");
}

/// See the name.
pub async fn positions_start_at_one_and_have_no_gaps(engine: &dyn Engine) {
    let (_journal, log) = start(engine).await;
    assert_eq!(append(&*log, 1, Batch::of(["a", "b", "c"])).await, 1);
    assert_eq!(append(&*log, 2, Batch::of(["d"])).await, 4);
    assert_eq!(append(&*log, 3, Batch::of(["e", "f"])).await, 5);
    assert_eq!(*log.tail().borrow(), 7);
}

/// See the name.
pub async fn a_batch_is_read_back_whole_with_its_time(engine: &dyn Engine) {
    let (_journal, log) = start(engine).await;
    let batch = Batch::of([&b""[..], b"b", &[0; 5_000]]);
    append(&*log, 5, batch.clone()).await;
    let frames = log.read(1, 1).await.unwrap();
    let [frame] = &frames[..] else { panic!("{} frames", frames.len()) };
    assert_eq!((frame.first, frame.at, frame.end()), (1, at(5), 4));
    assert_eq!(frame.batch, batch);
}

/// See the name.
pub async fn a_read_from_inside_a_batch_gives_that_batch(engine: &dyn Engine) {
    let (_journal, log) = start(engine).await;
    append(&*log, 1, Batch::of(["a"])).await;
    append(&*log, 2, Batch::of(["b", "c", "d"])).await;
    append(&*log, 3, Batch::of(["e"])).await;
    let frames = log.read(3, 1).await.unwrap();
    assert_eq!((frames[0].first, frames[0].batch.count()), (2, 3));
}

/// See the name.
pub async fn a_read_stops_after_the_bytes_asked_for_and_gives_one_frame_at_least(engine: &dyn Engine) {
    let (_journal, log) = start(engine).await;
    fill(&*log, 50).await;
    for (from, max_bytes, expected) in [(1, 0, 1), (1, 1, 1), (10, 150, 2), (49, 1 << 20, 2)] {
        let frames = log.read(from, max_bytes).await.unwrap();
        assert_eq!((frames[0].first, frames.len()), (from, expected), "{max_bytes} bytes");
    }
}

/// See the name.
pub async fn a_read_at_or_past_the_end_is_empty(engine: &dyn Engine) {
    let (_journal, log) = start(engine).await;
    assert!(log.read(1, 100).await.unwrap().is_empty());
    append(&*log, 1, Batch::of(["a"])).await;
    assert!(log.read(2, 100).await.unwrap().is_empty());
    assert!(log.read(1_000, 100).await.unwrap().is_empty());
}

/// See the name.
pub async fn the_tail_moves_to_the_end_of_what_is_durable(engine: &dyn Engine) {
    let (_journal, log) = start(engine).await;
    let mut tail = log.tail();
    assert_eq!(*tail.borrow_and_update(), 1);
    append(&*log, 1, Batch::of(["a", "b"])).await;
    assert_eq!(*tail.wait_for(|tail| *tail > 1).await.unwrap(), 3);
}

/// See the name.
pub async fn appends_of_many_tasks_are_all_kept_in_the_order_of_their_positions(engine: &dyn Engine) {
    let (_journal, log) = start(engine).await;
    let mut tasks = JoinSet::new();
    for task in 0..20 {
        let log = log.clone();
        tasks.spawn(async move {
            let mut placed = Vec::new();
            for number in 0..20 {
                let record = numbered(task * 1_000 + number);
                placed.push((append(&*log, 1, Batch::of([&record])).await, record));
            }
            placed
        });
    }
    let mut placed: Vec<_> = tasks.join_all().await.into_iter().flatten().collect();
    placed.sort();
    let positions: Vec<_> = placed.iter().map(|(position, _)| *position).collect();
    assert_eq!(positions, (1..=400).collect::<Vec<_>>());
    let expected: Vec<_> = placed.into_iter().map(|(_, record)| record).collect();
    assert_eq!(records(&read_all(&*log, 1).await), expected);
}

/// The durable end moves while a reader is on its way to it.
pub async fn a_read_beside_appends_gives_each_frame_once_and_in_order(engine: &dyn Engine) {
    let journal = engine.open().await;
    let log = journal.open(LogId(1)).await.unwrap();
    let appender = {
        let log = log.clone();
        tokio::spawn(async move {
            for number in 0..400 {
                append(&*log, number, Batch::of([vec![7; 300]])).await;
            }
        })
    };
    let mut reads = 0;
    while !appender.is_finished() || reads == 0 {
        let frames = log.read(1, usize::MAX).await.unwrap();
        let ends = frames.iter().map(Frame::end);
        assert!(frames.iter().skip(1).map(|frame| frame.first).eq(ends.take(frames.len().saturating_sub(1))));
        reads += usize::from(!frames.is_empty());
        tokio::task::yield_now().await;
    }
    appender.await.unwrap();
}

/// See the name.
pub async fn logs_do_not_see_each_other(engine: &dyn Engine) {
    let journal = engine.open().await;
    let (one, two) = (journal.open(LogId(1)).await.unwrap(), journal.open(LogId(u64::MAX)).await.unwrap());
    append(&*one, 1, Batch::of(["one"])).await;
    assert_eq!(append(&*two, 1, Batch::of(["two"])).await, 1);
    assert_eq!(records(&read_all(&*one, 1).await), ["one"]);
    assert_eq!(records(&read_all(&*two, 1).await), ["two"]);
    assert_eq!(journal.logs().await.unwrap(), [LogId(1), LogId(u64::MAX)]);
}

/// See the name.
pub async fn what_is_durable_is_found_by_the_next_process(engine: &dyn Engine) {
    let journal = engine.open().await;
    let log = journal.open(LOG).await.unwrap();
    fill(&*log, 100).await;
    journal.close().await.unwrap();
    drop((log, journal));

    let journal = engine.open().await;
    assert_eq!(journal.logs().await.unwrap(), [LOG]);
    let log = journal.open(LOG).await.unwrap();
    assert_eq!(*log.tail().borrow(), 101);
    assert_eq!(records(&read_all(&*log, 1).await), (0..100).map(numbered).collect::<Vec<_>>());
    assert_eq!(append(&*log, 1, Batch::of(["next"])).await, 101);
}

/// See the name.
pub async fn time_never_runs_backwards_within_a_log(engine: &dyn Engine) {
    let journal = engine.open().await;
    let log = journal.open(LOG).await.unwrap();
    append(&*log, 50, Batch::of(["a"])).await;
    append(&*log, 20, Batch::of(["b"])).await;
    journal.close().await.unwrap();
    drop((log, journal));

    let (_journal, log) = start(engine).await;
    append(&*log, 30, Batch::of(["c"])).await;
    append(&*log, 60, Batch::of(["d"])).await;
    let times: Vec<_> = read_all(&*log, 1).await.iter().map(|frame| frame.at).collect();
    assert_eq!(times, [at(50), at(50), at(50), at(60)]);
}

/// See the name.
pub async fn a_time_finds_the_first_frame_appended_then_or_later(engine: &dyn Engine) {
    let (_journal, log) = start(engine).await;
    assert_eq!(log.position_at(at(0)).await, Ok(1));
    fill(&*log, 100).await;
    for (time, position) in
        [(0, 1), (1_000, 1), (1_001, 2), (1_050, 51), (1_099, 100), (1_100, 101), (9_999, 101)]
    {
        assert_eq!(log.position_at(at(time)).await, Ok(position), "at {time}");
    }
}

/// See the name.
pub async fn opening_a_log_again_fences_the_handle_before(engine: &dyn Engine) {
    let journal = engine.open().await;
    let old = journal.open(LOG).await.unwrap();
    append(&*old, 1, Batch::of(["a"])).await;
    let new = journal.open(LOG).await.unwrap();
    assert_eq!(old.append(at(2), Batch::of(["b"]), Priority::State).unwrap_err(), AppendError::Fenced);
    assert_eq!(old.room(1, Priority::State).await, Err(AppendError::Fenced));
    assert_eq!(old.read(1, 1).await.unwrap_err(), ReadError::Fenced);
    assert_eq!(old.trim(1).await, Err(JournalError::Fenced));
    assert!(
        old.tail().wait_for(|_| false).await.is_err(),
        "those who follow the old handle are told that it has ended"
    );
    assert_eq!(append(&*new, 3, Batch::of(["c"])).await, 2);
}

/// See the name.
pub async fn a_deleted_log_is_fenced_gone_and_begins_anew(engine: &dyn Engine) {
    let journal = engine.open().await;
    let log = journal.open(LOG).await.unwrap();
    fill(&*log, 50).await;
    checkpoint(&*log, 1, "old").await;
    journal.delete(LOG).await.unwrap();
    assert_eq!(log.append(at(1), Batch::of(["x"]), Priority::State).unwrap_err(), AppendError::Fenced);
    assert_eq!(log.read(1, 1).await.unwrap_err(), ReadError::Fenced);
    assert!(journal.logs().await.unwrap().is_empty());
    journal.delete(LOG).await.unwrap();

    let log = journal.open(LOG).await.unwrap();
    assert_eq!(log.load_checkpoint().await, Ok(None));
    assert_eq!(append(&*log, 1, Batch::of(["new"])).await, 1);
    assert_eq!(records(&read_all(&*log, 1).await), ["new"]);
}

/// See the name.
pub async fn a_closed_engine_takes_no_appends(engine: &dyn Engine) {
    let journal = engine.open().await;
    let log = journal.open(LOG).await.unwrap();
    append(&*log, 1, Batch::of(["a"])).await;
    journal.close().await.unwrap();
    assert!(log.append(at(1), Batch::of(["b"]), Priority::State).is_err());
    assert!(journal.open(LOG).await.is_err());
}

/// See the name.
pub async fn a_batch_over_the_limit_is_refused_and_changes_nothing(engine: &dyn Engine) {
    let (_journal, log) = start(engine).await;
    let huge = Batch::of([vec![0; 64 << 20]]);
    let refused = log.append(at(1), huge, Priority::State).unwrap_err();
    assert!(matches!(refused, AppendError::TooLarge { .. }), "{refused}");
    assert!(matches!(log.room(64 << 20, Priority::State).await, Err(AppendError::TooLarge { .. })));
    assert_eq!(append(&*log, 1, Batch::of(["a"])).await, 1);
}

/// See the name.
pub async fn trimming_waits_for_two_checkpoints(engine: &dyn Engine) {
    let (_journal, log) = start(engine).await;
    fill(&*log, 200).await;
    assert_eq!(log.trim(150).await, Ok(1), "no checkpoint: recovery needs the beginning");
    checkpoint(&*log, 150, "one").await;
    assert_eq!(log.trim(150).await, Ok(1), "one checkpoint: if it is lost, recovery needs the beginning");
    checkpoint(&*log, 180, "two").await;
    let first = log.trim(200).await.unwrap();
    assert!((2..=150).contains(&first), "the older one needs 150 and later, kept from {first}");
}

/// See the name.
pub async fn trimming_drops_whole_segments_below_and_says_so_to_readers(engine: &dyn Engine) {
    let (_journal, log) = start(engine).await;
    fill(&*log, 200).await;
    checkpoint(&*log, 190, "one").await;
    checkpoint(&*log, 190, "two").await;
    let before = log.segments();
    let first = log.trim(100).await.unwrap();
    assert!(before.iter().any(|segment| segment.first == first) && first <= 100, "{first}: {before:?}");
    assert_eq!(log.read(first - 1, 1).await.unwrap_err(), ReadError::Trimmed { first });
    assert_eq!(read_all(&*log, first).await.len() as u64, 201 - first);
    assert_eq!(log.trim(1).await, Ok(first));
    assert_eq!(append(&*log, 9_999, Batch::of(["next"])).await, 201);
}

/// See the name.
pub async fn segments_lie_end_to_end_and_the_last_one_grows(engine: &dyn Engine) {
    let (_journal, log) = start(engine).await;
    assert_eq!(log.segments().len(), 1);
    fill(&*log, 200).await;
    let segments = log.segments();
    assert!(segments.len() > 2, "{segments:?}");
    assert_eq!((segments[0].first, segments[segments.len() - 1].end), (1, 201));
    for pair in segments.windows(2) {
        assert_eq!(pair[0].end, pair[1].first);
        assert!(pair[0].newest <= pair[1].newest && pair[0].bytes > 0);
        let last = &log.read(pair[0].end - 1, 1).await.unwrap()[0];
        assert!(pair[0].newest >= last.at, "{pair:?}");
    }
}

/// See the name.
pub async fn a_log_with_little_in_it_counts_few_bytes_and_so_does_one_that_was_emptied(engine: &dyn Engine) {
    // Whatever the engine takes on disk ahead is not the log's: limits on a topic's size go by these bytes.
    let bytes = |log: &dyn Log| log.segments().iter().map(|segment| segment.bytes).sum::<u64>();
    let (journal, log) = start(engine).await;
    assert!(bytes(&*log) < 200, "{:?}", log.segments());
    append(&*log, 1, Batch::of([vec![7; 500]])).await;
    assert!((500..800).contains(&bytes(&*log)), "{:?}", log.segments());
    fill(&*log, 200).await;
    let full = bytes(&*log);
    assert!(full > 2_000, "{:?}", log.segments());
    let end = *log.tail().borrow();
    log.seal().await.unwrap();
    checkpoint(&*log, end, "one").await;
    checkpoint(&*log, end, "two").await;
    assert_eq!(log.trim(end).await, Ok(end));
    assert!(bytes(&*log) < 200, "{:?}", log.segments());
    append(&*log, 9_999, Batch::of([vec![7; 500]])).await;
    drop((log, journal));

    let (_journal, log) = start(engine).await;
    assert!((500..800).contains(&bytes(&*log)), "{:?}", log.segments());
}

/// See the name.
pub async fn sealing_begins_a_new_segment_unless_the_present_one_is_empty(engine: &dyn Engine) {
    let (_journal, log) = start(engine).await;
    log.seal().await.unwrap();
    assert_eq!(log.segments().len(), 1);
    fill(&*log, 3).await;
    log.seal().await.unwrap();
    log.seal().await.unwrap();
    let places: Vec<_> = log.segments().iter().map(|segment| (segment.first, segment.end)).collect();
    assert_eq!(places, [(1, 4), (4, 4)]);
    checkpoint(&*log, 4, "one").await;
    checkpoint(&*log, 4, "two").await;
    assert_eq!(log.trim(4).await, Ok(4), "what was sealed can be dropped");
    assert_eq!(append(&*log, 9_999, Batch::of(["next"])).await, 4);
    assert_eq!(records(&read_all(&*log, 4).await), ["next"]);
}

/// See the name.
pub async fn the_latest_checkpoint_is_found_by_the_next_process(engine: &dyn Engine) {
    let journal = engine.open().await;
    let log = journal.open(LOG).await.unwrap();
    assert_eq!(log.load_checkpoint().await, Ok(None));
    fill(&*log, 10).await;
    for state in ["one", "two", "three"] {
        checkpoint(&*log, 3, state).await;
    }
    drop((log, journal));

    let (_journal, log) = start(engine).await;
    let loaded = log.load_checkpoint().await.unwrap().expect("one was saved");
    assert_eq!(loaded, Checkpoint { replay_from: 3, as_of: 11, state: Bytes::from_static(b"three") });
}

/// See the name.
pub async fn a_checkpoint_of_what_was_never_appended_is_refused(engine: &dyn Engine) {
    let (_journal, log) = start(engine).await;
    fill(&*log, 3).await;
    let ahead = Checkpoint { replay_from: 1, as_of: 1_000, state: Bytes::new() };
    assert!(log.save_checkpoint(ahead).await.is_err());
    assert_eq!(log.load_checkpoint().await, Ok(None));
}

/// See the name.
pub async fn a_failed_write_is_final(engine: &dyn Engine) {
    let journal = engine.open().await;
    let log = journal.open(LOG).await.unwrap();
    append(&*log, 1, Batch::of(["kept"])).await;
    if !engine.fail_writes() {
        return;
    }
    if let Ok(appended) = log.append(at(2), Batch::of(["lost"]), Priority::State) {
        assert!(appended.durable.wait().await.is_err());
    }
    let mut health = journal.health();
    health.wait_for(|health| matches!(health, Health::Poisoned(_))).await.expect("it says so");
    let refused = log.append(at(3), Batch::of(["refused"]), Priority::State).unwrap_err();
    assert!(matches!(refused, AppendError::Poisoned(_)), "{refused}");
    assert_eq!(records(&read_all(&*log, 1).await), ["kept"], "what was durable can still be read");
}
