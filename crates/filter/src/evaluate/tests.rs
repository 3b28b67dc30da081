use std::borrow::Cow;

use types::FilterScope;

use super::*;

fn matches_body(policy: &str, body: &str) -> bool {
    let policy = Policy::parse(FilterScope::Body, policy).unwrap();
    policy.matches(&Content { attributes: &[], body: body.as_bytes() })
}

fn text(text: &str) -> Scalar<'_> {
    Scalar::String(Cow::Borrowed(text))
}

#[test]
fn leaves_beyond_a_list_share_one_of_its_elements() {
    let policy = r#"{"items": {"id": [1], "kind": ["x"]}}"#;
    for (body, expected) in [
        (r#"{"items": [{"id": 1, "kind": "y"}, {"id": 2, "kind": "x"}]}"#, false),
        (r#"{"items": [{"id": 2, "kind": "x"}, {"id": 1, "kind": "x"}]}"#, true),
        (r#"{"items": [[{"id": 1, "kind": "y"}], [[{"id": 1, "kind": "x"}]]]}"#, true),
        (r#"{"items": [[{"id": 1}], [[{"kind": "x"}]]]}"#, false),
        (r#"{"items": [{"id": [2, 1], "kind": ["y", "x"]}]}"#, true),
        (r#"{"items": [1, {"id": 1}, "x"], "items.kind": "x"}"#, false),
        (r#"{"items": {"id": 1}, "items.kind": "x"}"#, true),
        (r#"{"items": [{"id": 1}, {"kind": "x"}]}"#, false),
    ] {
        assert_eq!(matches_body(policy, body), expected, "{body}");
    }
}

#[test]
fn elements_of_lists_in_elements_are_shared_as_well() {
    let policy = r#"{"a": {"b": {"c": [1], "d": [2]}, "e": [3]}, "f": {"g": [4], "h": [5]}}"#;
    let f = r#""f": [{"g": 4}, {"g": 4, "h": 5}]"#;
    for (a, expected) in [
        (r#"[{"b": [{"c": 1, "d": 2}], "e": 3}]"#, true),
        (r#"[{"b": [{"c": 1, "d": 2}], "e": 0}, {"b": [{"c": 1}, {"d": 2}], "e": 3}]"#, false),
        (r#"[{"b": [{"c": 1}, {"d": 2}], "e": 3}, {"b": [{}, {"c": 1, "d": 2}], "e": [0, 3]}]"#, true),
        (r#"[{"b": {"c": 1, "d": 2}}, {"e": 3}]"#, false),
    ] {
        assert_eq!(matches_body(policy, &format!(r#"{{"a": {a}, {f}}}"#)), expected, "{a}");
        let without = r#""f": [{"g": 4}, {"h": 5}]"#;
        assert!(!matches_body(policy, &format!(r#"{{"a": {a}, {without}}}"#)), "{a}");
    }
}

#[test]
fn a_list_of_values_is_a_choice_for_each_leaf() {
    // One path twice: both ways of writing it, or an `$or` beside it.
    let policy = r#"{"a": {"b": [1]}, "$or": [{"a.b": [2]}, {"a.b": ["x"]}]}"#;
    for (body, expected) in [
        (r#"{"a": {"b": [1, 2]}}"#, true),
        (r#"{"a": {"b": [2, "x"]}}"#, false),
        (r#"{"a": {"b": 1}}"#, false),
        (r#"{"a": [{"b": 1}, {"b": 2}]}"#, false),
        (r#"{"a": [{"b": 1}, {"b": ["x", 1]}]}"#, true),
    ] {
        assert_eq!(matches_body(policy, body), expected, "{body}");
    }
    // A value and an object at one path can both be there in a list, and only there.
    let policy = r#"{"a": [5], "a.b": [1]}"#;
    assert!(matches_body(policy, r#"{"a": [5, {"b": 1}]}"#));
    assert!(!matches_body(policy, r#"{"a": 5, "a.b": 1}"#));
}

#[test]
fn absent_means_anywhere_in_the_body() {
    let policy = r#"{"items": {"id": [1], "gone": [{"exists": false}, "no"]}}"#;
    for (body, expected) in [
        (r#"{"items": [{"id": 1}, {"id": 2}]}"#, true),
        (r#"{"items": [{"id": 1}, {"id": 2, "gone": "yes"}]}"#, false),
        (r#"{"items": [{"id": 1, "gone": "no"}, {"id": 2, "gone": "yes"}]}"#, true),
        (r#"{"items": [{"id": 1}, {"id": 2, "gone": "no"}]}"#, false),
        (r#"{"items": [{"id": 1}, {"id": 2, "gone": [{}, []]}]}"#, true),
        (r#"{"items": [{"id": 1}, {"id": 2, "gone": null}]}"#, false),
    ] {
        assert_eq!(matches_body(policy, body), expected, "{body}");
    }
    let absent = r#"{"a": [{"exists": false}]}"#;
    for (body, expected) in
        [("{}", true), (r#"{"a": {"b": 1}}"#, true), (r#"{"a": null}"#, false), ("[]", false), ("", false)]
    {
        assert_eq!(matches_body(absent, body), expected, "{body}");
    }
    assert!(matches_body(r#"{"a": [{"exists": true}]}"#, r#"{"a": null}"#), "null is a value");
    assert!(!matches_body(r#"{"a": [{"exists": true}]}"#, r#"{"a": [[], {"b": 1}]}"#));
}

#[test]
fn of_keys_that_come_again_the_last_one_in_the_text_counts() {
    let body = r#"{"a":{"b":{"x":1}},"a":{"b":1,"b.c":2}}"#;
    // `b` was an object, then 1, then an object with `c`: nothing is left of the first.
    assert!(matches_body(r#"{"a.b.c":[2]}"#, body));
    assert!(!matches_body(r#"{"a.b.x":[1]}"#, body));
    assert!(!matches_body(r#"{"a.b":[1]}"#, body));
}

#[test]
fn of_an_attributes_list_any_element_will_do_for_each_leaf() {
    let policy = r#"{"a": ["x"], "$or": [{"a": ["y"]}, {"b": [{"exists": false}], "c": [1]}]}"#;
    let policy = Policy::parse(FilterScope::Attributes, policy).unwrap();
    let matches = |attributes: &[(&str, Attribute<'_>)]| policy.matches(&Content { attributes, body: b"" });
    let a = ("a", Attribute::Array(vec![text("x"), text("y")]));
    assert!(matches(&[a]));
    let (x, one) = (("a", Attribute::Scalar(text("x"))), ("c", Attribute::Scalar(Scalar::Number(1.0))));
    assert!(!matches(std::slice::from_ref(&x)));
    assert!(matches(&[x.clone(), one.clone()]));
    assert!(matches(&[x.clone(), ("b", Attribute::Binary), one.clone()]), "binary is not seen");
    assert!(matches(&[x.clone(), ("b", Attribute::Array(Vec::new())), one.clone()]), "empty is absent");
    assert!(!matches(&[x, ("b", Attribute::Scalar(Scalar::Null)), one]), "null is there");
}

#[test]
fn without_visible_attributes_nothing_matches() {
    let policy = Policy::parse(FilterScope::Attributes, r#"{"a": [{"exists": false}]}"#).unwrap();
    let matches = |attributes: &[(&str, Attribute<'_>)]| policy.matches(&Content { attributes, body: b"" });
    assert!(!matches(&[]));
    assert!(!matches(&[("a", Attribute::Binary), ("b", Attribute::Binary)]));
    assert!(matches(&[("b", Attribute::Scalar(Scalar::Null))]));
    assert!(matches(&[("a", Attribute::Array(Vec::new()))]), "an empty list is an attribute without values");
}

#[test]
fn an_attributes_name_is_one_step() {
    let policy = Policy::parse(FilterScope::Attributes, r#"{"a.b": ["x"]}"#).unwrap();
    let attributes = [("a.b", Attribute::Scalar(text("x")))];
    assert!(policy.matches(&Content { attributes: &attributes, body: b"" }));
}

#[test]
fn a_long_list_holds_as_if_it_were_gone_through() {
    let lists = [
        r#"["", "a", "b", "c", "d", "e", "x"]"#,
        r#"[null, true, -1, 0, 1.5, 7, "a", "b", "c", "é"]"#,
        r#"[false, {"prefix": "b"}, {"suffix": "x"}, {"equals-ignore-case": "É"}, 1, 2, 3, 4, 5, 6, 7, 8]"#,
        r#"[{"exists": true}, "a", "b", "c", "d", "e", "f", "g", "h", "i"]"#,
        r#"[{"anything-but": ["a"]}, {"numeric": [">", 5]}, {"wildcard": "a*"}, "a", "b", "c", "d", "e", "f", "g"]"#,
    ];
    let texts = ["", "a", "aa", "b", "bx", "x", "É", "é", "z", "0", "null"].map(text);
    let numbers = [-1.0, -0.0, 0.0, 1.0, 1.5, 6.0, 7.0, 100.0].map(Scalar::Number);
    let others = [Scalar::Null, Scalar::Bool(true), Scalar::Bool(false)];
    for list in lists {
        let policy = Policy::parse(FilterScope::Body, &format!(r#"{{"a": {list}}}"#)).unwrap();
        let conditions = &policy.alternatives[0].leaves[0].conditions;
        for value in texts.iter().chain(&numbers).chain(&others) {
            let expected = conditions.iter().any(|condition| condition.holds(value));
            assert_eq!(any_holds(conditions, value), expected, "{list} for {value:?}");
            let padded: Vec<Condition> = (0..9)
                .map(|i| Condition::Number(Number(f64::from(i) + 1e6)))
                .chain(conditions.iter().cloned())
                .collect();
            let mut padded = padded;
            padded.sort();
            assert_eq!(any_holds(&padded, value), expected, "{list} and more for {value:?}");
        }
    }
}
