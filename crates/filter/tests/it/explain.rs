//! What is said about a message that does not match.

use types::FilterScope::{self, Attributes, Body};

use crate::message::{ask, explain, policy};

/// Scope, policy, message, and every mismatch as `path: reason`.
type Case = (FilterScope, &'static str, &'static str, &'static [&'static str]);

const CASES: &[Case] = &[
    (Attributes, r#"{"city": ["berlin", {"prefix": "ham"}]}"#, r#"{"city": "berlin"}"#, &[]),
    (
        Attributes,
        r#"{"city": ["berlin", {"prefix": "ham"}]}"#,
        r#"{"city": "paris"}"#,
        &[r#"city: is "paris", must be "berlin" or begin with "ham""#],
    ),
    (Attributes, r#"{"city": ["berlin"]}"#, r#"{"town": "x"}"#, &[r#"city: is absent, must be "berlin""#]),
    (Attributes, r#"{"n": [5]}"#, r#"{"n": "5"}"#, &[r#"n: is "5", must be 5"#]),
    (
        Attributes,
        r#"{"n": [{"numeric": [">", 0, "<=", 150]}]}"#,
        r#"{"n": 150.5}"#,
        &["n: is 150.5, must be more than 0 and at most 150"],
    ),
    (
        Attributes,
        r#"{"tags": ["a", {"exists": false}]}"#,
        r#"{"tags": ["b", 1, null, true]}"#,
        &[r#"tags: has the values "b", 1, null and true, one of which must be "a", or all be absent"#],
    ),
    (Attributes, r#"{"a": [{"exists": false}]}"#, r#"{"a": "x"}"#, &[r#"a: is "x", must be absent"#]),
    (
        Attributes,
        r#"{"a": [{"exists": false}, "y"]}"#,
        r#"{"a": "x"}"#,
        &[r#"a: is "x", must be "y", or be absent"#],
    ),
    (Attributes, r#"{"a": [{"exists": true}]}"#, r#"{"b": "x"}"#, &["a: is absent, must be there"]),
    (
        Attributes,
        r#"{"a": [{"exists": true}]}"#,
        r#"{"a": [], "b": 1}"#,
        &["a: is an empty list, which is as good as absent, must be there"],
    ),
    (
        Attributes,
        r#"{"a": ["x"]}"#,
        r#"{"a": {}, "b": 1}"#,
        &[r#"a: is binary, which is as good as absent, must be "x""#],
    ),
    (
        Attributes,
        r#"{"a": [{"exists": false}]}"#,
        "{}",
        &[": the message has no attributes, which matches no policy"],
    ),
    (
        Attributes,
        r#"{"a": [{"exists": false}]}"#,
        r#"{"b": {}}"#,
        &[": the message has only binary attributes, which filters do not see: it matches no policy"],
    ),
    (
        Attributes,
        r#"{"a": [1], "b": [2], "c": [3]}"#,
        r#"{"a": 0, "b": 2, "c": 0}"#,
        &["a: is 0, must be 1", "c: is 0, must be 3"],
    ),
    (
        Attributes,
        r#"{"$or": [{"a": [1], "b": [1]}, {"c": [1], "d": [1]}, {"e": [1], "f": [1]}]}"#,
        r#"{"a": 2, "c": 1, "e": 1}"#,
        &["d: is absent, must be 1"],
    ),
    (Attributes, r#"{"store.city": ["x"]}"#, r#"{"y": 1}"#, &[r#"store.city: is absent, must be "x""#]),
    (
        Body,
        r#"{"store": {"city": ["berlin"]}, "n": [1]}"#,
        r#"{"store": {"city": "paris"}, "n": 1}"#,
        &[r#"store.city: is "paris", must be "berlin""#],
    ),
    (
        Body,
        r#"{"a": [1]}"#,
        r#"{"a": {"b": 1}}"#,
        &["a: is an object, which is as good as absent, must be 1"],
    ),
    (Body, r#"{"a.b": [1]}"#, r#"{"a": [{"c": 1}]}"#, &["a.b: is absent, must be 1"]),
    (Body, r#"{"a.b": [1]}"#, r#"{"a": 1}"#, &["a.b: is absent, must be 1"]),
    (
        Body,
        r#"{"a.b": [1]}"#,
        r#"{"a": {"b": [[], {}]}}"#,
        &["a.b: is a list without values, which is as good as absent, must be 1"],
    ),
    (Body, r#"{"a": [1]}"#, r#"{"a": 1,}"#, &[": the body is no JSON: trailing comma at line 1 column 9"]),
    (Body, r#"{"a": [1]}"#, "", &[": the body is no JSON: EOF while parsing a value at line 1 column 0"]),
    (Body, r#"{"a": [1]}"#, r#"[{"a": 1}]"#, &[": the body is a list, must be an object"]),
    (Body, r#"{"a": [1]}"#, "null", &[": the body is null, must be an object"]),
    (Body, r#"{"a": [1]}"#, "true", &[": the body is true or false, must be an object"]),
    (Body, r#"{"a": [1]}"#, "12", &[": the body is a number, must be an object"]),
    (Body, r#"{"a": [1]}"#, r#""x""#, &[": the body is a string, must be an object"]),
    (
        Body,
        r#"{"items": {"sku": ["a"]}}"#,
        r#"{"items": [{"sku": "b"}, {"sku": ["c", "d"]}]}"#,
        &[r#"items.sku: has the values "b", "c" and "d", one of which must be "a""#],
    ),
    (
        Body,
        r#"{"items": {"sku": ["a"], "qty": [5]}, "n": [1]}"#,
        r#"{"items": [{"sku": "a", "qty": 1}, {"sku": "b", "qty": 5}], "n": 1}"#,
        &[
            "items: has elements that each of these holds for, but none that all of them hold for: items.qty and items.sku",
        ],
    ),
    (
        Body,
        r#"{"o": {"items": {"sku": ["a"], "qty": [5], "price": {"eur": [1]}}, "paid": [true]}}"#,
        r#"{"o": {"paid": true, "items": [{"sku": "a", "qty": 1}, {"sku": "b", "qty": 5}, {"price": {"eur": 1}}]}}"#,
        &[
            "o.items: has elements that each of these holds for, but none that all of them hold for: o.items.price.eur, o.items.qty and o.items.sku",
        ],
    ),
    (
        Body,
        r#"{"o": {"items": {"sku": ["a"]}, "paid": [true]}}"#,
        r#"{"o": [{"paid": true, "items": []}, {"paid": false, "items": [{"sku": "a"}]}]}"#,
        &[
            "o: has elements that each of these holds for, but none that all of them hold for: o.items.sku and o.paid",
        ],
    ),
    (
        Body,
        r#"{"$or": [{"i.a": [1], "i.b": [1]}, {"i.a": [7], "i.c": [7]}]}"#,
        r#"{"i": [{"a": 1}, {"b": 1}]}"#,
        &["i: has elements that each of these holds for, but none that all of them hold for: i.a and i.b"],
    ),
    (Attributes, r#"{"a": [{"exists": false}, 1], "b": [1]}"#, r#"{"b": 2}"#, &["b: is 2, must be 1"]),
    (Body, r#"{"a": [{"exists": false}, 1], "b": [1]}"#, r#"{"b": 2}"#, &["b: is 2, must be 1"]),
    (
        Body,
        r#"{"$or": [{"h": [1]}, {"i.a": [1], "i.b": [1]}]}"#,
        r#"{"h": 2, "i": [{"a": 1}, {"b": 1}]}"#,
        &["h: is 2, must be 1"],
    ),
    (
        Body,
        r#"{"$or": [{"h": [1], "i.a": [1], "i.c": [1]}, {"i.b": [1], "i.c": [1]}]}"#,
        r#"{"i": [{"b": 1}, {"c": 1}]}"#,
        &["i: has elements that each of these holds for, but none that all of them hold for: i.b and i.c"],
    ),
];

#[test]
fn the_clauses_that_failed_are_told_in_words() {
    for (scope, policy, message, expected) in CASES {
        let told: Vec<String> = explain(*scope, policy, message)
            .iter()
            .map(|mismatch| format!("{}: {}", mismatch.path, mismatch.reason))
            .collect();
        assert_eq!(told, *expected, "{policy} {message}");
        assert_eq!(
            ask(*scope, message, |content| crate::message::policy(*scope, policy).matches(content)),
            expected.is_empty()
        );
    }
}

#[test]
fn a_body_that_is_no_text_is_told_as_such() {
    let content = filter::Content { attributes: &[], body: b"{\"a\": \"\xff\"}" };
    let told = policy(Body, r#"{"a": [1]}"#).explain(&content);
    assert!(
        told[0].reason.starts_with("the body is no JSON: invalid unicode code point at line 1"),
        "{told:?}"
    );
}

#[test]
fn a_body_that_is_nested_too_deep_is_told_as_such() {
    let message = format!("{}1{}", r#"{"a":"#.repeat(200), "}".repeat(200));
    let told = explain(Body, r#"{"a": [1]}"#, &message);
    assert!(told[0].reason.contains("recursion limit exceeded at line 1 column"), "{told:?}");
}

#[test]
fn an_answer_is_short_however_long_the_message_and_the_policy_are() {
    let long = "x".repeat(10_000);
    let values: Vec<String> = (0..5_000).map(|i| format!("\"{long}{i}\"")).take(20).collect();
    let policy_json = format!(r#"{{"{long}": [{}]}}"#, values.join(","));
    let many = format!(r#"{{"{long}": [{}]}}"#, vec![format!("\"y{long}\""); 500].join(","));
    for scope in [Attributes, Body] {
        let told = explain(scope, &policy_json, &many);
        assert_eq!(told.len(), 1);
        assert!(told[0].path.chars().count() == 1_001 && told[0].path.ends_with('…'));
        assert!(told[0].reason.chars().count() < 1_500, "{}", told[0].reason);
        assert!(told[0].reason.contains("12 more"), "{}", told[0].reason);
    }
}
