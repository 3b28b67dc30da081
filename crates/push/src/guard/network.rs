//! Networks as an operator writes them.

use std::{fmt, net::IpAddr, str::FromStr};

use types::Invalid;

use crate::Network;

impl Network {
    /// Whether it is one of them. An IPv4 address is the same whether it is written as itself or inside an IPv6 address.
    pub fn contains(self, address: IpAddr) -> bool {
        let network = self.canonical();
        match (network.address, address.to_canonical()) {
            (IpAddr::V4(network_address), IpAddr::V4(address)) => common(
                u32::from(network_address).into(),
                u32::from(address).into(),
                32_u8.saturating_sub(network.bits),
            ),
            (IpAddr::V6(network_address), IpAddr::V6(address)) => {
                common(network_address.into(), address.into(), 128_u8.saturating_sub(network.bits))
            }
            _ => false,
        }
    }

    /// Whether it is this one address and no other.
    pub fn is_host(self, address: IpAddr) -> bool {
        let network = self.canonical();
        let bits = if network.address.is_ipv4() { 32 } else { 128 };
        network.bits >= bits && network.address == address.to_canonical()
    }

    /// `::ffff:10.0.0.0/104` is `10.0.0.0/8`.
    fn canonical(self) -> Self {
        match self.address.to_canonical() {
            address @ IpAddr::V4(_) if self.address.is_ipv6() && self.bits >= 96 => {
                Self { address, bits: self.bits - 96 }
            }
            _ => self,
        }
    }
}

/// Whether two addresses differ in their last bits only.
fn common(one: u128, other: u128, last: u8) -> bool {
    (one ^ other).checked_shr(last.into()).unwrap_or(0) == 0
}

impl FromStr for Network {
    type Err = Invalid;

    /// `10.0.0.0/8`, `fd00::/8`, or an address for it alone.
    fn from_str(text: &str) -> Result<Self, Invalid> {
        let bad = |why: &str| Invalid::new("network", format!("{text:?} {why}"));
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| bad("does not begin with an IP address"))?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = match bits {
            Some(bits) => bits.parse().map_err(|_| bad("does not end with a number of bits"))?,
            None => most,
        };
        if bits > most {
            return Err(bad(&format!("has more than {most} bits")));
        }
        Ok(Self { address, bits })
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(text: &str) -> Network {
        text.parse().unwrap()
    }

    fn contains(network_text: &str, address: &str) -> bool {
        network(network_text).contains(address.parse().unwrap())
    }

    #[test]
    fn a_network_contains_the_addresses_that_begin_like_it() {
        assert!(contains("10.0.0.0/8", "10.255.255.255"));
        assert!(!contains("10.0.0.0/8", "11.0.0.0"));
        assert!(contains("172.16.0.0/12", "172.31.0.1"));
        assert!(!contains("172.16.0.0/12", "172.32.0.1"));
        assert!(contains("fd00::/8", "fdff::1"));
        assert!(!contains("fd00::/8", "fc00::1"));
        assert!(contains("0.0.0.0/0", "8.8.8.8") && !contains("0.0.0.0/0", "2606::1"));
        assert!(contains("::/0", "2606::1"));
        assert!(contains("10.0.0.1", "10.0.0.1") && !contains("10.0.0.1", "10.0.0.2"));
    }

    #[test]
    fn an_address_inside_an_ipv6_address_is_the_same_address() {
        assert!(contains("10.0.0.0/8", "::ffff:10.1.2.3"));
        assert!(contains("::ffff:10.0.0.0/104", "10.1.2.3"));
        assert!(!contains("::ffff:10.0.0.0/104", "11.1.2.3"));
    }

    #[test]
    fn a_host_is_a_network_of_one() {
        assert!(network("10.0.0.1/32").is_host("10.0.0.1".parse().unwrap()));
        assert!(!network("10.0.0.1/31").is_host("10.0.0.1".parse().unwrap()));
        assert!(network("fd00::1").is_host("fd00::1".parse().unwrap()));
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for text in ["", "/", "10.0.0.0/", "10.0.0.0/33", "::/129", "10.0.0/8", "example.com", "10.0.0.0/-1"]
        {
            assert!(text.parse::<Network>().is_err(), "{text}");
        }
    }
}
