//! The examples in docs/FILTERS.md.

use filter::{Attribute, Content, Policy, Scalar};
use serde_json::Value;
use types::FilterScope;

const DOCUMENT: &str = include_str!("../../../../docs/FILTERS.md");

#[test]
fn every_example_in_the_document_is_true() {
    let (attributes, body) = DOCUMENT.split_once("On the body").unwrap();
    let on_attributes = examples(attributes, FilterScope::Attributes, |policy, message| {
        let Value::Object(attributes) = serde_json::from_str(message).unwrap() else { panic!("{message}") };
        let attributes: Vec<_> =
            attributes.iter().map(|(name, value)| (name.as_str(), attribute(value))).collect();
        policy.matches(&Content { attributes: &attributes, body: b"" })
    });
    let on_body = examples(body, FilterScope::Body, |policy, message| {
        policy.matches(&Content { attributes: &[], body: message.as_bytes() })
    });
    assert!(on_attributes >= 20 && on_body >= 10, "found {on_attributes} and {on_body}");
}

/// Checks the rows of a table; how many there are.
fn examples(text: &str, scope: FilterScope, matches: impl Fn(&Policy, &str) -> bool) -> usize {
    let rows = text.lines().filter_map(|line| line.strip_prefix("| `")?.strip_suffix(" |"));
    rows.map(|row| {
        let (policy, rest) = row.split_once("` | `").unwrap();
        let (message, expected) = rest.split_once("` | ").unwrap();
        let parsed = Policy::parse(scope, policy).unwrap_or_else(|error| panic!("{policy}: {error}"));
        assert!(["yes", "no"].contains(&expected), "{row}");
        assert_eq!(matches(&parsed, message), expected == "yes", "{row}");
    })
    .count()
}

fn attribute(value: &Value) -> Attribute<'_> {
    match value {
        Value::Array(elements) => Attribute::Array(elements.iter().map(scalar).collect()),
        value => Attribute::Scalar(scalar(value)),
    }
}

fn scalar(value: &Value) -> Scalar<'_> {
    match value {
        Value::String(text) => Scalar::String(text.as_str().into()),
        Value::Number(number) => Scalar::Number(number.as_f64().unwrap()),
        Value::Bool(value) => Scalar::Bool(*value),
        Value::Null => Scalar::Null,
        other => panic!("{other} is no value of an attribute"),
    }
}
