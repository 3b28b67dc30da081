//! TLS: whom an endpoint's certificate must lead up to, and what the broker shows itself.
//!
//! The cryptography is ring's, named wherever a configuration is made: no process-wide default is read or set.

use std::{fs, io, path::Path, sync::Arc};

use rustls::{
    ClientConfig, ConfigBuilder, RootCertStore,
    client::{WantsClientCert, WebPkiServerVerifier},
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};
use types::{
    Invalid,
    push::{ClientCertificate, PushSettings},
};

use crate::guard::Scheme;

/// What the endpoints that choose nothing have in common.
#[derive(Debug, Clone)]
pub(crate) struct Roots {
    trusted: Arc<RootCertStore>,
    https: Arc<ClientConfig>,
    grpcs: Arc<ClientConfig>,
}

impl Roots {
    /// What the system trusts, and the certificates of a file.
    ///
    /// # Errors
    /// The file cannot be read, or has no certificate in PEM. What the system's store has that is no certificate is passed over.
    pub(crate) fn load(ca_file: Option<&Path>) -> io::Result<Self> {
        let mut trusted = RootCertStore::empty();
        let native = rustls_native_certs::load_native_certs();
        trusted.add_parsable_certificates(native.certs);
        if trusted.is_empty() {
            tracing::warn!(errors = ?native.errors, "the system trusts no certificates: no TLS endpoint will be trusted that push.ca_file does not vouch for");
        }
        if let Some(path) = ca_file {
            let bad = |why: String| {
                io::Error::new(io::ErrorKind::InvalidData, format!("{}: {why}", path.display()))
            };
            let pem = fs::read(path).map_err(|error| bad(error.to_string()))?;
            add(&mut trusted, &pem).map_err(bad)?;
        }
        Self::of(trusted)
    }

    fn of(trusted: RootCertStore) -> io::Result<Self> {
        let trusted = Arc::new(trusted);
        let config = |scheme| {
            let builder = builder(&trusted).map_err(io::Error::other)?;
            Ok::<_, io::Error>(Arc::new(finish(builder.with_no_client_auth(), scheme)))
        };
        Ok(Self { https: config(Scheme::Https)?, grpcs: config(Scheme::Grpcs)?, trusted })
    }

    /// TLS as an endpoint's settings say.
    ///
    /// # Errors
    /// The certificates or the key are none, or do not go together.
    pub(crate) fn config(&self, scheme: Scheme, push: &PushSettings) -> Result<Arc<ClientConfig>, Invalid> {
        if push.client_certificate.is_none() && push.trusted_certificates.is_none() {
            return Ok(Arc::clone(if scheme.is_grpc() { &self.grpcs } else { &self.https }));
        }
        let trusted = match &push.trusted_certificates {
            Some(pem) => Arc::new(parse_roots(pem).map_err(|why| Invalid::new("trusted_certificates", why))?),
            None => Arc::clone(&self.trusted),
        };
        let builder = builder(&trusted).map_err(|error| Invalid::new("trusted_certificates", error))?;
        let config = match &push.client_certificate {
            Some(certificate) => {
                with_certificate(builder, certificate).map_err(|i| i.within("client_certificate"))?
            }
            None => builder.with_no_client_auth(),
        };
        Ok(Arc::new(finish(config, scheme)))
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

/// A store without certificates is one that trusts nobody, which the verifier's own builder does not allow.
fn builder(trusted: &Arc<RootCertStore>) -> Result<ConfigBuilder<ClientConfig, WantsClientCert>, String> {
    let builder = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    if trusted.is_empty() {
        return Ok(builder.with_root_certificates(Arc::clone(trusted)));
    }
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::clone(trusted), provider())
        .build()
        .map_err(|error| error.to_string())?;
    Ok(builder.with_webpki_verifier(verifier))
}

fn with_certificate(
    builder: ConfigBuilder<ClientConfig, WantsClientCert>,
    certificate: &ClientCertificate,
) -> Result<ClientConfig, Invalid> {
    let chain = certificates(certificate.chain.as_bytes()).map_err(|why| Invalid::new("chain", why))?;
    // What is wrong with a key is not said in detail: the detail could hold some of it.
    let key = PrivateKeyDer::from_pem_slice(certificate.private_key.reveal().as_bytes())
        .map_err(|_| Invalid::new("private_key", "is no private key in PEM (PKCS#8, PKCS#1 or SEC1)"))?;
    builder.with_client_auth_cert(chain, key).map_err(|error| match error {
        rustls::Error::InconsistentKeys(_) => {
            Invalid::new("private_key", "is not the key of the chain's first certificate")
        }
        rustls::Error::InvalidCertificate(_) => Invalid::new("chain", error),
        _ => Invalid::new(
            "private_key",
            "is of a kind that is not supported: RSA, ECDSA P-256 or P-384, Ed25519",
        ),
    })
}

/// HTTP/2 is offered to all, HTTP/1.1 to webhooks. Names are told to the server (SNI), as they were given.
fn finish(mut config: ClientConfig, scheme: Scheme) -> ClientConfig {
    config.alpn_protocols = vec![b"h2".to_vec()];
    if !scheme.is_grpc() {
        config.alpn_protocols.push(b"http/1.1".to_vec());
    }
    config
}

fn parse_roots(pem: &str) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    add(&mut roots, pem.as_bytes())?;
    Ok(roots)
}

fn add(roots: &mut RootCertStore, pem: &[u8]) -> Result<(), String> {
    for (index, certificate) in certificates(pem)?.into_iter().enumerate() {
        roots.add(certificate).map_err(|error| format!("certificate {}: {error}", index + 1))?;
    }
    Ok(())
}

/// At least one.
fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match found {
        Ok(found) if found.is_empty() => Err("has no certificate in PEM".to_owned()),
        Ok(found) => Ok(found),
        Err(error) => Err(format!("is no PEM: {error}")),
    }
}
