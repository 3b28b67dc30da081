use std::path::Path;

use toml::{Table, Value};

use super::{ConfigError, Given, Origin};

/// What a file gives: one value for each key, sections one level deep.
pub(super) fn read(path: &Path, text: &str) -> Result<Vec<Given>, ConfigError> {
    let table: Table = text.parse().map_err(|error| malformed(path, text, &error))?;
    let mut given = Vec::new();
    for (name, value) in table {
        match value {
            Value::Table(section) => {
                for (key, value) in section {
                    given.push(one(path, format!("{name}.{key}"), value)?);
                }
            }
            value => given.push(one(path, name, value)?),
        }
    }
    Ok(given)
}

/// The error itself would print the line.
fn malformed(path: &Path, text: &str, error: &toml::de::Error) -> ConfigError {
    let end = error.span().map_or(0, |span| span.start).min(text.len());
    let line = 1 + text.as_bytes()[..end].iter().filter(|byte| **byte == b'\n').count();
    ConfigError::Malformed { path: path.to_owned(), line, reason: error.message().to_owned() }
}

fn one(path: &Path, key: String, value: Value) -> Result<Given, ConfigError> {
    let origin = Origin::File(path.to_owned());
    match written(value) {
        Ok(text) => Ok(Given { key, text, origin }),
        Err(reason) => Err(ConfigError::Value { origin, key, reason }),
    }
}

/// The written form of a value, as a flag or a variable would have it.
fn written(value: Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text),
        Value::Integer(number) => Ok(number.to_string()),
        Value::Boolean(flag) => Ok(flag.to_string()),
        Value::Array(_) => {
            Err("is an array, must be a string; a list is one with commas: \"a, b\"".to_owned())
        }
        Value::Float(_) | Value::Datetime(_) | Value::Table(_) => {
            Err(format!("is a {}, must be a string, a whole number or a boolean", value.type_str()))
        }
    }
}
