//! Checks of single fields against `types::limits`. Each refusal names the field, what was found and what is allowed.

use std::{fmt, ops::RangeInclusive, str::FromStr};

use types::{AckId, Invalid, ProjectId, SubscriptionName, SubscriptionUid, TopicName, limits};

use crate::refusal::Refusal;

/// Which characters a text may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Charset {
    /// All but control characters.
    NoControl,
    /// What a header's value can hold: ASCII from space to tilde.
    PrintableAscii,
    /// The same without the space.
    VisibleAscii,
}

impl Charset {
    /// Whether there is nothing in the text but ASCII that is allowed. Nearly all texts are that, and bytes are quick to look at.
    fn allows_at_once(self, text: &[u8]) -> bool {
        match self {
            Self::NoControl | Self::PrintableAscii => text.iter().all(|byte| matches!(byte, b' '..=b'~')),
            Self::VisibleAscii => text.iter().all(u8::is_ascii_graphic),
        }
    }

    fn allows(self, c: char) -> bool {
        match self {
            Self::NoControl => !c.is_control(),
            Self::PrintableAscii => (' '..='~').contains(&c),
            Self::VisibleAscii => c.is_ascii_graphic(),
        }
    }

    fn describe(self) -> &'static str {
        match self {
            Self::NoControl => "characters that are no control characters",
            Self::PrintableAscii => "printable ASCII characters",
            Self::VisibleAscii => "visible ASCII characters",
        }
    }
}

/// A text that is empty (where that means "not given") or has at most `limit` bytes of these characters.
pub(crate) fn text(
    path: impl fmt::Display,
    value: &str,
    limit: usize,
    charset: Charset,
) -> Result<(), Refusal> {
    bytes(&path, value.as_bytes(), limit)?;
    if charset.allows_at_once(value.as_bytes()) {
        return Ok(());
    }
    match value.chars().find(|c| !charset.allows(*c)) {
        Some(c) => Err(Refusal::field(
            path,
            format_args!("has the character {c:?}, must have {}", charset.describe()),
        )),
        None => Ok(()),
    }
}

/// At most `limit` bytes.
pub(crate) fn bytes(path: impl fmt::Display, value: &[u8], limit: usize) -> Result<(), Refusal> {
    if value.len() <= limit {
        return Ok(());
    }
    Err(Refusal::field(path, format_args!("has {} bytes, the limit is {limit}", value.len())))
}

/// A count that stands for its default when it is zero.
pub(crate) fn count<T>(path: impl fmt::Display, value: T, default: T, limit: T) -> Result<T, Refusal>
where
    T: Copy + PartialOrd + Default + fmt::Display,
{
    if value > limit {
        return Err(Refusal::field(path, format_args!("is {value}, the limit is {limit}")));
    }
    Ok(if value == T::default() { default } else { value })
}

/// A number that is counted from one.
pub(crate) fn numbered(path: impl fmt::Display, number: u64) -> Result<(), Refusal> {
    if number == 0 { Err(Refusal::field(path, "is 0, must be 1 or more")) } else { Ok(()) }
}

/// A list's length.
pub(crate) fn length(
    path: impl fmt::Display,
    found: usize,
    allowed: RangeInclusive<usize>,
) -> Result<(), Refusal> {
    if allowed.contains(&found) {
        return Ok(());
    }
    let why = format_args!("has {found} entries, must have {} to {}", allowed.start(), allowed.end());
    Err(Refusal::field(path, why))
}

/// An enum's number that the broker knows.
pub(crate) fn known<E: TryFrom<i32>>(path: impl fmt::Display, number: i32) -> Result<E, Refusal> {
    E::try_from(number)
        .map_err(|_| Refusal::field(path, format_args!("is {number}, which is no known value")))
}

/// A message that must be there.
pub(crate) fn present<T>(path: impl fmt::Display, value: Option<T>) -> Result<T, Refusal> {
    value.ok_or_else(|| Refusal::field(path, "is required"))
}

pub(crate) fn topic(path: impl fmt::Display, text: &str) -> Result<TopicName, Refusal> {
    name(path, text)
}

pub(crate) fn subscription(path: impl fmt::Display, text: &str) -> Result<SubscriptionName, Refusal> {
    name(path, text)
}

/// A project; empty is the default one.
pub(crate) fn project(path: impl fmt::Display, text: &str) -> Result<ProjectId, Refusal> {
    if text.is_empty() { Ok(ProjectId::default()) } else { name(path, text) }
}

fn name<N: FromStr<Err = Invalid>>(path: impl fmt::Display, text: &str) -> Result<N, Refusal> {
    text.parse().map_err(|invalid: Invalid| Refusal::field(path, invalid.reason))
}

/// The ack IDs of a unary request.
pub(crate) fn ack_ids(texts: &[String]) -> Result<Vec<AckId>, Refusal> {
    length("ack_ids", texts.len(), 1..=limits::ACK_IDS)?;
    texts.iter().enumerate().map(|(index, text)| ack_id(format_args!("ack_ids[{index}]"), text)).collect()
}

/// One ack ID.
pub(crate) fn ack_id(path: impl fmt::Display, text: &str) -> Result<AckId, Refusal> {
    text.parse().map_err(|_| Refusal::field(path, "is no ack ID that this broker gave out"))
}

/// The token that an endpoint confirms with. It is no secret any more once it is wrong, but nothing shows it.
pub(crate) fn incarnation(path: impl fmt::Display, text: &str) -> Result<SubscriptionUid, Refusal> {
    let uid = text.parse().map(SubscriptionUid);
    uid.map_err(|_| Refusal::field(path, "is no incarnation of a subscription, which is a whole number"))
}

pub(crate) fn confirmation_token(path: impl fmt::Display, text: &str) -> Result<(), Refusal> {
    let base64 = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
    if base64 && text.len() == limits::CONFIRMATION_TOKEN_CHARS {
        return Ok(());
    }
    let why = format_args!(
        "must be the {} characters that the endpoint got (base64url)",
        limits::CONFIRMATION_TOKEN_CHARS
    );
    Err(Refusal::field(path, why))
}

/// An ack ID that some other subscription gave out.
pub(crate) fn other_subscription(path: impl fmt::Display) -> Refusal {
    Refusal::field(path, "belongs to another subscription, or to an earlier one of the same name")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_measured_in_bytes() {
        assert!(text("f", "ää", 4, Charset::NoControl).is_ok());
        let refusal = text("f", "äää", 4, Charset::NoControl).unwrap_err();
        assert!(format!("{refusal:?}").contains("has 6 bytes, the limit is 4"));
    }

    #[test]
    fn each_set_of_characters_ends_where_it_says() {
        let allowed = |charset, value: &str| text("f", value, 100, charset).is_ok();
        assert!(allowed(Charset::NoControl, "Grüße 1\u{1f600}") && !allowed(Charset::NoControl, "a\nb"));
        assert!(
            allowed(Charset::PrintableAscii, "text/plain; a=b ~") && !allowed(Charset::PrintableAscii, "ü")
        );
        assert!(allowed(Charset::VisibleAscii, "!az~") && !allowed(Charset::VisibleAscii, "a b"));
        assert!(!allowed(Charset::VisibleAscii, "\u{7f}") && !allowed(Charset::NoControl, "\u{85}"));
    }

    #[test]
    fn zero_stands_for_the_default_and_the_limit_is_allowed() {
        assert_eq!(count("f", 0, 100, 1_000).unwrap(), 100);
        assert_eq!(count("f", 1_000, 100, 1_000).unwrap(), 1_000);
        assert!(count("f", 1_001, 100, 1_000).is_err());
    }
}
