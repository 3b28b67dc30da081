//! What matches, with where it says so.
//!
//! Sources: the pages of the SNS developer guide (`SNS: ...`), the README of event-ruler, which SNS is built on, section 7 of the
//! reference on filter policies (`reference 7`), and `ours` for what these leave open and this crate decides.

mod attributes;
mod bodies;
mod logic;
mod numbers;
mod texts;

use std::fmt::Write;

use filter::{Index, Matches};
use types::FilterScope;

use crate::message::{ask, policy};

/// A policy, and messages that match it or do not.
struct Case {
    source: &'static str,
    policy: &'static str,
    matches: &'static [&'static str],
    fails: &'static [&'static str],
}

const TABLES: &[(FilterScope, &[Case])] = &[
    (FilterScope::Attributes, texts::CASES),
    (FilterScope::Attributes, numbers::CASES),
    (FilterScope::Attributes, attributes::CASES),
    (FilterScope::Attributes, logic::ATTRIBUTES),
    (FilterScope::Body, logic::BODIES),
    (FilterScope::Body, bodies::CASES),
];

/// Every line of the table: scope, case, message and whether it should match.
fn lines() -> impl Iterator<Item = (FilterScope, &'static Case, &'static str, bool)> {
    let cases = TABLES.iter().flat_map(|(scope, cases)| cases.iter().map(move |case| (*scope, case)));
    cases.flat_map(|(scope, case)| {
        let matches = case.matches.iter().map(|message| (*message, true));
        let fails = case.fails.iter().map(|message| (*message, false));
        matches.chain(fails).map(move |(message, expected)| (scope, case, message, expected))
    })
}

#[test]
fn messages_match_as_the_sources_say() {
    let (mut count, mut wrong) = (0, String::new());
    for (scope, case, message, expected) in lines() {
        count += 1;
        let policy = policy(scope, case.policy);
        if ask(scope, message, |content| policy.matches(content)) != expected {
            writeln!(wrong, "{} {message} should give {expected} ({})", case.policy, case.source).unwrap();
        }
    }
    assert!(wrong.is_empty(), "of {count}:\n{wrong}");
    assert!(count >= 200, "only {count} lines");
}

#[test]
fn an_index_of_all_policies_says_the_same_about_every_message() {
    let mut index = Index::new(7);
    let policies: Vec<_> = TABLES
        .iter()
        .flat_map(|(scope, cases)| cases.iter().map(|case| policy(*scope, case.policy)))
        .map(|policy| (index.add(&policy), policy))
        .collect();
    let mut found = Matches::default();
    for (scope, _, message, _) in lines() {
        ask(scope, message, |content| {
            index.find(content, &mut found);
            let matching = policies.iter().filter(|(_, policy)| policy.matches(content));
            let mut expected: Vec<_> = matching.map(|(class, _)| *class).collect();
            expected.sort_unstable();
            expected.dedup();
            assert_eq!(found.classes, expected, "{message}");
        });
    }
}

#[test]
fn a_message_that_does_not_match_is_explained_and_one_that_matches_is_not() {
    for (scope, case, message, expected) in lines() {
        let mismatches = ask(scope, message, |content| policy(scope, case.policy).explain(content));
        assert_eq!(
            mismatches.is_empty(),
            expected,
            "{} {message} ({}): {mismatches:?}",
            case.policy,
            case.source
        );
        assert!(mismatches.iter().all(|mismatch| !mismatch.reason.is_empty()), "{mismatches:?}");
    }
}
