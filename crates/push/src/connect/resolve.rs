//! Names to addresses.

use std::{fmt, io, net::IpAddr, time::Duration};

use futures_util::future::BoxFuture;
use hickory_resolver::{
    ResolverBuilder, TokioResolver,
    config::{LookupIpStrategy, ResolverConfig},
    net::runtime::TokioRuntimeProvider,
};

/// Addresses that one name may have. One with more is refused: nobody's endpoint has so many.
pub(super) const ADDRESSES: usize = 64;
/// Names whose addresses are remembered, for as long as their owners say, at most [`REMEMBERED`].
const CACHE: u64 = 4_096;
const REMEMBERED: Duration = Duration::from_secs(300);
/// The same for names that there are not: they may be on their way.
const REMEMBERED_AS_NONE: Duration = Duration::from_secs(5);

/// Asks for the addresses of a name.
pub(crate) trait Resolve: fmt::Debug + Send + Sync + 'static {
    /// All of them. How long to wait is the caller's business.
    fn resolve<'a>(&'a self, name: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>>;
}

/// As the machine is set up: /etc/hosts, then the name servers of /etc/resolv.conf with its search list.
pub(crate) struct System(TokioResolver);

impl System {
    /// Reads the machine's set-up. Without a readable one there are no name servers: /etc/hosts works, all else does not resolve.
    pub(crate) fn new() -> io::Result<Self> {
        Self::of(TokioResolver::builder_tokio().unwrap_or_else(|error| {
            tracing::warn!(%error, "no name servers: only names in the hosts file will resolve");
            let none = ResolverConfig::from_parts(None, Vec::new(), Vec::new());
            TokioResolver::builder_with_config(none, TokioRuntimeProvider::default())
        }))
    }

    fn of(mut builder: ResolverBuilder<TokioRuntimeProvider>) -> io::Result<Self> {
        let options = builder.options_mut();
        // Both kinds, so that every address is looked at, whichever the connection is made to.
        options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
        options.cache_size = CACHE;
        options.positive_max_ttl = Some(REMEMBERED);
        options.negative_max_ttl = Some(REMEMBERED_AS_NONE);
        builder.build().map(Self).map_err(io::Error::other)
    }
}

impl fmt::Debug for System {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("System")
    }
}

impl Resolve for System {
    fn resolve<'a>(&'a self, name: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>> {
        Box::pin(async move {
            let found = self.0.lookup_ip(name).await.map_err(io::Error::other)?;
            Ok(found.iter().take(ADDRESSES + 1).collect())
        })
    }
}

#[cfg(test)]
mod tests;
