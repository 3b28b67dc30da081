//! Headers that are the same in every request to an endpoint.

use broker::AssignedEndpoint;
use data_encoding::BASE64;
use types::{
    Invalid,
    push::{Authentication, ContentMode, PushSettings},
};

use super::{
    confirmation::ORIGIN,
    headers::{FIXED_HEADER_BYTES, Headers},
};

const USER_AGENT: &str = concat!("Fanfare/", env!("CARGO_PKG_VERSION"));

/// The owner's first, so that what is ours takes their place.
pub(super) fn headers(endpoint: &AssignedEndpoint) -> Result<Headers, Invalid> {
    let mut headers = Headers::default();
    owners(&mut headers, &endpoint.push)?;
    let ours = |error: super::Unsendable| Invalid::new("headers", error);
    headers.set("user-agent", USER_AGENT).map_err(ours)?;
    // Nothing is decompressed, so nothing can turn out larger than it came.
    headers.set("accept-encoding", "identity").map_err(ours)?;
    headers.set("fanfare-topic", &endpoint.topic.to_string()).map_err(ours)?;
    headers.set("fanfare-subscription", &endpoint.subscription.to_string()).map_err(ours)?;
    if is_cloud_events(endpoint.push.content) {
        // Who has been asked for consent is told in every delivery who it comes from (CloudEvents, Web Hooks, section 2.1).
        headers.set("webhook-request-origin", ORIGIN).map_err(ours)?;
    }
    let bytes = headers.bytes();
    if bytes > FIXED_HEADER_BYTES {
        let why = format!(
            "make {bytes} bytes with authentication and what the broker adds, the limit is {FIXED_HEADER_BYTES}"
        );
        return Err(Invalid::new("headers", why));
    }
    Ok(headers)
}

pub(super) fn is_cloud_events(mode: ContentMode) -> bool {
    matches!(mode, ContentMode::CloudEventsBinary | ContentMode::CloudEventsStructured)
}

fn owners(headers: &mut Headers, push: &PushSettings) -> Result<(), Invalid> {
    for (name, value) in &push.headers {
        headers.set(name, value).map_err(|error| Invalid::new(format!("headers[{name:?}]"), error))?;
    }
    let Some(authentication) = &push.authentication else { return Ok(()) };
    let (name, value) = credentials(authentication);
    headers.set_secret(name, &value).map_err(|error| Invalid::new("authentication", error))
}

fn credentials(authentication: &Authentication) -> (&str, String) {
    match authentication {
        Authentication::Basic { username, password } => {
            let both = format!("{username}:{}", password.reveal());
            ("authorization", format!("Basic {}", BASE64.encode(both.as_bytes())))
        }
        Authentication::Bearer { token } => ("authorization", format!("Bearer {}", token.reveal())),
        Authentication::Header { name, value } => (name, value.reveal().to_owned()),
    }
}
