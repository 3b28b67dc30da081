//! What may be connected to.
//!
//! # Invariants
//!
//! - An endpoint's address is read once, into a [`Target`]; what is connected to is that target, and nothing reads the text again.
//! - Every address is checked before a connection is made to it, and a name with one denied address is denied as a whole.
//! - What is not understood is refused: there is no way of writing an address that is checked as one thing and used as another.
//!
//! The order of the rules, first match counts: the broker's own ports; no address at all (`0.0.0.0`, `::`); the operator's
//! `deny_networks`; a cloud's metadata, unless the operator allows exactly that address; the same rules for an IPv4 address that a translator
//! would make of it (NAT64, 6to4, IPv4-compatible); `allow_networks`; the built-in list.

mod network;
mod own;
mod special;
mod target;

use std::{
    net::{IpAddr, SocketAddr},
    ops::RangeInclusive,
};

pub use own::BrokerAddresses;
pub use target::{Host, Scheme, Target, UrlError};

use crate::{Config, Network};

/// The rules of one operator.
#[derive(Debug, Clone)]
pub struct Guard {
    allow_http: bool,
    allow: Vec<Network>,
    deny: Vec<Network>,
    ports: Vec<RangeInclusive<u16>>,
    trusted: Vec<String>,
    own: Vec<SocketAddr>,
    broker: BrokerAddresses,
}

/// An address that must not be connected to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{address} must not be connected to: {rule}")]
pub struct Denied {
    /// Which.
    pub address: IpAddr,
    /// The rule that says so.
    pub rule: String,
}

impl Guard {
    /// The rules of a configuration.
    pub fn new(config: &Config) -> Self {
        Self {
            allow_http: config.allow_http,
            allow: config.allow_networks.clone(),
            deny: config.deny_networks.clone(),
            ports: config.allow_ports.clone(),
            trusted: config.trusted_hosts.iter().map(|host| plain(host)).collect(),
            own: config.own_addresses.clone(),
            broker: BrokerAddresses::default(),
        }
    }

    /// The same, of a worker whose broker is there.
    pub(crate) fn beside(self, broker: BrokerAddresses) -> Self {
        Self { broker, ..self }
    }

    /// Reads an endpoint's address, and checks all that can be checked without asking anyone.
    ///
    /// # Errors
    /// The first rule that it breaks.
    pub fn target(&self, endpoint: &str) -> Result<Target, UrlError> {
        let target = Target::parse(endpoint)?;
        if !self.allow_http && !target.scheme().is_tls() {
            return Err(UrlError::Plain(target.scheme()));
        }
        if !self.ports.iter().any(|range| range.contains(&target.port())) {
            return Err(UrlError::Port(target.port()));
        }
        if let Some(address) = target.address() {
            self.check(SocketAddr::new(address, target.port()))?;
        }
        Ok(target)
    }

    /// Checks an address that something resolved to.
    ///
    /// # Errors
    /// It must not be connected to.
    pub fn check(&self, address: SocketAddr) -> Result<(), Denied> {
        let ip = address.ip().to_canonical();
        match self.rule(ip, address.port()) {
            Some(rule) => Err(Denied { address: ip, rule }),
            None => Ok(()),
        }
    }

    /// Whether the operator vouches for a host.
    pub fn trusts(&self, host: &Host) -> bool {
        let host = plain(&host.to_string());
        self.trusted.iter().any(|trusted| match trusted.strip_prefix("*.") {
            Some(parent) => {
                host.strip_suffix(parent).is_some_and(|below| below.len() > 1 && below.ends_with('.'))
            }
            None => *trusted == host,
        })
    }

    fn rule(&self, ip: IpAddr, port: u16) -> Option<String> {
        if own::are_at(&self.own, ip, port) || self.broker.has(ip, port) {
            return Some("it is the broker itself".to_owned());
        }
        if ip.is_unspecified() {
            return Some("it is no address".to_owned());
        }
        if let Some(network) = self.deny.iter().find(|network| network.contains(ip)) {
            return Some(format!("the operator denies {network}"));
        }
        if special::is_metadata(ip) {
            let allowed = self.allow.iter().any(|network| network.is_host(ip));
            return (!allowed).then(|| "it is a cloud's metadata service".to_owned());
        }
        // Who must allow a translator's addresses, because IPv4 is not to be had otherwise, has not allowed all of IPv4 with them.
        if let Some(rule) = special::inside(ip).and_then(|inside| self.rule(inside.into(), port)) {
            return Some(rule);
        }
        if self.allow.iter().any(|network| network.contains(ip)) {
            return None;
        }
        special::rule(ip).map(|rule| format!("{rule}; the operator can allow it (push.allow_networks)"))
    }
}

/// A host as it is compared: in lower case, without the root's dot and the brackets of an IPv6 address.
fn plain(host: &str) -> String {
    host.trim_end_matches('.').trim_matches(['[', ']']).to_ascii_lowercase()
}

#[cfg(test)]
mod tests;
#[cfg(test)]
pub(crate) mod vectors;
