//! The address of an endpoint, read once.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr},
};

use http::Uri;
use url::Url;

use super::Denied;

/// How an endpoint is talked to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// A webhook with TLS.
    Https,
    /// A webhook without.
    Http,
    /// gRPC with TLS.
    Grpcs,
    /// gRPC without.
    Grpc,
}

impl Scheme {
    /// Whether there is TLS.
    pub fn is_tls(self) -> bool {
        matches!(self, Self::Https | Self::Grpcs)
    }

    /// Whether it is gRPC.
    pub fn is_grpc(self) -> bool {
        matches!(self, Self::Grpc | Self::Grpcs)
    }

    /// As HTTP has it on the wire.
    fn http(self) -> &'static str {
        if self.is_tls() { "https" } else { "http" }
    }

    fn of(text: &str) -> Option<Self> {
        [Self::Https, Self::Http, Self::Grpcs, Self::Grpc].into_iter().find(|scheme| scheme.as_str() == text)
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Https => "https",
            Self::Http => "http",
            Self::Grpcs => "grpcs",
            Self::Grpc => "grpc",
        }
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Whose address it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Host {
    /// An address, in whatever form it was written.
    Ip(IpAddr),
    /// A name, in lower case and in ASCII.
    Name(String),
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(IpAddr::V6(address)) => write!(f, "[{address}]"),
            Self::Ip(IpAddr::V4(address)) => write!(f, "{address}"),
            Self::Name(name) => f.write_str(name),
        }
    }
}

/// Where an endpoint is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    scheme: Scheme,
    host: Host,
    port: u16,
    uri: Uri,
}

/// Why a text is no address of an endpoint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// It does not begin with a scheme that there is.
    #[error("must begin with https://, http://, grpcs://, grpc:// or topic:, in lower case")]
    Scheme,
    /// The scheme is one without TLS.
    #[error("{0}:// is not allowed here: the operator can allow endpoints without TLS (push.allow_http)")]
    Plain(Scheme),
    /// It has a character that readers of addresses do not agree about.
    #[error("must have no space, control character or backslash")]
    Character,
    /// It is none (RFC 3986 and the URL standard).
    #[error("is no URL: {0}")]
    Malformed(String),
    /// A user name or password.
    #[error("must have no user name and no password: use `authentication`")]
    UserInfo,
    /// A fragment.
    #[error("must have no fragment (#)")]
    Fragment,
    /// gRPC: more than host and port, or less.
    #[error("must be {0}://host:port and nothing else")]
    NotHostAndPort(Scheme),
    /// The port is not allowed.
    #[error("port {0} is not allowed here: the operator can allow it (push.allow_ports)")]
    Port(u16),
    /// The address is not allowed.
    #[error(transparent)]
    Denied(#[from] Denied),
}

impl Target {
    /// Reads it. What is allowed is [`super::Guard::target`]'s business.
    pub(super) fn parse(endpoint: &str) -> Result<Self, UrlError> {
        if endpoint.chars().any(|c| c.is_control() || c.is_whitespace() || c == '\\') {
            return Err(UrlError::Character);
        }
        let (scheme, rest) = endpoint.split_once("://").ok_or(UrlError::Scheme)?;
        let scheme = Scheme::of(scheme).ok_or(UrlError::Scheme)?;
        // The standard knows how to read hosts of http and https; of other schemes it leaves them as they are.
        let url = Url::parse(&format!("{}://{rest}", scheme.http()))
            .map_err(|error| UrlError::Malformed(error.to_string()))?;
        if !url.username().is_empty() || url.password().is_some() || authority(rest).contains('@') {
            return Err(UrlError::UserInfo);
        }
        if url.fragment().is_some() {
            return Err(UrlError::Fragment);
        }
        if scheme.is_grpc() && !is_host_and_port(rest) {
            return Err(UrlError::NotHostAndPort(scheme));
        }
        // An empty authority is skipped by the standard: `http:///host` is `http://host`.
        if authority(rest).is_empty() {
            return Err(UrlError::Malformed("there is no host".to_owned()));
        }
        Self::of(scheme, &url)
    }

    fn of(scheme: Scheme, url: &Url) -> Result<Self, UrlError> {
        let malformed = |why: &str| UrlError::Malformed(why.to_owned());
        let host = match url.host().ok_or_else(|| malformed("there is no host"))? {
            url::Host::Ipv4(address) => Host::Ip(address.into()),
            url::Host::Ipv6(address) => Host::Ip(IpAddr::V6(address).to_canonical()),
            url::Host::Domain(name) => Host::Name(name.to_owned()),
        };
        if let Host::Name(name) = &host {
            check_name(name)?;
        }
        let port =
            url.port_or_known_default().filter(|port| *port != 0).ok_or_else(|| malformed("port 0"))?;
        let uri: Uri = url.as_str().parse().map_err(|error| UrlError::Malformed(format!("{error}")))?;
        // The request says the same as what is connected to, or there is no request.
        if uri.host() != url.host_str() || uri.port_u16() != url.port() {
            return Err(malformed("it can be read in two ways"));
        }
        Ok(Self { scheme, host, port, uri })
    }

    /// How it is talked to.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// Whose address it is.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// Which port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The same as a request has it; gRPC is http or https there.
    pub fn uri(&self) -> &Uri {
        &self.uri
    }

    /// The address if no one has to be asked for it: it is written down, or is `localhost`, which is 127.0.0.1 and never asked for
    /// (RFC 6761, section 6.3).
    pub fn address(&self) -> Option<IpAddr> {
        match &self.host {
            Host::Ip(address) => Some(*address),
            Host::Name(name) if is_localhost(name) => Some(Ipv4Addr::LOCALHOST.into()),
            Host::Name(_) => None,
        }
    }
}

/// What is between the scheme and the path.
fn authority(rest: &str) -> &str {
    rest.split(['/', '?', '#']).next().unwrap_or_default()
}

fn is_host_and_port(rest: &str) -> bool {
    let digits = |port: &str| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    authority(rest) == rest
        && rest.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && digits(port))
}

fn is_localhost(name: &str) -> bool {
    let name = name.trim_end_matches('.');
    name == "localhost" || name.ends_with(".localhost")
}

/// A name as DNS can have it (RFC 1035, section 2.3.4, and RFC 1123, section 2.1; underscores are seen in practice).
fn check_name(name: &str) -> Result<(), UrlError> {
    let labels = name.strip_suffix('.').unwrap_or(name);
    let label = |label: &str| {
        let known = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        (1..=63).contains(&label.len()) && label.bytes().all(known)
    };
    if labels.len() <= 253 && labels.split('.').all(label) {
        return Ok(());
    }
    Err(UrlError::Malformed(format!("{name:?} is no name of a host")))
}
