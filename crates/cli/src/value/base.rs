use std::path::Path;

use prost::Message;
use serde_json::Value;

use crate::{Error, connect, output::json};

/// Settings to begin with, from a file with JSON of the API, and the paths that it names. Without a file: defaults, and none.
pub(crate) fn base<M: Message + Default>(kind: &str, path: Option<&Path>) -> Result<(M, Vec<String>), Error> {
    let Some(path) = path else { return Ok((M::default(), Vec::new())) };
    let text = connect::read(path)?;
    let wrong = |why: String| Error::Usage(format!("{}: {why}", path.display()));
    let settings = json::read(kind, &text).map_err(wrong)?;
    let value: Value = serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
    let names = value.as_object().into_iter().flat_map(|object| object.keys());
    Ok((settings, names.map(|name| snake_case(name)).collect()))
}

/// `ackDeadline` is `ack_deadline`.
fn snake_case(name: &str) -> String {
    let letter = |letter: char| match letter.is_ascii_uppercase() {
        true => format!("_{}", letter.to_ascii_lowercase()),
        false => letter.to_string(),
    };
    name.chars().map(letter).collect()
}

/// Nothing is set and reset at once.
pub(crate) fn no_contradiction(mask: &[String], reset: &[String]) -> Result<(), Error> {
    match reset.iter().find(|path| mask.contains(path)) {
        Some(path) => Err(Error::Usage(format!("{path} is both set and reset"))),
        None => Ok(()),
    }
}

/// A JSON text that is given as it is, or a file that has it.
pub(crate) fn text_or_file(given: &str) -> Result<String, Error> {
    match given.trim_start().starts_with('{') {
        true => Ok(given.to_owned()),
        false => connect::read(Path::new(given)),
    }
}

#[cfg(test)]
mod tests {
    use fanfare_client::proto::TopicSettings;

    use super::*;

    #[test]
    fn a_file_of_settings_names_what_is_in_it() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(&file, r#"{"keepSettled": true, "deduplication_window": "60s"}"#).unwrap();
        let (settings, mask) = base::<TopicSettings>("TopicSettings", Some(file.path())).unwrap();
        assert!(settings.keep_settled);
        assert_eq!(mask, ["deduplication_window", "keep_settled"]);
    }

    #[test]
    fn a_file_that_is_wrong_is_named() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(&file, "{\"keepSetled\": true}").unwrap();
        let error = base::<TopicSettings>("TopicSettings", Some(file.path())).unwrap_err().to_string();
        assert!(error.contains("keepSetled") && error.contains(file.path().to_str().unwrap()), "{error}");
    }
}
