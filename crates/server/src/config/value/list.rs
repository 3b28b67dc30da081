//! Lists: one text, with commas between the entries. The empty text is the empty list.

use std::{fmt::Display, ops::RangeInclusive};

use push::Network;
use types::Invalid;

use super::{Value, quoted};

/// The entries, without the spaces around them.
fn entries<T>(text: &str, entry: impl Fn(&str) -> Result<T, String>) -> Result<Vec<T>, String> {
    if text.trim().is_empty() {
        return Ok(Vec::new());
    }
    text.split(',').map(|text| entry(text.trim())).collect()
}

fn joined(entries: impl Iterator<Item = impl Display>) -> String {
    quoted(&entries.map(|entry| entry.to_string()).collect::<Vec<_>>().join(", "))
}

impl Value for Vec<Network> {
    fn parse(text: &str) -> Result<Self, String> {
        entries(text, |entry| {
            let expected = |invalid: Invalid| {
                format!("must be networks such as 10.0.0.0/8, or addresses: {}", invalid.reason)
            };
            entry.parse().map_err(expected)
        })
    }

    fn show(&self) -> String {
        joined(self.iter())
    }
}

impl Value for Vec<String> {
    fn parse(text: &str) -> Result<Self, String> {
        entries(text, |entry| Ok(entry.to_owned()))
    }

    fn show(&self) -> String {
        joined(self.iter())
    }
}

/// Ports.
impl Value for Vec<RangeInclusive<u16>> {
    fn parse(text: &str) -> Result<Self, String> {
        entries(text, |entry| {
            let (first, last) = entry.split_once('-').unwrap_or((entry, entry));
            match (first.trim().parse(), last.trim().parse()) {
                (Ok(first), Ok(last)) => Ok(first..=last),
                _ => Err(format!("has {entry:?}, must have ports and ranges such as 443 or 1024-65535")),
            }
        })
    }

    fn show(&self) -> String {
        joined(self.iter().map(|ports| match (ports.start(), ports.end()) {
            (first, last) if first == last => first.to_string(),
            (first, last) => format!("{first}-{last}"),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_with_and_without_spaces_and_printed_with_them() {
        let networks = <Vec<Network> as Value>::parse("10.0.0.0/8,127.0.0.1 , ::1/128").unwrap();
        assert_eq!(networks.show(), "\"10.0.0.0/8, 127.0.0.1/32, ::1/128\"");
        let ports = <Vec<RangeInclusive<u16>> as Value>::parse("80,443, 1024 - 65535").unwrap();
        assert_eq!(ports, [80..=80, 443..=443, 1_024..=65_535]);
        assert_eq!(ports.show(), "\"80, 443, 1024-65535\"");
        assert_eq!(
            <Vec<String> as Value>::parse("a.example, *.b.example").unwrap(),
            ["a.example", "*.b.example"]
        );
        assert_eq!(<Vec<String> as Value>::parse(" ").unwrap().show(), "\"\"");
    }

    #[test]
    fn an_entry_that_is_none_is_named() {
        let network = |text| <Vec<Network> as Value>::parse(text).unwrap_err();
        assert!(network("10.0.0.0/8, nope").contains("\"nope\" does not begin with"));
        assert!(network("10.0.0.0/8,").contains("\"\""));
        for bad in ["x", "80-", "-80", "65536", "1-2-3", "80;81"] {
            assert!(<Vec<RangeInclusive<u16>> as Value>::parse(bad).unwrap_err().contains(bad), "{bad}");
        }
    }
}
