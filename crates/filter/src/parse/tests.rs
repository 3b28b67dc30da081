use std::hash::{BuildHasher, RandomState};

use types::FilterScope::{Attributes, Body};

use super::*;
use crate::condition::{Condition, Number};

fn parsed(scope: FilterScope, json: &str) -> Policy {
    Policy::parse(scope, json).unwrap_or_else(|error| panic!("{json}: {error}"))
}

fn refused(scope: FilterScope, json: &str) -> String {
    Policy::parse(scope, json).expect_err(json).to_string()
}

/// The paths of each alternative, dots between steps.
fn paths(policy: &Policy) -> Vec<Vec<String>> {
    let alternatives = policy.alternatives.iter();
    alternatives
        .map(|alternative| alternative.leaves.iter().map(|leaf| leaf.path.join(".")).collect())
        .collect()
}

#[test]
fn policies_that_say_the_same_are_equal() {
    let same = [
        (Attributes, r#"{"a": [1, "x"], "b": [null]}"#, r#"{"b": [null, null], "a": ["x", 1.0, 1]}"#),
        (Attributes, r#"{"a": [0]}"#, r#"{"a": [-0.0]}"#),
        (Attributes, r#"{"a": [5]}"#, r#"{"a": [{"numeric": ["=", 5e0]}]}"#),
        (Attributes, r#"{"a": ["x"]}"#, r#"{"a": [{"exactly": "x"}]}"#),
        (Attributes, r#"{"a": ["x*"]}"#, r#"{"a": [{"wildcard": "x\\*"}]}"#),
        (Attributes, r#"{"a": [{"equals-ignore-case": "ÄB"}]}"#, r#"{"a": [{"equals-ignore-case": "äb"}]}"#),
        (
            Attributes,
            r#"{"a": [{"prefix": {"equals-ignore-case": "X"}}]}"#,
            r#"{"a": [{"prefix": {"equals-ignore-case": "x"}}]}"#,
        ),
        (Attributes, r#"{"a": [{"cidr": "10.1.2.3/8"}]}"#, r#"{"a": [{"cidr": "10.0.0.0/8"}]}"#),
        (Attributes, r#"{"a": [{"anything-but": "x"}]}"#, r#"{"a": [{"anything-but": ["x", "x"]}]}"#),
        (Attributes, r#"{"a": [{"anything-but": [1, 2]}]}"#, r#"{"a": [{"anything-but": [2, 1.0]}]}"#),
        (Attributes, r#"{"a": [{"exists": false}, "x"]}"#, r#"{"a": ["x", {"exists": false}]}"#),
        (Body, r#"{"a": {"b": [1]}}"#, r#"{"a.b": [1]}"#),
        (Body, r#"{"a": {"b.c": [1], "d": [2]}}"#, r#"{"a.d": [2], "a.b": {"c": [1]}}"#),
        (Body, r#"{"a.b": [1], "a": {"b": [1]}}"#, r#"{"a.b": [1]}"#),
        (Body, r#"{"$or": [{"a": [1]}, {"b": [2]}]}"#, r#"{"$or": [{"b": [2]}, {"a": [1]}, {"a": [1]}]}"#),
        (
            Body,
            r#"{"a": {"$or": [{"b": [1]}, {"c": [2]}]}}"#,
            r#"{"$or": [{"a.b": [1]}, {"a": {"c": [2]}}]}"#,
        ),
        (
            Body,
            r#"{"$or": [{"a": [1]}, {"$or": [{"b": [1]}, {"c": [1]}]}]}"#,
            r#"{"$or": [{"a": [1]}, {"b": [1]}, {"c": [1]}]}"#,
        ),
    ];
    let hashes = RandomState::new();
    for (scope, one, other) in same {
        let (one, other) = (parsed(scope, one), parsed(scope, other));
        assert_eq!(one, other);
        assert_eq!(hashes.hash_one(&one), hashes.hash_one(&other), "{one:?}");
    }
}

#[test]
fn policies_that_say_something_else_are_not_equal() {
    let different = [
        (r#"{"a": ["1"]}"#, r#"{"a": [1]}"#),
        (r#"{"a": ["x"]}"#, r#"{"b": ["x"]}"#),
        (r#"{"a": ["x"]}"#, r#"{"a": ["x", {"exists": false}]}"#),
        (r#"{"a": [{"exists": false}]}"#, r#"{"a": [{"exists": true}]}"#),
        (r#"{"a": [{"prefix": "x"}]}"#, r#"{"a": [{"suffix": "x"}]}"#),
        (r#"{"a": [{"prefix": "x"}]}"#, r#"{"a": [{"prefix": {"equals-ignore-case": "x"}}]}"#),
        (r#"{"a": [{"numeric": ["<", 1]}]}"#, r#"{"a": [{"numeric": ["<=", 1]}]}"#),
        (r#"{"a": [{"numeric": ["<", 1]}]}"#, r#"{"a": [{"numeric": [">", 1]}]}"#),
        (r#"{"a": [1], "b": [2]}"#, r#"{"$or": [{"a": [1]}, {"b": [2]}]}"#),
        (r#"{"a": [{"wildcard": "x*"}]}"#, r#"{"a": [{"wildcard": "*x"}]}"#),
    ];
    for (one, other) in different {
        assert_ne!(parsed(Body, one), parsed(Body, other), "{one} {other}");
    }
    let json = r#"{"a": [1]}"#;
    assert_ne!(parsed(Body, json), parsed(Attributes, json));
}

#[test]
fn dots_make_steps_in_a_body_and_are_part_of_a_name_among_attributes() {
    let leaf = |scope| parsed(scope, r#"{"a.b": [1]}"#).alternatives[0].leaves[0].clone();
    assert_eq!(*leaf(Body).path, ["a".into(), "b".into()]);
    assert_eq!(*leaf(Attributes).path, ["a.b".into()]);
}

#[test]
fn every_choice_of_branches_is_an_alternative_with_what_stands_beside_them() {
    let policy = parsed(
        Body,
        r#"{"z": [1], "$or": [{"a": [1]}, {"b": [1], "$or": [{"c": [1]}, {"d": [1]}]}], "n": {"$or": [{"x": [1]}, {"y": [1]}]}}"#,
    );
    let expected = [
        vec!["a", "n.x", "z"],
        vec!["a", "n.y", "z"],
        vec!["b", "c", "n.x", "z"],
        vec!["b", "c", "n.y", "z"],
        vec!["b", "d", "n.x", "z"],
        vec!["b", "d", "n.y", "z"],
    ];
    assert_eq!(paths(&policy), expected);
}

#[test]
fn a_path_asked_for_twice_has_two_leaves() {
    let policy = parsed(Body, r#"{"a.b": [{"prefix": "x"}], "a": {"b": [{"suffix": "y"}]}}"#);
    assert_eq!(paths(&policy), [["a.b", "a.b"]]);
    let policy = parsed(Attributes, r#"{"a": [1, 2], "$or": [{"a": [2, 3]}, {"b": [1]}]}"#);
    assert_eq!(paths(&policy), [vec!["a", "a"], vec!["a", "b"]]);
}

#[test]
fn a_long_list_beside_a_long_or_is_kept_once() {
    let branches: Vec<String> = (0..255).map(|i| format!(r#"{{"b": [{i}]}}"#)).collect();
    let policy = parsed(Attributes, &format!(r#"{{"a": [1, 2, 3], "$or": [{}]}}"#, branches.join(",")));
    assert_eq!(policy.alternatives.len(), 255);
    let first = &policy.alternatives[0].leaves[0];
    assert!(
        policy.alternatives.iter().all(|alternative| std::sync::Arc::ptr_eq(&alternative.leaves[0], first))
    );
}

#[test]
fn conditions_are_sorted_and_there_once() {
    let policy = parsed(Attributes, r#"{"a": ["x", 2, null, 1, "x", true, 2.0]}"#);
    let expected = [
        Condition::Null,
        Condition::Bool(true),
        Condition::Number(Number(1.0)),
        Condition::Number(Number(2.0)),
        Condition::Exact("x".into()),
    ];
    assert_eq!(*policy.alternatives[0].leaves[0].conditions, expected);
}

#[test]
fn what_the_limits_allow_is_read_and_one_more_is_not() {
    let list = |count: usize| (0..count).map(|i| i.to_string()).collect::<Vec<_>>().join(",");
    let conditions = |count| format!(r#"{{"a": [{}]}}"#, list(count));
    parsed(Attributes, &conditions(limits::FILTER_CONDITIONS));
    assert!(refused(Attributes, &conditions(limits::FILTER_CONDITIONS + 1)).starts_with("$.a[10000]: "));
    let patterns = |count: usize| {
        let list = (0..count).map(|i| format!(r#"{{"prefix": "{i}"}}"#)).collect::<Vec<_>>().join(",");
        format!(r#"{{"a": [1, {list}]}}"#)
    };
    parsed(Attributes, &patterns(limits::FILTER_PATTERNS));
    let equal =
        |count: usize| (0..count).map(|i| format!(r#"{{"numeric": ["=", {i}]}}"#)).collect::<Vec<_>>();
    parsed(Attributes, &format!(r#"{{"a": [{}]}}"#, equal(limits::FILTER_PATTERNS + 1).join(",")));
    let one_more = refused(Attributes, &patterns(limits::FILTER_PATTERNS + 1));
    assert!(one_more.starts_with("$.a[1001].prefix: is pattern or range number 1001"), "{one_more}");

    let inside = |count| format!(r#"{{"a": [1], "b": [{{"anything-but": [{}]}}]}}"#, list(count));
    parsed(Attributes, &inside(limits::FILTER_CONDITIONS - 1));
    assert!(
        refused(Attributes, &inside(limits::FILTER_CONDITIONS)).starts_with("$.b[0].anything-but[9999]: ")
    );

    let keys = |count: usize| {
        let keys: Vec<String> = (0..count).map(|i| format!(r#""k{i}": [1]"#)).collect();
        format!("{{{}}}", keys.join(","))
    };
    parsed(Attributes, &keys(limits::FILTER_KEYS));
    assert!(refused(Attributes, &keys(limits::FILTER_KEYS + 1)).starts_with("$.k256: is key number 257"));

    let deep = |levels: usize| format!("{}[1]{}", r#"{"a": "#.repeat(levels), "}".repeat(levels));
    parsed(Body, &deep(limits::FILTER_DEPTH));
    assert!(refused(Body, &deep(limits::FILTER_DEPTH + 1)).contains("33 levels deep, the limit is 32"));
    let dotted = |levels: usize| format!(r#"{{"{}": [1]}}"#, vec!["a"; levels].join("."));
    parsed(Body, &dotted(limits::FILTER_DEPTH));
    assert!(refused(Body, &dotted(limits::FILTER_DEPTH + 1)).contains("33 levels deep, the limit is 32"));
    parsed(Attributes, &dotted(limits::FILTER_DEPTH + 1));
}

#[test]
fn alternatives_are_counted_before_they_are_built() {
    let ors = |count: usize| {
        let ors: Vec<String> =
            (0..count).map(|i| format!(r#""k{i}": {{"$or": [{{"a": [1]}}, {{"b": [1]}}]}}"#)).collect();
        format!("{{{}}}", ors.join(","))
    };
    assert_eq!(parsed(Body, &ors(8)).alternatives.len(), limits::FILTER_ALTERNATIVES);
    assert!(refused(Body, &ors(9)).contains("multiply out to 512 alternatives, the limit is 256"));
    assert!(refused(Body, &ors(100)).contains("more than 2^63 alternatives"));
}

#[test]
fn stars_are_counted_in_a_pattern_and_in_a_policy() {
    let pattern = |stars: usize| format!(r#"{{"wildcard": "{}"}}"#, "x*".repeat(stars));
    let policy = |patterns: &[String]| format!(r#"{{"a": [{}]}}"#, patterns.join(","));
    parsed(Attributes, &policy(&[pattern(limits::FILTER_PATTERN_STARS)]));
    let many = refused(Attributes, &policy(&[pattern(limits::FILTER_PATTERN_STARS + 1)]));
    assert!(many.contains("has 17 stars, the limit is 16 a pattern"), "{many}");
    let patterns = vec![pattern(10); limits::FILTER_STARS / 10];
    parsed(Attributes, &policy(&patterns));
    let many = refused(Attributes, &policy(&[patterns, vec![pattern(1)]].concat()));
    assert!(many.contains("makes it 1001 stars, the limit is 1000 a policy"), "{many}");
}

#[test]
fn a_policy_of_every_hostile_shape_is_refused_in_time() {
    let megabyte = limits::FILTER_POLICY_BYTES;
    for text in ["[", "{\"a\":", "{\"$or\":[", "\"", "1"] {
        refused(Body, &text.repeat(megabyte / text.len()));
    }
    assert!(refused(Body, &" ".repeat(megabyte + 1)).contains("has 262145 bytes, the limit is 262144"));
}

#[test]
fn an_error_becomes_a_complaint_about_the_field() {
    let error = Policy::parse(Attributes, r#"{"a": []}"#).unwrap_err();
    let invalid = Invalid::from(error);
    assert_eq!(invalid.to_string(), "filter_policy.json: $.a is an empty list: Empty arrays are not allowed");
}
