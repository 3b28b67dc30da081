//! The list under a key: values, and objects with one operator each.

use types::limits;

use super::json::Json;
use super::keys::Reader;
use super::place::Place;
use super::text::TextOperator;
use super::{PolicyError, numeric, text};
use crate::condition::{Condition, Number, fold};
use crate::explain::words::quoted;
use crate::policy::Leaf;

const OPERATORS: &str =
    "exactly, prefix, suffix, equals-ignore-case, wildcard, numeric, cidr, exists or anything-but";

/// What one entry of a list comes to.
enum Entry {
    Condition(Condition),
    /// `{"exists": false}`.
    Absent,
}

impl Reader {
    /// Adds the leaf that a key and its list are.
    pub(super) fn leaf(
        &mut self,
        list: &[Json],
        path: &[&str],
        place: &Place<'_>,
    ) -> Result<(), PolicyError> {
        if list.is_empty() {
            return Err(place.refuse("is an empty list: Empty arrays are not allowed"));
        }
        if self.leaves.len() == limits::FILTER_KEYS {
            let reason =
                format!("is key number {}, the limit is {}", limits::FILTER_KEYS + 1, limits::FILTER_KEYS);
            return Err(place.refuse(reason));
        }
        let (mut conditions, mut or_absent) = (Vec::new(), false);
        for (index, entry) in list.iter().enumerate() {
            match self.entry(entry, &place.index(index))? {
                Entry::Condition(condition) => conditions.push(condition),
                Entry::Absent => or_absent = true,
            }
        }
        let path = path.iter().copied().map(Box::from).collect();
        self.leaves.push(Leaf { path, conditions: set(conditions), or_absent });
        Ok(())
    }

    fn entry(&mut self, entry: &Json, place: &Place<'_>) -> Result<Entry, PolicyError> {
        if let Json::Object(members) = entry {
            return self.expression(members, place);
        }
        self.count(place)?;
        Ok(Entry::Condition(match entry {
            Json::Null => Condition::Null,
            Json::Bool(value) => Condition::Bool(*value),
            Json::Number(value) => Condition::Number(Number(*value)),
            Json::String(value) => Condition::Exact(value.as_str().into()),
            other => {
                let allowed =
                    "Match value must be String, number, true, false, or null, or an object with an operator";
                return Err(place.refuse(format!("is {other}: {allowed}")));
            }
        }))
    }

    fn expression(&mut self, members: &[(String, Json)], place: &Place<'_>) -> Result<Entry, PolicyError> {
        let [(name, value)] = members else {
            return Err(place.refuse(match members {
                [] => format!("is an empty object: Match expression name not found, must be {OPERATORS}"),
                _ => format!(
                    "is an object of {} keys: Only one key allowed in match expression",
                    members.len()
                ),
            }));
        };
        let place = place.key(name);
        if name != "anything-but" {
            self.count(&place)?;
        }
        Ok(Entry::Condition(match (name.as_str(), value) {
            ("exists", Json::Bool(true)) => Condition::Exists,
            ("exists", Json::Bool(false)) => return Ok(Entry::Absent),
            ("exists", other) => {
                return Err(
                    place.refuse(format!("is {other}: exists match pattern must be either true or false"))
                );
            }
            ("anything-but", _) => self.anything_but(value, &place)?,
            ("numeric", _) => {
                let condition = numeric::condition(value, &place)?;
                if !matches!(condition, Condition::Number(_)) {
                    self.pattern(&place)?;
                }
                condition
            }
            ("cidr", _) => {
                self.pattern(&place)?;
                Condition::Cidr(text::cidr(value, &place)?)
            }
            ("exactly", _) => Condition::Exact(text::string(name, value, &place)?.into()),
            _ => {
                let Some(operator) = TextOperator::named(name) else {
                    let found = quoted(name);
                    return Err(place.refuse(format!("Unrecognized match type {found}, must be {OPERATORS}")));
                };
                self.text_operator(operator, name, value, &place)?
            }
        }))
    }

    pub(super) fn text_operator(
        &mut self,
        operator: TextOperator,
        name: &str,
        value: &Json,
        place: &Place<'_>,
    ) -> Result<Condition, PolicyError> {
        self.pattern(place)?;
        match operator {
            TextOperator::Prefix => text::part(name, value, place).map(Condition::Prefix),
            TextOperator::Suffix => text::part(name, value, place).map(Condition::Suffix),
            TextOperator::EqualsIgnoreCase => {
                text::string(name, value, place).map(|text| Condition::EqualsIgnoreCase(fold(text).into()))
            }
            TextOperator::Wildcard => self.wildcard(value, place),
        }
    }

    fn wildcard(&mut self, value: &Json, place: &Place<'_>) -> Result<Condition, PolicyError> {
        let literals = text::literals(text::string("wildcard", value, place)?, place)?;
        let stars = literals.len() - 1;
        if stars > limits::FILTER_PATTERN_STARS {
            let reason =
                format!("has {stars} stars, the limit is {} a pattern", limits::FILTER_PATTERN_STARS);
            return Err(place.refuse(reason));
        }
        self.stars += stars;
        if self.stars > limits::FILTER_STARS {
            let reason =
                format!("makes it {} stars, the limit is {} a policy", self.stars, limits::FILTER_STARS);
            return Err(place.refuse(reason));
        }
        Ok(text::pattern(literals))
    }

    /// Counts a condition that a value has to be held against by itself.
    fn pattern(&mut self, place: &Place<'_>) -> Result<(), PolicyError> {
        if self.patterns == limits::FILTER_PATTERNS {
            let most = limits::FILTER_PATTERNS;
            let reason = format!("is pattern or range number {}, the limit is {most} a policy", most + 1);
            return Err(place.refuse(reason));
        }
        self.patterns += 1;
        Ok(())
    }

    /// Counts a condition.
    pub(super) fn count(&mut self, place: &Place<'_>) -> Result<(), PolicyError> {
        if self.conditions == limits::FILTER_CONDITIONS {
            let most = limits::FILTER_CONDITIONS;
            return Err(
                place.refuse(format!("is condition number {}, the limit is {most} a policy", most + 1))
            );
        }
        self.conditions += 1;
        Ok(())
    }
}

/// Sorted, and each one once: what policies that say the same have in common.
pub(super) fn set(mut conditions: Vec<Condition>) -> Box<[Condition]> {
    conditions.sort_unstable();
    conditions.dedup();
    conditions.into()
}
