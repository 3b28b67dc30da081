//! The limits of push settings. What an endpoint's address means is the push crate's business.

use std::time::Duration;

use super::{
    Authentication, BreakerSettings, ContentMode, ErrorRule, PushSettings, Secret, SigningSecret, StatusRange,
};
use crate::{Invalid, limits};

/// Headers that belong to the request itself, to the content modes or to the connection.
const OURS: &[&str] = &[
    "accept-encoding",
    "authorization",
    "connection",
    "content-length",
    "content-type",
    "expect",
    "host",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "traceparent",
    "tracestate",
    "user-agent",
    "x-correlation-id",
];
const OUR_PREFIXES: &[&str] = &["webhook-", "ce-", "x-amz-sns-", "fanfare-", "grpc-", "webhook_", ":"];

impl PushSettings {
    /// Checks every field against its limit.
    ///
    /// # Errors
    /// The first field that breaks a rule, as a path from these settings.
    pub fn validate(&self) -> Result<(), Invalid> {
        length("endpoint", &self.endpoint, 1, limits::PUSH_ENDPOINT_BYTES)?;
        self.topic()?;
        self.validate_headers()?;
        self.authentication
            .as_ref()
            .map_or(Ok(()), |auth| authentication(auth).map_err(|i| i.within("authentication")))?;
        if let Some(certificate) = &self.client_certificate {
            length("client_certificate.chain", &certificate.chain, 1, limits::PUSH_PEM_BYTES)?;
            secret("client_certificate.private_key", &certificate.private_key, limits::PUSH_PEM_BYTES)?;
        }
        if let Some(trusted) = &self.trusted_certificates {
            length("trusted_certificates", trusted, 1, limits::PUSH_PEM_BYTES)?;
        }
        at_most("signing_secrets", self.signing_secrets.len(), limits::PUSH_SIGNING_SECRETS)?;
        for (index, secret) in self.signing_secrets.iter().enumerate() {
            SigningSecret::parse(secret.reveal())
                .map_err(|why| Invalid::new(format!("signing_secrets[{index}]"), why))?;
        }
        within(
            "request_timeout",
            self.request_timeout,
            limits::PUSH_REQUEST_TIMEOUT_MIN,
            limits::PUSH_REQUEST_TIMEOUT_MAX,
        )?;
        within("max_concurrency", self.max_concurrency, 1, limits::PUSH_CONCURRENCY_MAX)?;
        within("max_batch", self.max_batch, 1, limits::PUSH_BATCH_MAX)?;
        if let Some(rate) = self.max_receives_per_second {
            within("max_receives_per_second", rate, limits::PUSH_RATE_MIN, limits::PUSH_RATE_MAX)?;
        }
        at_most("error_rules", self.error_rules.len(), limits::PUSH_ERROR_RULES)?;
        for (index, rule) in self.error_rules.iter().enumerate() {
            rule.validate().map_err(|invalid| invalid.within(&format!("error_rules[{index}]")))?;
        }
        self.breaker.validate().map_err(|invalid| invalid.within("breaker"))?;
        self.validate_for_kind()
    }

    fn validate_headers(&self) -> Result<(), Invalid> {
        at_most("headers", self.headers.len(), limits::PUSH_HEADERS)?;
        for (name, value) in &self.headers {
            header_name("headers", name)?;
            let named = format!("headers[{name:?}]");
            length(&named, value, 0, limits::PUSH_HEADER_VALUE_BYTES)?;
            header_value(&named, value)?;
        }
        Ok(())
    }

    /// What makes no sense for the kind of endpoint is refused, not passed over.
    fn validate_for_kind(&self) -> Result<(), Invalid> {
        let refuse = |field: &str, given: bool, kind: &str| {
            if given { Err(Invalid::new(field, format!("is not for {kind}"))) } else { Ok(()) }
        };
        if self.endpoint.starts_with("topic:") {
            let kind = "an endpoint that is a topic";
            refuse("content", self.content != ContentMode::Raw, kind)?;
            refuse("headers", !self.headers.is_empty(), kind)?;
            refuse("authentication", self.authentication.is_some(), kind)?;
            refuse("client_certificate", self.client_certificate.is_some(), kind)?;
            refuse("trusted_certificates", self.trusted_certificates.is_some(), kind)?;
            refuse("signing_secrets", !self.signing_secrets.is_empty(), kind)?;
        }
        if self.endpoint.starts_with("grpc") {
            let kind = "a gRPC endpoint";
            refuse("content", self.content != ContentMode::Raw, kind)?;
            refuse("signing_secrets", !self.signing_secrets.is_empty(), kind)?;
        } else {
            refuse("max_batch", self.max_batch != 1, "an endpoint that is not gRPC")?;
        }
        Ok(())
    }
}

impl BreakerSettings {
    fn validate(&self) -> Result<(), Invalid> {
        within("failures", self.failures, 1, 10_000)?;
        within("failure_ratio", self.failure_ratio, 0.01, 1.0)?;
        within("max_open", self.max_open, Duration::from_secs(1), limits::BREAKER_OPEN_MAX)?;
        within("open", self.open, Duration::from_secs(1), self.max_open)?;
        match self.disable_after {
            Some(after) => {
                within("disable_after", after, limits::BREAKER_DISABLE_MIN, limits::BREAKER_DISABLE_MAX)
            }
            None => Ok(()),
        }
    }
}

impl ErrorRule {
    fn validate(&self) -> Result<(), Invalid> {
        match self.status {
            StatusRange::Http { from, to } => {
                within("http.from", from, 200, 599)?;
                within("http.to", to, from, 599)
            }
            StatusRange::Grpc { code } => within("grpc", code, 1, 16),
            StatusRange::Timeout | StatusRange::Transport => Ok(()),
        }
    }
}

fn authentication(given: &Authentication) -> Result<(), Invalid> {
    match given {
        Authentication::Basic { username, password } => {
            length("basic.username", username, 1, limits::PUSH_CREDENTIAL_BYTES)?;
            if username.contains(':') || username.chars().any(char::is_control) {
                return Err(Invalid::new(
                    "basic.username",
                    "must have no colon and no control character (RFC 7617)",
                ));
            }
            secret("basic.password", password, limits::PUSH_CREDENTIAL_BYTES)?;
            if password.reveal().chars().any(char::is_control) {
                return Err(Invalid::new("basic.password", "must have no control character (RFC 7617)"));
            }
            Ok(())
        }
        Authentication::Bearer { token } => {
            secret("bearer.token", token, limits::PUSH_CREDENTIAL_BYTES)?;
            if token.reveal().bytes().all(|byte| byte.is_ascii_graphic()) {
                return Ok(());
            }
            Err(Invalid::new("bearer.token", "must be visible ASCII without spaces"))
        }
        Authentication::Header { name, value } => {
            header_name("header.name", name)?;
            secret("header.value", value, limits::PUSH_CREDENTIAL_BYTES)?;
            header_value("header.value", value.reveal())
        }
    }
}

/// A name as HTTP/2 has it (RFC 9110, section 5.1, in lower case), and not one that is ours.
fn header_name(field: &str, name: &str) -> Result<(), Invalid> {
    length(&format!("{field}: a name"), name, 1, limits::PUSH_HEADER_NAME_BYTES)
        .map_err(|i| Invalid::new(field, format!("a name {}", i.reason)))?;
    let token =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if !name.bytes().all(token) {
        return Err(Invalid::new(
            field,
            format!("{name:?} is no header name in lower case (RFC 9110, section 5.1)"),
        ));
    }
    if OURS.contains(&name) || OUR_PREFIXES.iter().any(|prefix| name.starts_with(prefix)) {
        return Err(Invalid::new(field, format!("{name:?} is set by the broker")));
    }
    Ok(())
}

fn header_value(field: &str, value: &str) -> Result<(), Invalid> {
    let visible = value.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
    if visible && value.trim() == value {
        return Ok(());
    }
    Err(Invalid::new(field, "must be visible ASCII, with spaces inside only (RFC 9110, section 5.5)"))
}

fn length(field: &str, text: &str, least: usize, most: usize) -> Result<(), Invalid> {
    if (least..=most).contains(&text.len()) {
        return Ok(());
    }
    Err(Invalid::new(field, format!("has {} bytes, must have {least} to {most}", text.len())))
}

/// An empty one is most likely what a read has shown: taking it would clear the secret in force.
fn secret(field: &str, given: &Secret, most: usize) -> Result<(), Invalid> {
    if given.reveal().is_empty() {
        let why = format!("is empty, must have 1 to {most} bytes: a read does not show it, give it again");
        return Err(Invalid::new(field, why));
    }
    length(field, given.reveal(), 1, most)
}

fn at_most(field: &str, found: usize, limit: usize) -> Result<(), Invalid> {
    if found <= limit {
        Ok(())
    } else {
        Err(Invalid::new(field, format!("there are {found}, the limit is {limit}")))
    }
}

/// Not a number is in no range.
fn within<T: Copy + PartialOrd + std::fmt::Debug>(
    field: &str,
    value: T,
    least: T,
    most: T,
) -> Result<(), Invalid> {
    if value >= least && value <= most {
        return Ok(());
    }
    Err(Invalid::new(field, format!("is {value:?}, must be {least:?} to {most:?}")))
}
