//! Who an endpoint says it is, true or not.

use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    date_time_ymd,
};
use rustls::{
    RootCertStore, ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
    server::WebPkiClientVerifier,
};

/// The names of the certificates that are as they should be.
const NAMES: [&str; 2] = ["localhost", "127.0.0.1"];

/// Who an endpoint says it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tls {
    /// Itself, by a certificate of its [`Authority`].
    Trusted,
    /// The same, and clients must show a certificate of that authority.
    ClientCertificate,
    /// Itself, and nobody else says so.
    SelfSigned,
    /// Someone else, by a certificate of its authority.
    WrongName,
    /// Itself, by a certificate that is over since 2001.
    Expired,
    /// Itself, by a certificate that is not valid before 4000.
    NotYetValid,
}

/// Who certificates are from: made for one endpoint and never kept.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its private key, both in PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// The certificate.
    pub chain: String,
    /// Its key.
    pub private_key: String,
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Authority")
    }
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

impl Authority {
    /// A new one.
    ///
    /// # Panics
    /// If there is no randomness.
    pub fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, "Fanfare's tests");
        Self(CertifiedIssuer::self_signed(params, key()).expect("a certificate"))
    }

    /// What to trust so as to trust it: its own certificate in PEM.
    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// A certificate for a client.
    ///
    /// # Panics
    /// If there is no randomness.
    pub fn client(&self, name: &str) -> Certificate {
        let mut params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
        params.extended_key_usages.push(ExtendedKeyUsagePurpose::ClientAuth);
        let key = key();
        let certificate = params.signed_by(&key, &self.0).expect("a certificate");
        Certificate { chain: certificate.pem(), private_key: key.serialize_pem() }
    }

    fn server(&self, params: &CertificateParams, key: &KeyPair) -> CertificateDer<'static> {
        params.signed_by(key, &self.0).expect("a certificate").der().clone()
    }
}

impl Tls {
    /// The handshakes of an endpoint that is like this.
    pub(crate) fn config(self, authority: &Authority) -> Arc<ServerConfig> {
        let key = key();
        let params = self.params();
        let certificate = match self {
            Self::SelfSigned => params.self_signed(&key).expect("a certificate").der().clone(),
            _ => authority.server(&params, &key),
        };
        let private_key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("the provider's versions");
        let builder = match self {
            Self::ClientCertificate => builder.with_client_cert_verifier(clients_of(authority)),
            _ => builder.with_no_client_auth(),
        };
        let mut config = builder.with_single_cert(vec![certificate], private_key).expect("they fit");
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Arc::new(config)
    }

    fn params(self) -> CertificateParams {
        let names = if self == Self::WrongName { vec!["elsewhere.example"] } else { NAMES.to_vec() };
        let names: Vec<String> = names.into_iter().map(str::to_owned).collect();
        let mut params = CertificateParams::new(names).expect("names");
        match self {
            Self::Expired => {
                params.not_before = date_time_ymd(2000, 1, 1);
                params.not_after = date_time_ymd(2001, 1, 1);
            }
            Self::NotYetValid => params.not_before = date_time_ymd(4000, 1, 1),
            _ => {}
        }
        params
    }
}

fn clients_of(authority: &Authority) -> Arc<dyn rustls::server::danger::ClientCertVerifier> {
    let mut roots = RootCertStore::empty();
    roots.add(authority.0.der().clone()).expect("a certificate");
    let provider = Arc::new(ring::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
    verifier.build().expect("there is an authority")
}

fn key() -> KeyPair {
    KeyPair::generate().expect("randomness")
}
