//! What the operators on texts take.

use std::net::IpAddr;

use super::PolicyError;
use super::json::Json;
use super::place::Place;
use crate::condition::{Cidr, Condition, Pattern, Text, fold};
use crate::explain::words::quoted;

/// The operators on texts that `anything-but` takes too.
#[derive(Debug, Clone, Copy)]
pub(super) enum TextOperator {
    Prefix,
    Suffix,
    EqualsIgnoreCase,
    Wildcard,
}

impl TextOperator {
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "prefix" => Self::Prefix,
            "suffix" => Self::Suffix,
            "equals-ignore-case" => Self::EqualsIgnoreCase,
            "wildcard" => Self::Wildcard,
            _ => return None,
        })
    }
}

/// A string, for an operator that takes nothing else.
pub(super) fn string<'a>(operator: &str, value: &'a Json, place: &Place<'_>) -> Result<&'a str, PolicyError> {
    match value {
        Json::String(text) => Ok(text),
        other => Err(place.refuse(format!("is {other}: {operator} match pattern must be a string"))),
    }
}

/// A string, or `{"equals-ignore-case": string}`.
pub(super) fn part(operator: &str, value: &Json, place: &Place<'_>) -> Result<Text, PolicyError> {
    let Json::Object(members) = value else {
        return Ok(Text { text: string(operator, value, place)?.into(), ignore_case: false });
    };
    match members.as_slice() {
        [(name, value)] if name == "equals-ignore-case" => {
            let text = string(name, value, &place.key(name))?;
            Ok(Text { text: fold(text).into(), ignore_case: true })
        }
        [(name, _)] => {
            let rule =
                format!("Unsupported {operator} pattern: {}, must be equals-ignore-case", quoted(name));
            Err(place.key(name).refuse(rule))
        }
        _ => {
            Err(place
                .refuse(format!("is {value}: Only one key allowed in match expression, equals-ignore-case")))
        }
    }
}

/// The literals of a wildcard pattern: one more than it has stars.
pub(super) fn literals(pattern: &str, place: &Place<'_>) -> Result<Vec<String>, PolicyError> {
    let mut literals = vec![];
    let mut literal = String::new();
    let mut after_star = false;
    let mut characters = pattern.chars().enumerate();
    while let Some((at, character)) = characters.next() {
        match character {
            '*' if after_star => {
                return Err(place
                    .refuse(format!("has consecutive wildcard characters at position {at}, one is enough")));
            }
            '*' => literals.push(std::mem::take(&mut literal)),
            '\\' => match characters.next() {
                Some((_, escaped @ ('*' | '\\'))) => literal.push(escaped),
                _ => {
                    let rule = r"has an invalid escape character at position";
                    return Err(place.refuse(format!(r"{rule} {at}: a backslash stands before `*` or `\`")));
                }
            },
            other => literal.push(other),
        }
        after_star = character == '*';
    }
    literals.push(literal);
    Ok(literals)
}

/// A pattern without a star is a text.
pub(super) fn pattern(literals: Vec<String>) -> Condition {
    match <[String; 1]>::try_from(literals) {
        Ok([text]) => Condition::Exact(text.into()),
        Err(literals) => Condition::Wildcard(Pattern {
            literals: literals.into_iter().map(String::into_boxed_str).collect(),
        }),
    }
}

/// `10.0.0.0/8`, `2001:db8::/32`.
pub(super) fn cidr(value: &Json, place: &Place<'_>) -> Result<Cidr, PolicyError> {
    let text = string("cidr", value, place)?;
    let malformed = |rule: &str| place.refuse(format!("is {value}: Malformed CIDR, {rule}"));
    let (address, bits) = text
        .split_once('/')
        .filter(|(_, bits)| !bits.contains('/'))
        .ok_or_else(|| malformed("one '/' required"))?;
    let address: IpAddr =
        address.parse().map_err(|_| malformed("before the '/' must be an IPv4 or IPv6 address"))?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    Some(bits)
        .filter(|bits| bits.bytes().all(|byte| byte.is_ascii_digit()))
        .and_then(|bits| bits.parse().ok())
        .and_then(|bits| Cidr::new(address, bits))
        .ok_or_else(|| malformed(&format!("mask bits must be an integer from 0 to {most}")))
}
