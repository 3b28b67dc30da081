//! Blocks of addresses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A block of addresses: the host bits of `network` are zero.
///
/// An IPv4-mapped IPv6 address (`::ffff:10.0.0.1`) is the IPv4 address, in policies and in values: that is how a server that listens on
/// both sees its IPv4 clients. A block of IPv6 addresses therefore holds no IPv4 address, `::/0` included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Cidr {
    pub(crate) network: IpAddr,
    pub(crate) prefix: u8,
}

/// The longest spelling of an address, an IPv6 one that ends in an IPv4 one.
const LONGEST: usize = "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255".len();

/// The address that a value is, if it is one: every spelling of IPv6, IPv4 in four decimal parts; no zone, port or brackets.
pub(crate) fn address(value: &str) -> Option<IpAddr> {
    let address: IpAddr = (value.len() <= LONGEST).then(|| value.parse().ok())??;
    Some(address.to_canonical())
}

impl Cidr {
    /// The block around an address; `None` if the address has fewer bits than `prefix`.
    pub(crate) fn new(address: IpAddr, prefix: u8) -> Option<Self> {
        let (address, prefix) = match address {
            IpAddr::V6(v6) if prefix >= 96 => {
                v6.to_ipv4_mapped().map_or((address, prefix), |v4| (IpAddr::V4(v4), prefix - 96))
            }
            _ => (address, prefix),
        };
        let network = masked(address, prefix)?;
        Some(Self { network, prefix })
    }

    pub(crate) fn contains(&self, address: IpAddr) -> bool {
        address.is_ipv4() == self.network.is_ipv4() && masked(address, self.prefix) == Some(self.network)
    }
}

/// The address with only its first bits kept; `None` if it has not that many.
pub(crate) fn masked(address: IpAddr, prefix: u8) -> Option<IpAddr> {
    match address {
        IpAddr::V4(v4) => {
            let host = 32_u32.checked_sub(prefix.into())?;
            let mask = u32::MAX.checked_shl(host).unwrap_or(0);
            Some(Ipv4Addr::from_bits(v4.to_bits() & mask).into())
        }
        IpAddr::V6(v6) => {
            let host = 128_u32.checked_sub(prefix.into())?;
            let mask = u128::MAX.checked_shl(host).unwrap_or(0);
            Some(Ipv6Addr::from_bits(v6.to_bits() & mask).into())
        }
    }
}
