//! The checker, checked: a good history passes, and each planted fault in it is found under its rule.

mod good;
mod mutations;

use testkit::checker::check;

#[test]
fn a_good_history_passes() {
    assert_eq!(check(&good::history()), []);
}

#[test]
fn a_history_comes_back_from_its_lines() {
    let history = good::history();
    assert_eq!(testkit::history::from_lines(&testkit::history::to_lines(&history)).unwrap(), history);
}

#[test]
fn a_prefix_of_a_good_history_passes() {
    let history = good::history();
    for length in 0..history.len() {
        assert_eq!(check(&history[..length]), [], "the first {length} events");
    }
}

#[test]
fn each_planted_fault_is_found() {
    let all = mutations::all();
    assert!(all.len() >= 40, "{} mutations", all.len());
    let mut missed = Vec::new();
    for (name, rule, mutate) in all {
        let mut history = good::history();
        mutate(&mut history);
        good::renumber(&mut history);
        let violations = check(&history);
        if !violations.iter().any(|violation| violation.rule == rule && !violation.lines.is_empty()) {
            missed.push(format!("{name}: found only {violations:?}"));
        }
    }
    assert!(missed.is_empty(), "{missed:#?}");
}
