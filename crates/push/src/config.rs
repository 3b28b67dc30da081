mod hosts;

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use types::Invalid;

/// Entries of one list.
const ENTRIES: usize = 1_000;

/// What an operator chooses about push delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// `http://` and `grpc://` endpoints are allowed. Default no.
    pub allow_http: bool,
    /// Networks that may be connected to although the guard denies them by default (private, loopback, …). CIDR. Default none.
    pub allow_networks: Vec<Network>,
    /// Networks that must not be connected to, in addition to those denied by default; goes before `allow_networks`. Default none.
    pub deny_networks: Vec<Network>,
    /// Ports that may be connected to. Default 80, 443 and 1024 to 65535.
    pub allow_ports: Vec<std::ops::RangeInclusive<u16>>,
    /// Hosts whose endpoints need not confirm and need not be reachable when they are named; `*.example.com` is every host below. Default none.
    pub trusted_hosts: Vec<String>,
    /// Certificates in PEM that endpoints' may lead up to, in addition to those that the system trusts. Default none.
    pub ca_file: Option<PathBuf>,
    /// Time for resolving, connecting and the TLS handshake together. 100 ms to 1 min, default 5 s.
    pub connect_timeout: Duration,
    /// Messages in requests under way, of all endpoints together: half for who comes first, half in equal shares. An endpoint with no room left has
    /// one message at a time. 1 MiB to 64 GiB, default 256 MiB.
    pub max_in_flight_bytes: u64,
    /// The broker's own ports, which are never an endpoint. No key of the configuration.
    pub own_addresses: Vec<SocketAddr>,
}

/// Addresses with a common beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    /// One of them.
    pub address: std::net::IpAddr,
    /// Bits that they have in common: at most 32 or 128.
    pub bits: u8,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            allow_http: false,
            allow_networks: Vec::new(),
            deny_networks: Vec::new(),
            allow_ports: vec![80..=80, 443..=443, 1_024..=65_535],
            trusted_hosts: Vec::new(),
            ca_file: None,
            connect_timeout: Duration::from_secs(5),
            max_in_flight_bytes: 256 << 20,
            own_addresses: Vec::new(),
        }
    }
}

impl Config {
    /// Checks every value against its limits.
    ///
    /// # Errors
    /// The first that breaks a rule.
    pub fn validate(&self) -> Result<(), Invalid> {
        let (least, most) = (Duration::from_millis(100), Duration::from_secs(60));
        if !(least..=most).contains(&self.connect_timeout) {
            return Err(Invalid::new(
                "connect_timeout",
                format!("is {:?}, must be {least:?} to {most:?}", self.connect_timeout),
            ));
        }
        if !((1 << 20)..=(64 << 30)).contains(&self.max_in_flight_bytes) {
            return Err(Invalid::new(
                "max_in_flight_bytes",
                format!("is {}, must be 1 MiB to 64 GiB", self.max_in_flight_bytes),
            ));
        }
        at_most("allow_networks", self.allow_networks.len())?;
        at_most("deny_networks", self.deny_networks.len())?;
        at_most("trusted_hosts", self.trusted_hosts.len())?;
        self.trusted_hosts.iter().try_for_each(|host| hosts::check("trusted_hosts", host))?;
        self.validate_ports()
    }

    fn validate_ports(&self) -> Result<(), Invalid> {
        at_most("allow_ports", self.allow_ports.len())?;
        let wrong = |range: &&std::ops::RangeInclusive<u16>| *range.start() == 0 || range.is_empty();
        match self.allow_ports.iter().find(wrong) {
            _ if self.allow_ports.is_empty() => {
                Err(Invalid::new("allow_ports", "is empty, must have a port or a range of them"))
            }
            Some(range) => {
                let why = format!("has {}-{}, must be 1 to 65535, rising", range.start(), range.end());
                Err(Invalid::new("allow_ports", why))
            }
            None => Ok(()),
        }
    }
}

fn at_most(field: &str, found: usize) -> Result<(), Invalid> {
    if found <= ENTRIES {
        return Ok(());
    }
    Err(Invalid::new(field, format!("has {found} entries, the limit is {ENTRIES}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(change: impl FnOnce(&mut Config)) -> String {
        let mut config = Config::default();
        change(&mut config);
        config.validate().unwrap_err().to_string()
    }

    #[test]
    fn the_defaults_are_valid() {
        assert_eq!(Config::default().validate(), Ok(()));
    }

    #[test]
    fn a_value_out_of_its_limits_is_named() {
        let millis = Duration::from_millis;
        assert!(refused(|c| c.connect_timeout = millis(99)).starts_with("connect_timeout: is 99ms"));
        assert!(refused(|c| c.max_in_flight_bytes = 1).starts_with("max_in_flight_bytes: is 1,"));
        assert!(refused(|c| c.allow_ports.clear()).starts_with("allow_ports: is empty"));
        assert!(refused(|c| c.allow_ports.push(0..=1)).starts_with("allow_ports: has 0-1"));
        #[allow(clippy::reversed_empty_ranges, reason = "that is the point")]
        let empty = 443..=80;
        assert!(refused(|c| c.allow_ports.push(empty)).starts_with("allow_ports: has 443-80"));
        let many = vec!["10.0.0.0/8".parse().unwrap(); 1_001];
        assert!(refused(|c| c.deny_networks = many).starts_with("deny_networks: has 1001 entries"));
        assert!(refused(|c| c.trusted_hosts = vec!["a b".into()]).starts_with("trusted_hosts: has \"a b\""));
    }
}
