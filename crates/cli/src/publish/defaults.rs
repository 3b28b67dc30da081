use std::time::Duration;

use clap::Args;
use fanfare_client::proto::{AttributeValue, NewMessage, attribute_value::Value};

use crate::{Error, value};

/// What every message gets that does not say it itself.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Message")]
pub(crate) struct Defaults {
    /// A text attribute; may be repeated.
    #[arg(long = "attr", short = 'a', value_name = "NAME=VALUE", value_parser = value::pair)]
    attributes: Vec<(String, String)>,
    /// An attribute that is a number; may be repeated.
    #[arg(long = "number", value_name = "NAME=NUMBER", value_parser = number)]
    numbers: Vec<(String, f64)>,
    /// Ordering key.
    #[arg(long, short, value_name = "KEY", default_value = "", hide_default_value = true)]
    key: String,
    /// Correlation ID [default: one that is made].
    #[arg(long, value_name = "ID", default_value = "", hide_default_value = true)]
    correlation_id: String,
    /// Deduplication ID, of one message [default: one that is made].
    #[arg(long, value_name = "ID", default_value = "", hide_default_value = true)]
    deduplication_id: String,
    /// Media type of the data.
    #[arg(long, value_name = "TYPE", default_value = "", hide_default_value = true)]
    content_type: String,
    /// Group ID.
    #[arg(long, value_name = "ID", default_value = "", hide_default_value = true)]
    group: String,
    /// Deliver after so long: at most 30d.
    #[arg(long, value_name = "DURATION", value_parser = value::duration)]
    deliver_after: Option<Duration>,
    /// Expire after so long: at most 365d.
    #[arg(long, value_name = "DURATION", value_parser = value::duration)]
    expire_after: Option<Duration>,
}

fn number(text: &str) -> Result<(String, f64), String> {
    let (name, value) = value::pair(text)?;
    let number: f64 = value.parse().map_err(|_| format!("{value:?} is no number"))?;
    match number.is_finite() {
        true => Ok((name, number)),
        false => Err(format!("{value:?} is not finite")),
    }
}

impl Defaults {
    /// One deduplication ID for many messages would store the first alone.
    pub(crate) fn check_for_many(&self, is_one: bool) -> Result<(), Error> {
        match self.deduplication_id.is_empty() || is_one {
            true => Ok(()),
            false => Err(Error::Usage(
                "--deduplication-id is for one message; lines of --json-lines have their own".to_owned(),
            )),
        }
    }

    /// The message with what it does not say itself.
    pub(crate) fn under(&self, mut message: NewMessage) -> NewMessage {
        let is_there = |message: &NewMessage, name: &String| {
            message.attributes.contains_key(name) || message.typed_attributes.contains_key(name)
        };
        for (name, text) in &self.attributes {
            if !is_there(&message, name) {
                message.attributes.insert(name.clone(), text.clone());
            }
        }
        for (name, number) in &self.numbers {
            if !is_there(&message, name) {
                let value = AttributeValue { value: Some(Value::Number(*number)) };
                message.typed_attributes.insert(name.clone(), value);
            }
        }
        let fields = [
            (&mut message.ordering_key, &self.key),
            (&mut message.correlation_id, &self.correlation_id),
            (&mut message.deduplication_id, &self.deduplication_id),
            (&mut message.content_type, &self.content_type),
            (&mut message.group_id, &self.group),
        ];
        for (field, default) in fields {
            if field.is_empty() {
                field.clone_from(default);
            }
        }
        message.deliver_after = message.deliver_after.or(self.deliver_after.map(value::proto_duration));
        message.expire_after = message.expire_after.or(self.expire_after.map(value::proto_duration));
        message
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_message_says_itself_goes_before_the_flags() {
        let defaults = Defaults {
            attributes: vec![("a".to_owned(), "flag".to_owned()), ("b".to_owned(), "flag".to_owned())],
            key: "flag".to_owned(),
            content_type: "flag".to_owned(),
            ..Defaults::default()
        };
        let message = NewMessage {
            attributes: [("a".to_owned(), "own".to_owned())].into(),
            ordering_key: "own".to_owned(),
            ..NewMessage::default()
        };
        let message = defaults.under(message);
        assert_eq!((message.attributes["a"].as_str(), message.attributes["b"].as_str()), ("own", "flag"));
        assert_eq!((message.ordering_key.as_str(), message.content_type.as_str()), ("own", "flag"));
    }

    #[test]
    fn one_deduplication_id_for_many_messages_is_refused() {
        let defaults = Defaults { deduplication_id: "d".to_owned(), ..Defaults::default() };
        assert!(matches!(defaults.check_for_many(false), Err(Error::Usage(_))));
        assert!(defaults.check_for_many(true).is_ok());
    }

    #[test]
    fn a_number_must_be_finite() {
        assert_eq!(number("a=-1.5e3"), Ok(("a".to_owned(), -1500.0)));
        assert!(number("a=inf").is_err() && number("a=x").is_err() && number("1").is_err());
    }
}
