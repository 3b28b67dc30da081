//! What a call says beside its message.

use bytes::Bytes;
use data_encoding::BASE64;
use fanfare_proto::v1::Message;
use http::{
    HeaderMap,
    header::{AUTHORIZATION, HeaderName, HeaderValue, USER_AGENT},
};
use prost::Message as _;
use types::{
    Invalid,
    push::{Authentication, PushSettings},
};

use crate::FIXED_HEADER_BYTES;

const AGENT: &str = concat!("Fanfare/", env!("CARGO_PKG_VERSION"));

/// Checks what the settings of a gRPC endpoint have beyond other settings.
///
/// # Errors
/// A name that gRPC gives another meaning to, or more of them than servers take.
pub(crate) fn check(push: &PushSettings) -> Result<(), Invalid> {
    of_settings(push).map(drop)
}

/// What every call to an endpoint has.
pub(super) fn of_settings(push: &PushSettings) -> Result<HeaderMap, Invalid> {
    let mut headers = HeaderMap::new();
    headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
    for (name, value) in &push.headers {
        let (name, value) =
            header(name, value).map_err(|why| Invalid::new("headers", format!("{name:?} {why}")))?;
        headers.insert(name, value);
    }
    if let Some(authentication) = &push.authentication {
        let (name, mut value) =
            credentials(authentication).map_err(|why| Invalid::new("authentication", why))?;
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    let bytes: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 32).sum();
    if bytes > FIXED_HEADER_BYTES {
        let why = format!("make {bytes} bytes with authentication, the limit is {FIXED_HEADER_BYTES}");
        return Err(Invalid::new("headers", why));
    }
    Ok(headers)
}

fn credentials(authentication: &Authentication) -> Result<(HeaderName, HeaderValue), String> {
    match authentication {
        Authentication::Basic { username, password } => {
            let pair = format!("{username}:{}", password.reveal());
            header(AUTHORIZATION.as_str(), &format!("Basic {}", BASE64.encode(pair.as_bytes())))
        }
        Authentication::Bearer { token } => {
            header(AUTHORIZATION.as_str(), &format!("Bearer {}", token.reveal()))
        }
        Authentication::Header { name, value } => header(name, value.reveal()),
    }
}

fn header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), String> {
    if name.ends_with("-bin") {
        return Err("has a name for binary metadata (-bin), which cannot be given".to_owned());
    }
    let name: HeaderName = name.parse().map_err(|_| "is no name of a header")?;
    let value = value.parse().map_err(|_| "has a value that cannot be sent")?;
    Ok((name, value))
}

/// The correlation ID and the trace of the message, as headers.
pub(super) fn add_of_message(headers: &mut HeaderMap, payload: &Bytes) {
    let Ok(message) = Message::decode(payload.clone()) else { return };
    let of_message = [
        ("x-correlation-id", message.correlation_id),
        ("traceparent", message.traceparent),
        ("tracestate", message.tracestate),
    ];
    for (name, value) in of_message {
        // What is not there, or no header, is left out: the message itself has it too.
        if let (false, Ok(value)) = (value.is_empty(), HeaderValue::try_from(value)) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
}
