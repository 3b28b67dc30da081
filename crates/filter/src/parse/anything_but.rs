//! `anything-but`: a value, a list of values of one type, or an operator on texts with one text or a list of them.

use super::PolicyError;
use super::json::Json;
use super::keys::Reader;
use super::place::Place;
use super::text::TextOperator;
use super::values::set;
use crate::condition::{Condition, Number};
use crate::explain::words::quoted;

const OPERATORS: &str = "prefix, suffix, equals-ignore-case or wildcard";

impl Reader {
    pub(super) fn anything_but(&mut self, value: &Json, place: &Place<'_>) -> Result<Condition, PolicyError> {
        let these = match value {
            Json::String(_) | Json::Number(_) => vec![self.excluded(value, place)?],
            Json::List(list) => self.excluded_list(list, place)?,
            Json::Object(members) => self.excluded_texts(members, place)?,
            other => {
                let allowed =
                    "Value of anything-but must be an array or single string/number value, or an operator";
                return Err(place.refuse(format!("is {other}: {allowed}")));
            }
        };
        Ok(Condition::AnythingBut(set(these)))
    }

    fn excluded(&mut self, value: &Json, place: &Place<'_>) -> Result<Condition, PolicyError> {
        self.count(place)?;
        match value {
            Json::String(text) => Ok(Condition::Exact(text.as_str().into())),
            Json::Number(number) => Ok(Condition::Number(Number(*number))),
            other => Err(place.refuse(format!("is {other}: an anything-but list has strings or numbers"))),
        }
    }

    fn excluded_list(&mut self, list: &[Json], place: &Place<'_>) -> Result<Vec<Condition>, PolicyError> {
        let Some(first) = list.first() else { return Err(empty(place)) };
        let texts = matches!(first, Json::String(_));
        let mut these = Vec::with_capacity(list.len());
        for (index, value) in list.iter().enumerate() {
            let place = place.index(index);
            these.push(self.excluded(value, &place)?);
            if matches!(value, Json::String(_)) != texts {
                let rest = if texts { "strings" } else { "numbers" };
                let rule = "inside anything-but list, either all values are number or string, mixed type is not supported";
                return Err(place.refuse(format!("is {value} in a list of {rest}: {rule}")));
            }
        }
        Ok(these)
    }

    fn excluded_texts(
        &mut self,
        members: &[(String, Json)],
        place: &Place<'_>,
    ) -> Result<Vec<Condition>, PolicyError> {
        let [(name, value)] = members else {
            let found = members.len();
            return Err(
                place.refuse(format!("is an object of {found} keys: exactly one must be there, {OPERATORS}"))
            );
        };
        let place = place.key(name);
        let Some(operator) = TextOperator::named(name) else {
            let found = quoted(name);
            return Err(
                place.refuse(format!("Unsupported anything-but pattern: {found}, must be {OPERATORS}"))
            );
        };
        let mut one = |value: &Json, place: &Place<'_>| self.excluded_text(operator, name, value, place);
        match value {
            Json::List(list) if list.is_empty() => Err(empty(&place)),
            Json::List(list) => {
                list.iter().enumerate().map(|(index, value)| one(value, &place.index(index))).collect()
            }
            single => Ok(vec![one(single, &place)?]),
        }
    }

    fn excluded_text(
        &mut self,
        operator: TextOperator,
        name: &str,
        value: &Json,
        place: &Place<'_>,
    ) -> Result<Condition, PolicyError> {
        self.count(place)?;
        let condition = self.text_operator(operator, name, value, place)?;
        match &condition {
            Condition::Prefix(part) | Condition::Suffix(part) if part.text.is_empty() => Err(place
                .refuse(format!("is an empty {name}, which every text has: Null prefix/suffix not allowed"))),
            _ => Ok(condition),
        }
    }
}

fn empty(place: &Place<'_>) -> PolicyError {
    place.refuse("is an empty list: Empty arrays are not allowed")
}
