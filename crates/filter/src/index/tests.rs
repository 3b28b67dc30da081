use std::borrow::Cow;

use types::FilterScope::{self, Attributes, Body};

use super::*;
use crate::Scalar;

fn policy(scope: FilterScope, json: &str) -> Policy {
    Policy::parse(scope, json).unwrap()
}

fn text(text: &str) -> Attribute<'_> {
    Attribute::Scalar(Scalar::String(Cow::Borrowed(text)))
}

fn found(index: &Index, attributes: &[(&str, Attribute<'_>)], body: &str) -> Vec<u32> {
    let mut matches = Matches::default();
    index.find(&Content { attributes, body: body.as_bytes() }, &mut matches);
    matches.classes.iter().map(|class| class.0).collect()
}

/// One for every way to be found.
const POLICIES: [&str; 12] = [
    r#"{"a": ["x", 1, null, true], "b": ["y"]}"#,
    r#"{"a": [{"prefix": "x"}, {"suffix": "y"}]}"#,
    r#"{"a": [{"prefix": {"equals-ignore-case": "x"}}, {"suffix": {"equals-ignore-case": "y"}}]}"#,
    r#"{"a": [{"equals-ignore-case": "X"}]}"#,
    r#"{"a": [{"wildcard": "x*"}, {"wildcard": "*x"}, {"wildcard": "*x*"}]}"#,
    r#"{"a": [{"numeric": [">", 1, "<", 5]}, {"numeric": [">", 1]}, {"numeric": ["<", 1]}]}"#,
    r#"{"a": [{"cidr": "10.0.0.0/8"}, {"cidr": "2001:db8::/32"}, {"cidr": "2001:db8::1/128"}]}"#,
    r#"{"a": [{"anything-but": ["x"]}]}"#,
    r#"{"a": [{"exists": true}]}"#,
    r#"{"a": [{"exists": false}]}"#,
    r#"{"a": ["x", {"exists": false}], "b": ["y"]}"#,
    r#"{"$or": [{"a": ["x"]}, {"b": ["y"]}, {"c": ["z"], "d": ["z"]}]}"#,
];

#[test]
fn nothing_is_left_of_policies_that_are_removed() {
    let mut index = Index::new(7);
    for _ in 0..3 {
        let mut classes = Vec::new();
        for scope in [Attributes, Body] {
            classes.extend(POLICIES.iter().map(|json| index.add(&policy(scope, json))));
        }
        assert_eq!(index.len(), 24);
        assert!(index.reads_bodies() && index.attributes.len() > 24 && index.body.len() > 24);
        // Not in the order in which they came.
        for step in [5, 7] {
            classes.rotate_left(step);
            classes.split_off(12).into_iter().for_each(|class| index.remove(class));
            let more = POLICIES.iter().map(|json| index.add(&policy(Attributes, json)));
            classes.extend(more.collect::<Vec<_>>());
        }
        classes.into_iter().for_each(|class| index.remove(class));
        assert_eq!(
            (index.len(), index.by_hash.len(), index.attributes.len(), index.body.len()),
            (0, 0, 0, 0)
        );
        assert!(!index.reads_bodies() && index.is_empty());
    }
    assert!(index.classes.bound() <= 24 && index.attributes.leaves.bound() <= 16, "numbers are used again");
}

#[test]
fn equal_policies_share_a_class_until_the_last_goes() {
    let mut index = Index::new(7);
    let first = index.add(&policy(Attributes, r#"{"a": ["x", "y"], "b": [1]}"#));
    let second = index.add(&policy(Attributes, r#"{"b": [1.0], "a": ["y", "x"]}"#));
    let other = index.add(&policy(Body, r#"{"a": ["x", "y"], "b": [1]}"#));
    assert!(first == second && first != other);
    let attributes = [("a", text("x")), ("b", Attribute::Scalar(Scalar::Number(1.0)))];
    index.remove(first);
    assert_eq!(found(&index, &attributes, ""), [first.0]);
    index.remove(first);
    assert_eq!(found(&index, &attributes, ""), [0; 0]);
    assert_eq!(index.add(&policy(Attributes, r#"{"z": ["z"]}"#)), first, "a free number");
}

#[test]
fn an_element_counts_also_if_only_a_condition_without_a_hash_holds_in_it() {
    for other in [r#"{"anything-but": [2]}"#, r#"{"numeric": [">", 5]}"#, r#"{"exists": true}"#] {
        let mut index = Index::new(7);
        let items = format!(r#"{{"items": {{"a": [1, {other}], "b": [{{"anything-but": [5]}}, 7]}}}}"#);
        index.add(&policy(Body, &items));
        for (body, expected) in [
            (r#"{"items": [{"a": 1, "b": 5}, {"a": 7, "b": 6}]}"#, &[0][..]),
            (r#"{"items": [{"a": 7, "b": 6}, {"a": 1, "b": 5}]}"#, &[0]),
            (r#"{"items": [{"a": 1, "b": 5}, {"b": 6}]}"#, &[]),
        ] {
            assert_eq!(found(&index, &[], body), expected, "{other} {body}");
        }
    }
}

#[test]
fn a_range_too_wide_for_buckets_is_found_by_a_number_between_others() {
    let mut index = Index::new(7);
    let wide = r#"{"a": [{"numeric": [">", -1e300, "<", 1e300]}]}"#;
    for (number, json) in (0..).zip([wide, r#"{"a": [{"numeric": [">", -1e300, "<", 0]}]}"#]) {
        for scope in [Attributes, Body] {
            assert_eq!(index.add(&policy(scope, json)).0 / 2, number);
        }
    }
    let numbers = [-1e301, 1.0, 1e301].map(Scalar::Number).to_vec();
    assert_eq!(found(&index, &[("a", Attribute::Array(numbers))], r#"{"a": [-1e301, 1, 1e301]}"#), [0, 1]);
}

#[test]
fn classes_come_in_order_and_once_however_many_they_are() {
    for count in [3, 40, 700] {
        let mut index = Index::new(7);
        for i in 0..count {
            index.add(&policy(Attributes, &format!(r#"{{"$or": [{{"a": ["x"]}}, {{"b": ["{i}", "y"]}}]}}"#)));
        }
        let all: Vec<u32> = (0..count).collect();
        assert_eq!(found(&index, &[("a", text("x")), ("b", text("y"))], ""), all);
        assert_eq!(found(&index, &[("b", text("y"))], ""), all);
        assert_eq!(found(&index, &[("b", text("2"))], ""), [2]);
    }
}

#[test]
fn a_message_without_visible_attributes_says_so() {
    let mut index = Index::new(7);
    index.add(&policy(Attributes, r#"{"a": [{"exists": false}]}"#));
    let mut matches = Matches::default();
    let binary = [("a", Attribute::Binary)];
    let empty = [("b", Attribute::Array(Vec::new()))];
    for (attributes, none) in [(&[][..], true), (&binary, true), (&empty, false)] {
        index.find(&Content { attributes, body: b"" }, &mut matches);
        assert_eq!((matches.no_attributes, matches.classes.is_empty()), (none, none));
    }
}

#[test]
fn a_body_is_read_only_for_policies_over_bodies_and_says_why_it_could_not_be() {
    let mut index = Index::new(7);
    index.add(&policy(Attributes, r#"{"a": ["x"]}"#));
    let mut matches = Matches::default();
    let mut find = |index: &Index, body: &str| {
        index.find(&Content { attributes: &[], body: body.as_bytes() }, &mut matches);
        matches.body
    };
    assert_eq!(find(&index, "{"), None);
    let class = index.add(&policy(Body, r#"{"a": ["x"]}"#));
    assert_eq!(find(&index, "{"), Some(UnreadableBody::Invalid));
    assert_eq!(find(&index, "[{}]"), Some(UnreadableBody::NotAnObject));
    assert_eq!(find(&index, "{}"), None);
    index.remove(class);
    assert_eq!(find(&index, "{"), None);
}

#[test]
fn one_memory_serves_many_indexes() {
    let mut matches = Matches::default();
    let indexes: Vec<Index> = (0..3)
        .map(|i| {
            let mut index = Index::new(i);
            (0..=i).for_each(|j| {
                _ = index.add(&policy(Attributes, &format!(r#"{{"a": ["{}", "x"]}}"#, i * 10 + j)));
            });
            index
        })
        .collect();
    for _ in 0..3 {
        for index in &indexes {
            index.find(&Content { attributes: &[("a", text("x"))], body: b"" }, &mut matches);
            assert_eq!(matches.classes.len(), index.len());
        }
        indexes[0].find(&Content { attributes: &[("a", text("20"))], body: b"" }, &mut matches);
        assert_eq!(matches.classes, []);
    }
}

#[test]
fn conditions_of_one_leaf_that_lead_to_one_place_are_there_once() {
    let head = "h".repeat(70);
    let lists: [&dyn Fn(usize) -> String; 4] = [
        &|i| format!(r#"{{"prefix": "{head}{i}"}}"#),
        &|i| format!(r#"{{"anything-but": "{i}"}}"#),
        &|i| format!(r#"{{"numeric": [">", {i}e-9, "<", 0.51]}}"#),
        &|i| format!(r#"{{"numeric": [">", 1, "<", 1e{}]}}"#, 100 + i),
    ];
    for list in lists {
        let list = (0..100).map(list).collect::<Vec<_>>().join(",");
        let mut index = Index::new(7);
        let class = index.add(&policy(Attributes, &format!(r#"{{"a": [{list}]}}"#)));
        // The leaf, and what of its value is looked at.
        assert!(index.attributes.lookup.len() <= 2, "{list}");
        index.remove(class);
        assert_eq!(index.attributes.len(), 0, "{list}");
    }
}

#[test]
fn a_long_beginning_or_end_is_found_by_a_part_of_it() {
    let long = |text: &str| format!("{text}{}{text}", "m".repeat(100));
    for (operator, value) in [
        (format!(r#"{{"prefix": "{}"}}"#, long("a")), long("a") + "x"),
        (format!(r#"{{"suffix": "{}"}}"#, long("a")), "x".to_owned() + &long("a")),
        (format!(r#"{{"prefix": {{"equals-ignore-case": "{}"}}}}"#, long("A")), long("a") + "x"),
        (format!(r#"{{"suffix": {{"equals-ignore-case": "{}"}}}}"#, long("A")), "x".to_owned() + &long("a")),
        (format!(r#"{{"wildcard": "{0}*{0}"}}"#, long("a")), long("a") + &long("a")),
        (format!(r#"{{"wildcard": "{}*"}}"#, long("a")), long("a")),
        (format!(r#"{{"wildcard": "*{}"}}"#, long("a")), long("a")),
    ] {
        let mut index = Index::new(7);
        index.add(&policy(Attributes, &format!(r#"{{"a": [{operator}]}}"#)));
        assert_eq!(found(&index, &[("a", text(&value))], ""), [0], "{operator}");
        assert_eq!(found(&index, &[("a", text(&value.replace('m', "n")))], ""), [0; 0], "{operator}");
    }
}
