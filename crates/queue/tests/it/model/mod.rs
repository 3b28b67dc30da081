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
//! Mutations that were planted by hand, each of which fails here: see [`MUTATIONS`].

mod audit;
mod naive;
mod op;
mod run;

use proptest::{
    prelude::*,
    test_runner::{FileFailurePersistence, TestRunner},
};

/// Planted one at a time in `src/`, each found by one of the two properties below with the default cases.
#[expect(dead_code, reason = "a list for the reader")]
const MUTATIONS: &[&str] = &[];

/// Cases of each mode, unless `PROPTEST_CASES` says otherwise.
const CASES: u32 = 12_000;

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
