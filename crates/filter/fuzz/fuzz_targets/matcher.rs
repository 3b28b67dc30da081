#![no_main]

use filter::{Attribute, Content, Index, Matches, Policy, Scalar};
use serde_json::Value;
use types::FilterScope;

// Policies, one a line, and after an empty line a message. The index finds the policies that match by themselves, before and after some
// of them have gone, and an explanation is there for the others.
libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let Some(end) = input.windows(2).position(|pair| pair == b"\n\n") else { return };
    let (policies, body) = (String::from_utf8_lossy(&input[..end]), &input[end + 2..]);
    let json: Value = serde_json::from_slice(body).unwrap_or_default();
    let attributes = attributes(&json);
    let content = Content { attributes: &attributes, body };
    for scope in [FilterScope::Attributes, FilterScope::Body] {
        let mut policies: Vec<Policy> =
            policies.lines().filter_map(|line| Policy::parse(scope, line).ok()).collect();
        let mut index = Index::new(policies.len() as u64);
        let mut classes: Vec<_> = policies.iter().map(|policy| index.add(policy)).collect();
        compare(&index, &policies, &classes, &content);
        for position in (0..policies.len()).rev().step_by(2) {
            index.remove(classes.remove(position));
            policies.remove(position);
        }
        compare(&index, &policies, &classes, &content);
    }
});

fn compare(index: &Index, policies: &[Policy], classes: &[filter::ClassId], content: &Content<'_>) {
    let mut found = Matches::default();
    index.find(content, &mut found);
    let all = policies.iter().zip(classes);
    let mut expected: Vec<_> =
        all.filter(|(policy, _)| policy.matches(content)).map(|(_, class)| *class).collect();
    expected.sort_unstable();
    expected.dedup();
    assert_eq!(found.classes, expected);
    for policy in policies {
        assert_eq!(policy.explain(content).is_empty(), policy.matches(content));
    }
}

/// The members of an object as attributes.
fn attributes(json: &Value) -> Vec<(&str, Attribute<'_>)> {
    let members = json.as_object().into_iter().flatten();
    members.map(|(name, value)| (name.as_str(), attribute(value))).collect()
}

fn attribute(value: &Value) -> Attribute<'_> {
    match value {
        Value::Array(elements) => Attribute::Array(elements.iter().filter_map(scalar).collect()),
        value => scalar(value).map_or(Attribute::Binary, Attribute::Scalar),
    }
}

fn scalar(value: &Value) -> Option<Scalar<'_>> {
    match value {
        Value::Null => Some(Scalar::Null),
        Value::Bool(value) => Some(Scalar::Bool(*value)),
        Value::Number(value) => value.as_f64().map(Scalar::Number),
        Value::String(value) => Some(Scalar::String(value.into())),
        Value::Array(_) | Value::Object(_) => None,
    }
}
