//! `{"numeric": [">", 0, "<=", 150]}`.

use super::PolicyError;
use super::json::Json;
use super::place::Place;
use crate::condition::{Bound, Condition, Number, Range};
use crate::explain::words::number;

const OPERATORS: &str = r#""=", "<", "<=", ">" or ">=""#;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Equal,
    Below,
    Above,
}

/// An operator and its number.
struct Comparison {
    side: Side,
    bound: Bound,
}

pub(super) fn condition(value: &Json, place: &Place<'_>) -> Result<Condition, PolicyError> {
    let Json::List(terms) = value else {
        return Err(place.refuse(format!("is {value}: Value of numeric must be an array")));
    };
    let first = comparison(terms, 0, place)?;
    match (first.side, terms.len()) {
        (Side::Equal, 2) => Ok(Condition::Number(first.bound.at)),
        (Side::Below, 2) => Ok(Condition::Range(Range { low: None, high: Some(first.bound) })),
        (Side::Above, 2) => Ok(Condition::Range(Range { low: Some(first.bound), high: None })),
        (Side::Above, 3..) => between(first.bound, terms, place).map(Condition::Range),
        _ => {
            let rule =
                "Too many elements in numeric expression; of two comparisons the first is \">\" or \">=\"";
            Err(place.refuse(format!("has {} elements: {rule}", terms.len())))
        }
    }
}

/// A range from the bound to what the terms after it say.
fn between(low: Bound, terms: &[Json], place: &Place<'_>) -> Result<Range, PolicyError> {
    let Comparison { side, bound: high } = comparison(terms, 2, place)?;
    if side != Side::Below {
        let rule = r#"Bad numeric range operator, after the lower bound comes "<" or "<=""#;
        return Err(place.index(2).refuse(format!("is {}: {rule}", terms[2])));
    }
    if terms.len() > 4 {
        let rule = "Too many terms in numeric range expression, the limit is 2 comparisons";
        return Err(place.refuse(format!("has {} elements: {rule}", terms.len())));
    }
    if low.at >= high.at {
        let ends = format!("{} to {}", number(low.at.0), number(high.at.0));
        return Err(place.refuse(format!("is a range from {ends}: Bottom must be less than top")));
    }
    Ok(Range { low: Some(low), high: Some(high) })
}

/// The operator at this position and the number after it.
fn comparison(terms: &[Json], at: usize, place: &Place<'_>) -> Result<Comparison, PolicyError> {
    let operator = match terms.get(at) {
        Some(Json::String(operator)) => operator.as_str(),
        Some(other) => {
            let rule = format!("Invalid member in numeric match, must be {OPERATORS}");
            return Err(place.index(at).refuse(format!("is {other}: {rule}")));
        }
        None => return Err(place.refuse(format!("is an empty list, must begin with {OPERATORS}"))),
    };
    let (side, inclusive) = match operator {
        "=" => (Side::Equal, true),
        "<" => (Side::Below, false),
        "<=" => (Side::Below, true),
        ">" => (Side::Above, false),
        ">=" => (Side::Above, true),
        _ => {
            let rule = format!("Unrecognized numeric range operator, must be {OPERATORS}");
            return Err(place.index(at).refuse(format!("is {}: {rule}", terms[at])));
        }
    };
    match terms.get(at + 1) {
        Some(Json::Number(value)) => Ok(Comparison { side, bound: Bound { at: Number(*value), inclusive } }),
        Some(other) => {
            Err(place.index(at + 1).refuse(format!("is {other}: Value of {operator} must be numeric")))
        }
        None => Err(place.refuse(format!("ends after {operator:?}: Value of {operator} must be numeric"))),
    }
}
