//! Where the broker itself is, which is never an endpoint.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket},
    sync::Arc,
};

use parking_lot::RwLock;

/// Addresses that are remembered. A broker that has had more has long left the first.
const MOST: usize = 1_000;

/// The addresses of a broker in another process, as they are found when it is connected to: its name can come to mean others. Cheap to
/// clone, and the same in all clones.
#[derive(Debug, Clone, Default)]
pub struct BrokerAddresses(Arc<RwLock<Vec<SocketAddr>>>);

impl BrokerAddresses {
    /// The broker is there, too. One of this machine's addresses is as good as all of them: which others it listens at is not known.
    pub(crate) fn add(&self, found: SocketAddr) {
        let ip = found.ip().to_canonical();
        let ip = if is_local(ip) { Ipv4Addr::UNSPECIFIED.into() } else { ip };
        let address = SocketAddr::new(ip, found.port());
        let known = &mut *self.0.write();
        if known.contains(&address) {
            return;
        }
        if known.len() == MOST {
            known.remove(0);
        }
        known.push(address);
    }

    pub(super) fn has(&self, ip: IpAddr, port: u16) -> bool {
        are_at(&self.0.read(), ip, port)
    }
}

/// Whether a connection to an address can reach what listens at one of these of this machine.
pub(super) fn are_at(own: &[SocketAddr], ip: IpAddr, port: u16) -> bool {
    own.iter().any(|own| own.port() == port && is_at(ip, own.ip().to_canonical()))
}

fn is_at(ip: IpAddr, own: IpAddr) -> bool {
    let reaches_itself = ip.is_loopback() || ip.is_unspecified();
    ip == own
        || (reaches_itself && own.is_loopback())
        || (own.is_unspecified() && (reaches_itself || is_local(ip)))
}

/// Whether an address is one of this machine's: only those can be bound. Nothing is sent. If it cannot be found out, it is.
fn is_local(ip: IpAddr) -> bool {
    match UdpSocket::bind((ip, 0)) {
        Ok(_) => true,
        Err(error) => error.kind() != io::ErrorKind::AddrNotAvailable,
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn an_address_is_this_machines_if_it_can_be_bound() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        assert!(is_local(listener.local_addr().unwrap().ip()));
        assert!(!is_local("8.8.8.8".parse().unwrap()));
    }

    #[test]
    fn a_broker_at_one_of_this_machines_addresses_is_at_all_of_them() {
        let broker = BrokerAddresses::default();
        for found in ["127.0.0.1:50051", "[::1]:50051", "[::ffff:8.8.8.8]:443"] {
            broker.add(found.parse().unwrap());
        }
        assert_eq!(*broker.0.read(), ["0.0.0.0:50051", "8.8.8.8:443"].map(|at| at.parse().unwrap()));
    }

    #[test]
    fn no_more_addresses_of_a_broker_are_remembered_than_the_limit_and_none_twice() {
        let broker = BrokerAddresses::default();
        let at = |n: u32| SocketAddr::new(Ipv4Addr::from(0x0808_0000 + n).into(), 443);
        for n in (0..=1_000).chain(1..=1_000) {
            broker.add(at(n));
        }
        assert_eq!(broker.0.read().len(), MOST);
        assert!(
            !broker.has(at(0).ip(), 443) && broker.has(at(1).ip(), 443) && broker.has(at(1_000).ip(), 443)
        );
        assert!(!broker.has(at(1).ip(), 444));
    }
}
