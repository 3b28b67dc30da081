//! Signatures of Standard Webhooks 1.0.0: `v1` (HMAC-SHA256) and `v1a` (Ed25519) over `id.timestamp.body`.
//!
//! # Invariants
//!
//! - One signature a secret, in the order of the secrets, so that a receiver can change from one to the other at its leisure.
//! - What is signed cannot be taken apart in two ways: neither an ID nor a timestamp has a full stop in it.
//! - No secret is shown, nor kept in another form than the one that signs.

#[cfg(test)]
mod tests;

use std::fmt;

use data_encoding::BASE64;
use ring::{hmac, signature::Ed25519KeyPair};
use types::{
    Invalid,
    push::{Secret, SigningSecret},
};

/// Signs what goes to one endpoint.
pub(crate) struct Signer(Vec<Key>);

/// A secret, ready to sign.
enum Key {
    /// `whsec_…`
    Hmac(hmac::Key),
    /// `whsk_…`
    Ed25519(Box<Ed25519KeyPair>),
}

impl Signer {
    /// Reads the secrets.
    ///
    /// # Errors
    /// One is none; the field is its path in the push settings.
    pub(crate) fn new(secrets: &[Secret]) -> Result<Self, Invalid> {
        let read = |(index, given): (usize, &Secret)| {
            Key::read(given.reveal()).map_err(|why| Invalid::new(format!("signing_secrets[{index}]"), why))
        };
        secrets.iter().enumerate().map(read).collect::<Result<_, _>>().map(Self)
    }

    /// The value of `webhook-signature`; none without secrets.
    pub(crate) fn sign(&self, id: &str, seconds: u64, body: &[u8]) -> Option<String> {
        debug_assert!(!id.contains('.'), "what is signed could be taken apart in two ways");
        let head = format!("{id}.{seconds}.");
        let signatures: Vec<_> = self.0.iter().map(|key| key.sign(head.as_bytes(), body)).collect();
        (!signatures.is_empty()).then(|| signatures.join(" "))
    }
}

impl Key {
    fn read(text: &str) -> Result<Self, String> {
        Ok(match SigningSecret::parse(text)? {
            SigningSecret::Symmetric(bytes) => Self::Hmac(hmac::Key::new(hmac::HMAC_SHA256, &bytes)),
            SigningSecret::Ed25519 { seed, public } => Self::Ed25519(Box::new(pair(&seed, public)?)),
        })
    }

    fn sign(&self, head: &[u8], body: &[u8]) -> String {
        match self {
            Self::Hmac(key) => {
                let mut signing = hmac::Context::with_key(key);
                signing.update(head);
                signing.update(body);
                format!("v1,{}", BASE64.encode(signing.sign().as_ref()))
            }
            Self::Ed25519(pair) => {
                // It needs all of it in one piece, because it goes over it twice.
                let signature = pair.sign(&[head, body].concat());
                format!("v1a,{}", BASE64.encode(signature.as_ref()))
            }
        }
    }
}

/// The public key has to be the one that belongs to the seed, or receivers would verify with another.
fn pair(seed: &[u8], public: Option<[u8; 32]>) -> Result<Ed25519KeyPair, String> {
    match public {
        Some(public) => Ed25519KeyPair::from_seed_and_public_key(seed, &public),
        None => Ed25519KeyPair::from_seed_unchecked(seed),
    }
    .map_err(|_| "has a public key that does not belong to its private key".to_owned())
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({} keys)", self.0.len())
    }
}
