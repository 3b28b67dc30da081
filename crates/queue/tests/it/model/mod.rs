//! The queue against a naive model under random operations.
//!
//! 1. [`op`] draws operations: publish, read, lease, settle with good, old, doubled and invented claims, let time
//!    pass, seek, trim, pause, change settings, checkpoint, crash.
//! 2. [`run`] does each to the queue as a broker would, and to the model, and compares all that can be seen.
//! 3. [`naive`] is the model: a plain list of messages, each answer computed by looking at all of them.
//! 4. [`audit`] watches the history for what is promised, knowing neither of the two.
//!
//! A crash restores from the last checkpoint, or from nothing, and replays the records since; then the queue must
//! be what it was, less its leases and how far it had read.
//!
//! `PROPTEST_CASES` sets the number of cases of each mode. Failing seeds are kept in `proptest-regressions/`.
//!
//! # Mutations
//!
//! Planted by hand in `src/`, one at a time; each made one of the two properties below fail.
//!
//! - Leases: one holds at its very end; the last before a seek is not fenced; a seek does not fence; one goes past
//!   the delivery mark; a large first message blocks the queue; a message past its life is leased, or counts as
//!   leasable; the walk skips a position; what becomes ready behind the walk is lost.
//! - Claims: a doubled one is answered twice, side by side or apart; one repeated after a crash is called expired.
//! - First deliveries: a seek, or a restart, forgets what was delivered; a restart moves the mark without a record.
//! - Failures: one attempt too many; a nack's own delay is ignored; a second failure keeps the first wait; a drop
//!   counts no failed attempt.
//! - Reports: a late success settles what is leased, or what has other failures, or one of an earlier process; a wait that was asked for
//!   is shorter; a rejected message is tried again; a released one is ready at once, or loses its key.
//! - Time: more messages than the limit; a timer that was set twice fires twice; a stale timer stays first; a
//!   message that was leased once never expires; one past its life fails when its lease ends; a paused queue wakes
//!   its consumers.
//! - Order: ignored when reading; the next of a key never moves up; a waiting message that leaves stays in its
//!   line; a seek keeps the lines; changed settings change it.
//! - Recovery: what is settled, or failed, ahead of the cursor is forgotten by a replay, by the next checkpoint, or
//!   kept by a seek; reading on does not pass over the settled, or does not adopt failures; a restart resumes.
//! - Retention: a trim moves the cursor back, or counts only the unread; the floor ignores dead letters.
//! - Memory: an empty window keeps its own.
//!
//! Not found here, because no broker writes such records, but by `restore::any_records` and its neighbours: a
//! failure of a settled message counts; a failure lets a message out of its line.

mod audit;
mod naive;
mod op;
mod run;

use proptest::{
    prelude::*,
    test_runner::{FileFailurePersistence, TestRunner},
};

/// Cases of each mode, unless `PROPTEST_CASES` says otherwise.
const CASES: u32 = 6_000;

fn compare(ordered: bool) {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(CASES);
    let config = ProptestConfig {
        cases,
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct("proptest-regressions/model.txt"))),
        ..ProptestConfig::default()
    };
    TestRunner::new(config)
        .run(&(op::settings(ordered), op::operations()), |(settings, operations)| {
            let mut run = run::Run::new(settings);
            for operation in &operations {
                run.step(operation);
            }
            Ok(())
        })
        .unwrap_or_else(|failure| panic!("{failure}"));
}

#[test]
fn a_queue_without_ordering_does_what_the_model_does() {
    compare(false);
}

#[test]
fn a_queue_with_ordering_does_what_the_model_does() {
    compare(true);
}
