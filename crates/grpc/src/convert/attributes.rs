//! The attributes of a message, plain and typed, and what each may be.

use std::{collections::BTreeMap, fmt};

use fanfare_proto::v1::{self, attribute_value::Value};
use prost_types::{ListValue, value::Kind};
use types::limits;

use crate::{
    check::{self, Charset},
    refusal::Refusal,
};

/// Plain attributes, and typed ones.
type Plain = BTreeMap<String, String>;
type Typed = BTreeMap<String, v1::AttributeValue>;

const SCALAR: &str = "must be a text, a number, true, false or null";

/// Checks every name and value.
pub(crate) fn check(plain: &Plain, typed: &Typed) -> Result<(), Refusal> {
    check::length("attributes", plain.len(), 0..=limits::ATTRIBUTES)?;
    few_enough(plain.len() + typed.len(), typed.values().map(elements).sum())?;
    for (name, value) in plain {
        check_name("attributes", name)?;
        check_bytes(Path("attributes", name), value.len())?;
    }
    for (name, value) in typed {
        check_name("typed_attributes", name)?;
        if plain.contains_key(name) {
            let why = "is in attributes too, must be in only one of the two";
            return Err(Refusal::field(Path("typed_attributes", name), why));
        }
        check_value(name, value)?;
    }
    Ok(())
}

/// Both kinds of attributes of one message, and the elements of all its arrays.
pub(crate) fn few_enough(attributes: usize, elements: usize) -> Result<(), Refusal> {
    let refused = |why| Err(Refusal::field("typed_attributes", why));
    if attributes > limits::ATTRIBUTES {
        let limit = limits::ATTRIBUTES;
        return refused(format!("makes {attributes} with those in attributes, the limit is {limit}"));
    }
    if elements > limits::MESSAGE_ARRAY_ELEMENTS {
        let limit = limits::MESSAGE_ARRAY_ELEMENTS;
        return refused(format!("has {elements} elements in all its arrays, the limit is {limit}"));
    }
    Ok(())
}

/// An array has more elements than it may.
pub(crate) fn too_long(name: &str, elements: usize) -> Refusal {
    let path = Path("typed_attributes", name);
    let limit = limits::ATTRIBUTE_ARRAY_ELEMENTS;
    Refusal::field(
        format_args!("{path}.array"),
        format_args!("has {elements} entries, must have 0 to {limit}"),
    )
}

/// An element of an array is an array or an object itself.
pub(crate) fn nested(name: &str, index: usize) -> Refusal {
    let path = Path("typed_attributes", name);
    Refusal::field(format_args!("{path}.array[{index}]"), format_args!("is an array or an object, {SCALAR}"))
}

/// An entry of a map; of its name no more than people want to read.
#[derive(Debug, Clone, Copy)]
struct Path<'a>(&'static str, &'a str);

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}[{:?}]", self.0, self.1.chars().take(64).collect::<String>())
    }
}

fn check_name(map: &'static str, name: &str) -> Result<(), Refusal> {
    if name.is_empty() {
        return Err(Refusal::field(Path(map, name), "has an empty name, must have 1 to 256 bytes"));
    }
    check::text(map, name, limits::ATTRIBUTE_NAME_BYTES, Charset::NoControl)
}

fn check_bytes(path: impl fmt::Display, bytes: usize) -> Result<(), Refusal> {
    let limit = limits::ATTRIBUTE_VALUE_BYTES;
    if bytes > limit {
        return Err(Refusal::field(path, format_args!("has {bytes} bytes, the limit is {limit}")));
    }
    Ok(())
}

fn check_value(name: &str, given: &v1::AttributeValue) -> Result<(), Refusal> {
    let path = Path("typed_attributes", name);
    match &given.value {
        Some(Value::Text(text)) => check_bytes(format_args!("{path}.text"), text.len()),
        Some(Value::Number(number)) => finite(format_args!("{path}.number"), *number),
        Some(Value::Array(array)) => check_array(name, array),
        Some(Value::Binary(bytes)) => check_bytes(format_args!("{path}.binary"), bytes.len()),
        None => Err(Refusal::field(path, "has no value, must have a text, number, array or binary")),
    }
}

fn check_array(name: &str, array: &ListValue) -> Result<(), Refusal> {
    if array.values.len() > limits::ATTRIBUTE_ARRAY_ELEMENTS {
        return Err(too_long(name, array.values.len()));
    }
    let path = Path("typed_attributes", name);
    let mut bytes = 0;
    for (index, value) in array.values.iter().enumerate() {
        match &value.kind {
            Some(Kind::StringValue(text)) => bytes += text.len(),
            Some(Kind::NumberValue(number)) => finite(format_args!("{path}.array[{index}]"), *number)?,
            Some(Kind::BoolValue(_) | Kind::NullValue(_)) => {}
            Some(Kind::StructValue(_) | Kind::ListValue(_)) => return Err(nested(name, index)),
            None => {
                let path = format_args!("{path}.array[{index}]");
                return Err(Refusal::field(path, format_args!("has no value, {SCALAR}")));
            }
        }
    }
    check_bytes(format_args!("{path}.array"), bytes)
}

fn finite(path: impl fmt::Display, number: f64) -> Result<(), Refusal> {
    if number.is_finite() {
        return Ok(());
    }
    Err(Refusal::field(path, format_args!("is {number}, must be finite")))
}

fn elements(value: &v1::AttributeValue) -> usize {
    if let Some(Value::Array(array)) = &value.value { array.values.len() } else { 0 }
}

#[cfg(test)]
mod tests;
