//! Hosts that are trusted, as they are written: `example.com`, `*.example.com`, `192.0.2.7`, `[2001:db8::7]`.

use std::net::Ipv6Addr;

use types::Invalid;

/// Characters of a name and of a label (RFC 1035, section 2.3.4).
const NAME: usize = 253;
const LABEL: usize = 63;

/// Only what a host in a URL can be; a scheme, a port or a path would never be equal to one.
pub(super) fn check(field: &str, host: &str) -> Result<(), Invalid> {
    let bracketed = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let is_host = match bracketed {
        Some(address) => address.parse::<Ipv6Addr>().is_ok(),
        None => is_name(host.strip_prefix("*.").unwrap_or(host)),
    };
    if is_host {
        return Ok(());
    }
    let why = format!(
        "has {host:?}, must be a host, such as example.com, *.example.com or 192.0.2.7, without a port"
    );
    Err(Invalid::new(field, why))
}

/// A name or an IPv4 address.
fn is_name(text: &str) -> bool {
    let legal = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let label = |label: &str| (1..=LABEL).contains(&label.len()) && label.chars().all(legal);
    text.len() <= NAME && text.split('.').all(label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_names_addresses_and_all_below_a_name() {
        for good in ["localhost", "Example.com", "*.example.com", "a-b_c.d", "192.0.2.7", "[2001:db8::7]"] {
            assert_eq!(check("f", good), Ok(()), "{good}");
        }
        let long = format!("{}.example", "x".repeat(64));
        for bad in [
            "",
            "*",
            "*.",
            "a..b",
            ".a",
            "a.",
            "https://a",
            "a:80",
            "a/b",
            "a b",
            "*.*.a",
            "a.*",
            "2001:db8::7",
            "[::1",
            "[a]",
            "ä.example",
            &long,
            &"a.".repeat(200),
        ] {
            assert_eq!(check("f", bad).unwrap_err().field, "f", "{bad}");
        }
    }
}
