use std::{net::SocketAddr, path::PathBuf, time::Duration};

use types::Invalid;

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
    /// Messages in requests under way, of all endpoints together; past it each endpoint has one message at a time. 1 MiB to 64 GiB, default
    /// 256 MiB.
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
        Ok(())
    }
}
