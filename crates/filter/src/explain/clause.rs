//! One clause in words: what was found, and what would have done.

use super::words::{cut, list, number, quoted};
use crate::Scalar;
use crate::condition::{Bound, Condition, Pattern, Range, Text};
use crate::policy::Leaf;

/// Why a leaf does not hold for these values. `absence` says that there are none.
pub(super) fn reason(leaf: &Leaf, absence: &str, values: &[Scalar<'_>]) -> String {
    let conditions = any_of(&leaf.conditions);
    match (values, leaf.or_absent) {
        ([], _) => format!("{absence}, must {conditions}"),
        (_, true) if leaf.conditions.is_empty() => format!("{}, must be absent", found(values)),
        ([_], false) => format!("{}, must {conditions}", found(values)),
        ([_], true) => format!("{}, must {conditions}, or be absent", found(values)),
        (_, false) => format!("{}, one of which must {conditions}", found(values)),
        (_, true) => format!("{}, one of which must {conditions}, or all be absent", found(values)),
    }
}

fn found(values: &[Scalar<'_>]) -> String {
    match values {
        [value] => format!("is {}", scalar(value)),
        _ => format!("has the values {}", list(values.iter().map(scalar), values.len(), "and")),
    }
}

fn scalar(value: &Scalar<'_>) -> String {
    match value {
        Scalar::String(text) => quoted(text),
        Scalar::Number(value) => number(*value),
        Scalar::Bool(value) => value.to_string(),
        Scalar::Null => "null".to_owned(),
    }
}

/// "be 1 or 2 or begin with "x"": what a value must do, one of them.
pub(super) fn any_of(conditions: &[Condition]) -> String {
    let mut last = "";
    let phrases = conditions.iter().map(|condition| {
        let (verb, object) = phrase(condition);
        let repeated = std::mem::replace(&mut last, verb) == verb;
        if repeated { object } else { format!("{verb} {object}") }
    });
    list(phrases, conditions.len(), "or")
}

/// What a value must do, as a verb and its object.
fn phrase(condition: &Condition) -> (&'static str, String) {
    match condition {
        Condition::Exists => ("be", "there".to_owned()),
        Condition::Null => ("be", "null".to_owned()),
        Condition::Bool(value) => ("be", value.to_string()),
        Condition::Number(value) => ("be", number(value.0)),
        Condition::Exact(text) => ("be", quoted(text)),
        Condition::EqualsIgnoreCase(text) => ("be", format!("{} in upper or lower case", quoted(text))),
        Condition::Prefix(part) => ("begin with", text(part)),
        Condition::Suffix(part) => ("end with", text(part)),
        Condition::Wildcard(pattern) => ("look like", quoted(&wildcard(pattern))),
        Condition::Range(range) => ("be", ends(range)),
        Condition::Cidr(cidr) => ("be", format!("an address in {}/{}", cidr.network, cidr.prefix)),
        Condition::AnythingBut(these) => ("be", format!("a value that does not {}", any_of(these))),
    }
}

fn text(part: &Text) -> String {
    let case = if part.ignore_case { " in upper or lower case" } else { "" };
    format!("{}{case}", quoted(&part.text))
}

/// The pattern as it is written in a policy, without JSON's own escapes.
fn wildcard(pattern: &Pattern) -> String {
    let literals =
        pattern.literals.iter().map(|literal| cut(literal).replace('\\', r"\\").replace('*', r"\*"));
    literals.collect::<Vec<_>>().join("*")
}

fn ends(range: &Range) -> String {
    let end = |bound: &Bound, exclusive: &str, inclusive: &str| {
        format!("{} {}", if bound.inclusive { inclusive } else { exclusive }, number(bound.at.0))
    };
    let low = range.low.iter().map(|bound| end(bound, "more than", "at least"));
    let high = range.high.iter().map(|bound| end(bound, "less than", "at most"));
    low.chain(high).collect::<Vec<_>>().join(" and ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Policy;

    fn leaf(list: &str) -> Leaf {
        let json = format!(r#"{{"a": {list}}}"#);
        let policy =
            Policy::parse(types::FilterScope::Attributes, &json).unwrap_or_else(|error| panic!("{error}"));
        policy.alternatives[0].leaves[0].as_ref().clone()
    }

    #[test]
    fn every_condition_has_words() {
        let conditions = [
            (r#"[{"exists": true}]"#, "be there"),
            (r#"[null, true]"#, "be null or true"),
            (r#"["x", 5, 6.5]"#, r#"be 5, 6.5 or "x""#),
            (r#"["berlin", {"prefix": "ham"}]"#, r#"be "berlin" or begin with "ham""#),
            (r#"[{"prefix": "a"}, {"prefix": "b"}]"#, r#"begin with "a" or "b""#),
            (r#"[{"prefix": {"equals-ignore-case": "A"}}]"#, r#"begin with "a" in upper or lower case"#),
            (r#"[{"suffix": ".png"}]"#, r#"end with ".png""#),
            (r#"[{"equals-ignore-case": "A"}]"#, r#"be "a" in upper or lower case"#),
            (r#"[{"wildcard": "a\\*b*c"}]"#, r#"look like "a\\*b*c""#),
            (r#"[{"numeric": [">", 0, "<=", 150]}]"#, "be more than 0 and at most 150"),
            (r#"[{"numeric": ["<", 0]}, {"numeric": [">=", 1e20]}]"#, "be less than 0 or at least 1e20"),
            (r#"[{"cidr": "10.1.2.3/8"}]"#, "be an address in 10.0.0.0/8"),
            (r#"[{"anything-but": ["a", "b"]}]"#, r#"be a value that does not be "a" or "b""#),
            (r#"[{"anything-but": {"suffix": "x"}}]"#, r#"be a value that does not end with "x""#),
            (r#"[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]"#, "be 1, 2, 3, 4, 5, 6, 7, 8 or 2 more"),
        ];
        for (list, expected) in conditions {
            assert_eq!(any_of(&leaf(list).conditions), expected, "{list}");
        }
    }
}
