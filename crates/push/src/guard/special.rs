//! Addresses that are no place on the public Internet.
//!
//! The sources are IANA's registries of special-purpose IPv4 and IPv6 addresses and of the IPv6 address space, and the addresses at which
//! clouds answer questions about the machine itself.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

type V4 = ([u8; 4], u8, &'static str);
type V6 = ([u16; 8], u8, &'static str);

const SPECIAL_V4: &[V4] = &[
    ([0, 0, 0, 0], 8, "this network, 0.0.0.0/8 (RFC 791)"),
    ([10, 0, 0, 0], 8, "private, 10.0.0.0/8 (RFC 1918)"),
    ([100, 64, 0, 0], 10, "shared by a carrier's customers, 100.64.0.0/10 (RFC 6598)"),
    ([127, 0, 0, 0], 8, "loopback, 127.0.0.0/8 (RFC 1122)"),
    ([169, 254, 0, 0], 16, "link-local, 169.254.0.0/16 (RFC 3927)"),
    ([172, 16, 0, 0], 12, "private, 172.16.0.0/12 (RFC 1918)"),
    ([192, 0, 0, 0], 24, "for IETF protocols, 192.0.0.0/24 (RFC 6890)"),
    ([192, 0, 2, 0], 24, "for documentation, 192.0.2.0/24 (RFC 5737)"),
    ([192, 31, 196, 0], 24, "AS112, 192.31.196.0/24 (RFC 7535)"),
    ([192, 52, 193, 0], 24, "AMT, 192.52.193.0/24 (RFC 7450)"),
    ([192, 88, 99, 0], 24, "6to4 relays, 192.88.99.0/24 (RFC 7526)"),
    ([192, 168, 0, 0], 16, "private, 192.168.0.0/16 (RFC 1918)"),
    ([192, 175, 48, 0], 24, "AS112, 192.175.48.0/24 (RFC 7534)"),
    ([198, 18, 0, 0], 15, "for benchmarks, 198.18.0.0/15 (RFC 2544)"),
    ([198, 51, 100, 0], 24, "for documentation, 198.51.100.0/24 (RFC 5737)"),
    ([203, 0, 113, 0], 24, "for documentation, 203.0.113.0/24 (RFC 5737)"),
    ([224, 0, 0, 0], 4, "multicast, 224.0.0.0/4 (RFC 5771)"),
    ([240, 0, 0, 0], 4, "reserved or broadcast, 240.0.0.0/4 (RFC 1112)"),
];

const SPECIAL_V6: &[V6] = &[
    ([0x64, 0xff9b, 0, 0, 0, 0, 0, 0], 96, "NAT64, 64:ff9b::/96 (RFC 6052)"),
    ([0x64, 0xff9b, 1, 0, 0, 0, 0, 0], 48, "NAT64, 64:ff9b:1::/48 (RFC 8215)"),
    ([0x100, 0, 0, 0, 0, 0, 0, 0], 64, "discarded, 100::/64 (RFC 6666)"),
    ([0x2001, 0, 0, 0, 0, 0, 0, 0], 32, "Teredo, 2001::/32 (RFC 4380)"),
    ([0x2001, 0x10, 0, 0, 0, 0, 0, 0], 28, "ORCHID, 2001:10::/28 (RFC 4843)"),
    ([0x2001, 0x20, 0, 0, 0, 0, 0, 0], 28, "ORCHIDv2, 2001:20::/28 (RFC 7343)"),
    ([0x2001, 0, 0, 0, 0, 0, 0, 0], 23, "for IETF protocols, 2001::/23 (RFC 2928)"),
    ([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32, "for documentation, 2001:db8::/32 (RFC 3849)"),
    ([0x2002, 0, 0, 0, 0, 0, 0, 0], 16, "6to4, 2002::/16 (RFC 3056)"),
    ([0x2620, 0x4f, 0x8000, 0, 0, 0, 0, 0], 48, "AS112, 2620:4f:8000::/48 (RFC 7534)"),
    ([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20, "for documentation, 3fff::/20 (RFC 9637)"),
    ([0x5f00, 0, 0, 0, 0, 0, 0, 0], 16, "SRv6 segments, 5f00::/16 (RFC 9602)"),
    ([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7, "private, fc00::/7 (RFC 4193)"),
    ([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10, "link-local, fe80::/10 (RFC 4291)"),
    ([0xfec0, 0, 0, 0, 0, 0, 0, 0], 10, "site-local, fec0::/10 (RFC 3879)"),
    ([0xff00, 0, 0, 0, 0, 0, 0, 0], 8, "multicast, ff00::/8 (RFC 4291)"),
    ([0, 0, 0, 0, 0, 0, 0, 1], 128, "loopback, ::1 (RFC 4291)"),
    ([0, 0, 0, 0, 0, 0, 0, 0], 96, "IPv4-compatible, ::/96 (RFC 4291)"),
];

/// What is given out to networks of the public Internet so far: all other space is reserved (RFC 4291, section 2.4).
const GLOBAL_V6: V6 = ([0x2000, 0, 0, 0, 0, 0, 0, 0], 3, "");

/// Where a cloud tells a machine about itself, credentials included.
const METADATA: &[IpAddr] = &[
    // AWS, Google Cloud, Azure, Oracle, DigitalOcean and others.
    IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254)),
    // AWS: credentials of containers and pods.
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 2)),
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 23)),
    // Azure: the platform's own server, at a public address.
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
    // Alibaba Cloud.
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    // Oracle Cloud, classic.
    IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192)),
    // AWS, instances and pods.
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23)),
    // Google Cloud, machines without IPv4.
    IpAddr::V6(Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)),
];

/// Whether a cloud's metadata are there.
pub(super) fn is_metadata(address: IpAddr) -> bool {
    METADATA.contains(&address)
}

/// Why an address is denied unless the operator allows it; none if it is public. Takes canonical addresses.
pub(super) fn rule(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(address) => SPECIAL_V4.iter().find(|special| within_v4(address, special)).map(|it| it.2),
        IpAddr::V6(address) => {
            SPECIAL_V6.iter().find(|special| within_v6(address, special)).map(|it| it.2).or_else(|| {
                (!within_v6(address, &GLOBAL_V6)).then_some("reserved, outside 2000::/3 (RFC 4291)")
            })
        }
    }
}

/// The IPv4 address that what translates or tunnels makes of an IPv6 address: NAT64 (RFC 6052, the well-known prefix), 6to4 and
/// IPv4-compatible addresses.
pub(super) fn inside(address: IpAddr) -> Option<Ipv4Addr> {
    let IpAddr::V6(address) = address else { return None };
    let from = |first: usize| {
        let octets = address.octets();
        Some(Ipv4Addr::new(octets[first], octets[first + 1], octets[first + 2], octets[first + 3]))
    };
    match address.segments() {
        [0x64, 0xff9b, 0, 0, 0, 0, ..] => from(12),
        [0x2002, ..] => from(2),
        [0, 0, 0, 0, 0, 0, ..] if !address.is_loopback() => from(12),
        _ => None,
    }
}

fn within_v4(address: Ipv4Addr, (network, bits, _): &V4) -> bool {
    (u32::from(address) ^ u32::from(Ipv4Addr::from(*network))) >> (32 - bits) == 0
}

fn within_v6(address: Ipv6Addr, (network, bits, _): &V6) -> bool {
    (u128::from(address) ^ u128::from(Ipv6Addr::from(*network))) >> (128 - bits) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn denied(address: &str) -> bool {
        rule(address.parse().unwrap()).is_some()
    }

    #[test]
    fn both_ends_of_each_special_ipv4_network_are_denied_and_what_is_beside_it_is_as_it_is() {
        for (network, bits, name) in SPECIAL_V4 {
            let first = u32::from(Ipv4Addr::from(*network));
            let last = first | (u32::MAX >> bits);
            for address in [first, last] {
                assert!(rule(Ipv4Addr::from(address).into()).is_some(), "{name}");
            }
        }
        for public in [
            "1.0.0.0",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "169.253.255.255",
            "169.255.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.0",
            "192.0.3.0",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "8.8.8.8",
        ] {
            assert!(!denied(public), "{public}");
        }
    }

    #[test]
    fn both_ends_of_each_special_ipv6_network_are_denied_and_public_addresses_are_not() {
        for (network, bits, name) in SPECIAL_V6 {
            let first = u128::from(Ipv6Addr::from(*network));
            let last = first | u128::MAX.checked_shr(u32::from(*bits)).unwrap_or(0);
            for address in [first, last] {
                assert!(rule(Ipv6Addr::from(address).into()).is_some(), "{name}");
            }
        }
        for public in ["2001:200::1", "2606:4700::1111", "2a00:1450::1", "2003::1", "2001:db7::1", "3ffe::1"]
        {
            assert!(!denied(public), "{public}");
        }
    }

    #[test]
    fn ipv6_space_that_nobody_has_is_denied() {
        for reserved in
            ["200::1", "1000::1", "4000::1", "8000::1", "e000::1", "f000::1", "fe00::1", "::2:0:0"]
        {
            assert!(denied(reserved), "{reserved}");
        }
    }
}
