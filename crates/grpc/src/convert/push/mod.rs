//! Push settings.
//!
//! A read shows no secret: its fields are empty, `signing_keys` tells signing keys apart. What a read left out has to be given again by who
//! sends the settings back as a whole; an update that names parts leaves it as it is ([`crate::mask`]).

mod authentication;
mod breaker;
mod endpoint;
mod error_rules;
mod report;
mod signing_keys;
mod stats;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod worker_tests;

use std::sync::Arc;

use fanfare_proto::v1;
use types::{
    limits,
    push::{ClientCertificate, ContentMode, PushSettings, Secret},
};

use super::time;
use crate::{check, refusal::Refusal};

pub(crate) use endpoint::{disabled_reason, endpoint};
pub(crate) use report::attempt_report;
pub(crate) use stats::{figures, report};

const PATH: &str = "settings.push";

/// The settings of a request, every default filled in. Their limits are checked with the subscription's; what only this crate can tell is
/// checked here.
pub(crate) fn of_settings(given: Option<v1::PushConfig>) -> Result<Option<Arc<PushSettings>>, Refusal> {
    let read = |given| settings(given).map(Arc::new).map_err(|refusal| refusal.within(PATH));
    given.map(read).transpose()
}

fn settings(given: v1::PushConfig) -> Result<PushSettings, Refusal> {
    signing_keys::given_with_their_secrets(&given)?;
    let timeout = limits::PUSH_REQUEST_TIMEOUT_MIN..=limits::PUSH_REQUEST_TIMEOUT_MAX;
    let timeout = time::within("request_timeout", given.request_timeout, timeout)?;
    let secrets: Vec<_> = given.signing_secrets.into_iter().map(Secret::new).collect();
    signing_keys::check(&secrets)?;
    Ok(PushSettings {
        endpoint: given.endpoint,
        content: content(given.content)?,
        headers: given.headers,
        authentication: authentication::read(given.authentication)?,
        client_certificate: given.client_certificate.map(certificate),
        trusted_certificates: Some(given.trusted_certificates).filter(|pem| !pem.is_empty()),
        signing_secrets: secrets,
        request_timeout: timeout.unwrap_or(limits::PUSH_REQUEST_TIMEOUT),
        max_concurrency: given.max_concurrency.unwrap_or(limits::PUSH_CONCURRENCY),
        max_batch: given.max_batch.unwrap_or(1),
        max_receives_per_second: given.max_receives_per_second,
        error_rules: error_rules::read(given.error_rules)?,
        breaker: breaker::read(given.breaker)?,
    })
}

fn content(given: i32) -> Result<ContentMode, Refusal> {
    Ok(match check::known("content", given)? {
        v1::PushContent::Unspecified | v1::PushContent::Raw => ContentMode::Raw,
        v1::PushContent::CloudEventsBinary => ContentMode::CloudEventsBinary,
        v1::PushContent::CloudEventsStructured => ContentMode::CloudEventsStructured,
        v1::PushContent::SnsEnvelope => ContentMode::SnsEnvelope,
    })
}

fn certificate(given: v1::PushClientCertificate) -> ClientCertificate {
    ClientCertificate { chain: given.chain, private_key: Secret::new(given.private_key) }
}

/// Whether a text that must not be read by everyone is put into an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Secrets {
    /// Left empty: for every reader.
    Hidden,
    /// As they are: for an admitted worker.
    Shown,
}

impl Secrets {
    fn text(self, secret: &Secret) -> String {
        match self {
            Self::Hidden => String::new(),
            Self::Shown => secret.reveal().to_owned(),
        }
    }
}

/// Settings as the API shows them.
pub(crate) fn to_proto(push: &PushSettings, secrets: Secrets) -> v1::PushConfig {
    let signing_secrets = match secrets {
        Secrets::Hidden => Vec::new(),
        Secrets::Shown => push.signing_secrets.iter().map(|secret| secret.reveal().to_owned()).collect(),
    };
    let certificate = push.client_certificate.as_ref();
    v1::PushConfig {
        endpoint: push.endpoint.clone(),
        content: content_to_proto(push.content).into(),
        headers: push.headers.clone(),
        authentication: push.authentication.as_ref().map(|given| authentication::to_proto(given, secrets)),
        client_certificate: certificate.map(|given| certificate_to_proto(given, secrets)),
        trusted_certificates: push.trusted_certificates.clone().unwrap_or_default(),
        signing_secrets,
        request_timeout: Some(time::to_proto_duration(push.request_timeout)),
        max_concurrency: Some(push.max_concurrency),
        max_batch: Some(push.max_batch),
        max_receives_per_second: push.max_receives_per_second,
        error_rules: push.error_rules.iter().map(error_rules::to_proto).collect(),
        breaker: Some(breaker::to_proto(&push.breaker)),
        signing_keys: push.signing_secrets.iter().filter_map(signing_keys::to_proto).collect(),
    }
}

fn content_to_proto(mode: ContentMode) -> v1::PushContent {
    match mode {
        ContentMode::Raw => v1::PushContent::Raw,
        ContentMode::CloudEventsBinary => v1::PushContent::CloudEventsBinary,
        ContentMode::CloudEventsStructured => v1::PushContent::CloudEventsStructured,
        ContentMode::SnsEnvelope => v1::PushContent::SnsEnvelope,
    }
}

fn certificate_to_proto(given: &ClientCertificate, secrets: Secrets) -> v1::PushClientCertificate {
    v1::PushClientCertificate { chain: given.chain.clone(), private_key: secrets.text(&given.private_key) }
}
