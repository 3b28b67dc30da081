//! Messages as the tables write them.

use std::borrow::Cow;

use filter::{Attribute, Content, Mismatch, Policy, Scalar};
use serde_json::Value;
use types::FilterScope;

/// Asks about a message: a body's text, or for the attributes one JSON object with a text for `String`, a number for `Number`, a list for
/// `String.Array`, and an object for `Binary`.
pub(crate) fn ask<T>(scope: FilterScope, message: &str, question: impl FnOnce(&Content<'_>) -> T) -> T {
    if scope == FilterScope::Body {
        return question(&Content { attributes: &[], body: message.as_bytes() });
    }
    let message: Value = serde_json::from_str(message).unwrap_or_else(|error| panic!("{message}: {error}"));
    let attributes: Vec<_> =
        message.as_object().unwrap().iter().map(|(name, value)| (name.as_str(), attribute(value))).collect();
    question(&Content { attributes: &attributes, body: b"no JSON" })
}

fn attribute(value: &Value) -> Attribute<'_> {
    match value {
        Value::Array(elements) => Attribute::Array(elements.iter().map(scalar).collect()),
        Value::Object(_) => Attribute::Binary,
        value => Attribute::Scalar(scalar(value)),
    }
}

fn scalar(value: &Value) -> Scalar<'_> {
    match value {
        Value::Null => Scalar::Null,
        Value::Bool(value) => Scalar::Bool(*value),
        Value::Number(value) => Scalar::Number(value.as_f64().unwrap()),
        Value::String(value) => Scalar::String(Cow::Borrowed(value)),
        other => panic!("{other} is no value"),
    }
}

pub(crate) fn policy(scope: FilterScope, json: &str) -> Policy {
    Policy::parse(scope, json).unwrap_or_else(|error| panic!("{json}: {error}"))
}

pub(crate) fn explain(scope: FilterScope, json: &str, message: &str) -> Vec<Mismatch> {
    ask(scope, message, |content| policy(scope, json).explain(content))
}
