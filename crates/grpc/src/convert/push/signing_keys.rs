//! What a read shows of signing secrets. Their text is read and checked in [`types::push`]; only what needs Ed25519 is here.

use data_encoding::{BASE64, HEXLOWER};
use fanfare_proto::v1;
use ring::{
    digest,
    signature::{Ed25519KeyPair, KeyPair as _},
};
use types::push::{Secret, SigningSecret};

use crate::refusal::Refusal;

/// Bytes of a fingerprint: 8 hexadecimal digits.
const FINGERPRINT_BYTES: usize = 4;

/// Settings that were read, changed and sent back have the keys and not their secrets: to take that for "sign no longer" would be wrong.
pub(super) fn given_with_their_secrets(given: &v1::PushConfig) -> Result<(), Refusal> {
    if given.signing_keys.is_empty() || !given.signing_secrets.is_empty() {
        return Ok(());
    }
    let why = "are missing, and signing_keys, which are output only, are there: give the secrets again, or leave out signing_keys to sign \
               no longer, or name in update_mask only what changes";
    Err(Refusal::field("signing_secrets", why))
}

/// Where a secret has the public key too, it must be that of the private key: receivers would verify with one and the broker sign with
/// the other.
pub(super) fn check(secrets: &[Secret]) -> Result<(), Refusal> {
    for (index, secret) in secrets.iter().enumerate() {
        // What is no secret at all is refused with the other settings.
        let Ok(SigningSecret::Ed25519 { seed, public: Some(public) }) = SigningSecret::parse(secret.reveal())
        else {
            continue;
        };
        if Ed25519KeyPair::from_seed_and_public_key(&seed, &public).is_err() {
            let why = "has a public key, its last 32 bytes, that is not the one of its private key";
            return Err(Refusal::field(format_args!("signing_secrets[{index}]"), why));
        }
    }
    Ok(())
}

/// A key without its secret; none if the text is no secret, which the settings in force never have.
pub(super) fn to_proto(secret: &Secret) -> Option<v1::PushSigningKey> {
    let (version, public_key) = match SigningSecret::parse(secret.reveal()).ok()? {
        SigningSecret::Symmetric(_) => ("v1", String::new()),
        SigningSecret::Ed25519 { seed, .. } => {
            let pair = Ed25519KeyPair::from_seed_unchecked(&seed).ok()?;
            ("v1a", format!("whpk_{}", BASE64.encode(pair.public_key().as_ref())))
        }
    };
    Some(v1::PushSigningKey { version: version.into(), fingerprint: fingerprint(secret), public_key })
}

fn fingerprint(secret: &Secret) -> String {
    let digest = digest::digest(&digest::SHA256, secret.reveal().as_bytes());
    HEXLOWER.encode(&digest.as_ref()[..FINGERPRINT_BYTES])
}
