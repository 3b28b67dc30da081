//! The data is the body; what else there is is in headers.

use bytes::Bytes;

use super::{
    Event, Unsendable,
    attribute::{self, Value},
    headers::Headers,
    text,
};

pub(super) fn write(event: &Event<'_>, headers: &mut Headers) -> Result<Bytes, Unsendable> {
    headers.set("content-type", event.content_type())?;
    attributes(attribute::all(event.message), headers)?;
    Ok(event.message.data.clone())
}

/// A header for each attribute. Two whose names differ in nothing but their case have two headers of one name.
pub(super) fn attributes<'a>(
    attributes: impl IntoIterator<Item = (&'a str, Value<'a>)>,
    headers: &mut Headers,
) -> Result<(), Unsendable> {
    for (name, value) in attributes {
        headers.add(&header_name(name), &text::in_header(&value.text()))?;
    }
    Ok(())
}

/// Headers have no case and little else than letters and digits; the other bytes are escaped as in values.
fn header_name(attribute: &str) -> String {
    let stays = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$&'*+-.^_`|~".contains(&byte);
    format!("fanfare-attribute-{}", text::escape(attribute, stays).to_ascii_lowercase())
}
