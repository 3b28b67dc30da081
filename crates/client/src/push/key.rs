//! Signatures of Standard Webhooks 1.0.0: `v1` (HMAC-SHA256) and `v1a` (Ed25519), of `{id}.{seconds}.{body}`.
//!
//! # Invariants
//!
//! - A comparison takes the same time wherever the difference is (ring's own).
//! - No secret is shown, in no error and no debug output.
//!
//! # Limits
//!
//! [`SIGNATURES`] signatures of a request are looked at; the broker sends two at most.

use std::{fmt, sync::Arc, time::Duration};

use data_encoding::BASE64;
use http::HeaderMap;
use ring::{
    hmac,
    signature::{ED25519, UnparsedPublicKey},
};

use super::EndpointError;

const SIGNATURES: usize = 16;

/// Verifies what was signed with one secret.
pub(super) enum Key {
    /// `whsec_…`
    Hmac(hmac::Key),
    /// `whpk_…`
    Ed25519(UnparsedPublicKey<Vec<u8>>),
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Hmac(_) => "Key(v1)",
            Self::Ed25519(_) => "Key(v1a)",
        })
    }
}

impl Key {
    pub(super) fn read(text: &str) -> Result<Self, EndpointError> {
        let secret = |why: &str| EndpointError::Secret(why.to_owned());
        if let Some(encoded) = text.strip_prefix("whsec_") {
            let bytes = decode(encoded).ok_or_else(|| secret("what is behind whsec_ is no base64"))?;
            return match bytes.len() {
                24..=64 => Ok(Self::Hmac(hmac::Key::new(hmac::HMAC_SHA256, &bytes))),
                other => Err(EndpointError::Secret(format!("whsec_ of {other} bytes"))),
            };
        }
        if let Some(encoded) = text.strip_prefix("whpk_") {
            let bytes = decode(encoded).ok_or_else(|| secret("what is behind whpk_ is no base64"))?;
            return match bytes.len() {
                32 => Ok(Self::Ed25519(UnparsedPublicKey::new(&ED25519, bytes))),
                other => Err(EndpointError::Secret(format!("whpk_ of {other} bytes"))),
            };
        }
        Err(secret(match text.starts_with("whsk_") {
            true => {
                "whsk_ is the private key, which stays with the broker; a read of the subscription shows whpk_"
            }
            false => "it begins with neither",
        }))
    }

    /// Whether one signature, with its version before a comma, is this key's of what was signed.
    fn verifies(&self, signature: &str, signed: &[u8]) -> bool {
        let Some((version, encoded)) = signature.split_once(',') else { return false };
        let Some(signature) = decode(encoded) else { return false };
        match (self, version) {
            (Self::Hmac(key), "v1") => hmac::verify(key, signed, &signature).is_ok(),
            (Self::Ed25519(key), "v1a") => key.verify(signed, &signature).is_ok(),
            _ => false,
        }
    }
}

fn decode(text: &str) -> Option<Vec<u8>> {
    BASE64.decode(text.as_bytes()).ok()
}

/// Why a request does not count as the broker's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unverified {
    #[error("{0} is missing, empty, or said twice")]
    Header(&'static str),
    #[error("webhook-timestamp is no number of seconds")]
    Timestamp,
    #[error("webhook-timestamp is too far from this server's time")]
    Time,
    #[error("webhook-signature verifies with no secret of this endpoint")]
    Signature,
}

/// Whether one of the keys has signed this request, not longer ago than `tolerance`, nor so much later. `now` is in seconds since 1970.
pub(super) fn verify(
    keys: &[Arc<Key>],
    headers: &HeaderMap,
    body: &[u8],
    now: u64,
    tolerance: Duration,
) -> Result<(), Unverified> {
    let id = the(headers, "webhook-id")?;
    let timestamp = the(headers, "webhook-timestamp")?;
    let signatures = the(headers, "webhook-signature")?;
    let seconds: u64 = timestamp.parse().map_err(|_| Unverified::Timestamp)?;
    let signed = [format!("{id}.{timestamp}.").as_bytes(), body].concat();
    let mut given = signatures.split(' ').take(SIGNATURES);
    if !given.any(|signature| keys.iter().any(|key| key.verifies(signature, &signed))) {
        return Err(Unverified::Signature);
    }
    // After the signature, so that the time in the answer's reason is the broker's and nobody else's.
    if seconds.abs_diff(now) > tolerance.as_secs() {
        return Err(Unverified::Time);
    }
    Ok(())
}

/// The one value of a header.
fn the<'a>(headers: &'a HeaderMap, name: &'static str) -> Result<&'a str, Unverified> {
    let mut values = headers.get_all(name).iter();
    let value = values.next().and_then(|value| value.to_str().ok()).filter(|value| !value.is_empty());
    match (value, values.next()) {
        (Some(value), None) => Ok(value),
        _ => Err(Unverified::Header(name)),
    }
}
