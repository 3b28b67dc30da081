use std::path::Path;

use toml::{Table, Value};

use super::{ConfigError, Given, Origin};

/// What a file gives: one value for each key, sections one level deep.
pub(super) fn read(path: &Path, text: &str) -> Result<Vec<Given>, ConfigError> {
    let table: Table = text
        .parse()
        .map_err(|error| ConfigError::Malformed { path: path.to_owned(), error: Box::new(error) })?;
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

fn one(path: &Path, key: String, value: Value) -> Result<Given, ConfigError> {
    let origin = Origin::File(path.to_owned());
    let text = match value {
        Value::String(text) => text,
        Value::Integer(number) => number.to_string(),
        Value::Boolean(flag) => flag.to_string(),
        Value::Float(_) | Value::Datetime(_) | Value::Array(_) | Value::Table(_) => {
            let reason = format!("is {}, must be a string or a whole number", value.type_str());
            return Err(ConfigError::Value { origin, key, reason });
        }
    };
    Ok(Given { key, text, origin })
}
