//! The checker, checked: a good history passes, and each planted fault in it is found under its rule.

mod filter_mutations;
mod filtered;
mod good;
mod mutations;
mod reported;

use fanfare_testkit::checker::check;

type History = Vec<fanfare_testkit::history::Entry>;

fn all_good() -> [History; 5] {
    let (taken, not_taken) = (filtered::history(true), filtered::history(false));
    [good::history(), taken, not_taken, filtered::undone_seek(), reported::history()]
}

#[test]
fn a_good_history_passes() {
    for history in all_good() {
        assert_eq!(check(&history), []);
    }
}

#[test]
fn a_history_comes_back_from_its_lines() {
    for history in all_good() {
        assert_eq!(
            fanfare_testkit::history::from_lines(&fanfare_testkit::history::to_lines(&history)).unwrap(),
            history
        );
    }
}

#[test]
fn a_prefix_of_a_good_history_passes() {
    for history in all_good() {
        for length in 0..history.len() {
            assert_eq!(check(&history[..length]), [], "the first {length} events");
        }
    }
}

fn find_each(good: impl Fn() -> History, all: Vec<mutations::Mutation>) {
    let mut missed = Vec::new();
    for (name, rule, mutate) in all {
        let mut history = good();
        mutate(&mut history);
        good::renumber(&mut history);
        let violations = check(&history);
        if !violations.iter().any(|violation| violation.rule == rule && !violation.lines.is_empty()) {
            missed.push(format!("{name}: found only {violations:?}"));
        }
    }
    assert!(missed.is_empty(), "{missed:#?}");
}

#[test]
fn each_planted_fault_is_found() {
    let all = mutations::all();
    assert!(all.len() >= 40, "{} mutations", all.len());
    find_each(good::history, all);
}

#[test]
fn each_planted_fault_in_what_workers_report_is_found() {
    find_each(reported::history, reported::faults());
}

#[test]
fn each_planted_fault_in_filtering_is_found() {
    let all = filter_mutations::all();
    assert!(all.len() >= 30, "{} mutations", all.len());
    find_each(|| filtered::history(true), all);
    find_each(filtered::undone_seek, filter_mutations::of_undone_seek());
}
