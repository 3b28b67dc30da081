//! Handshakes.

use std::{io, sync::Arc};

use fanfare_testkit::endpoints::{Behaviour, Certificate, Endpoint, Tls};
use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;

use super::delivery;

fn connector(endpoint: &Endpoint, client: Option<Certificate>) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(endpoint.authority().pem().as_bytes()).unwrap()).unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    let config = match client {
        None => builder.with_no_client_auth(),
        Some(client) => {
            let chain = vec![CertificateDer::from_pem_slice(client.chain.as_bytes()).unwrap()];
            let key = PrivateKeyDer::from_pem_slice(client.private_key.as_bytes()).unwrap();
            builder.with_client_auth_cert(chain, key).unwrap()
        }
    };
    TlsConnector::from(Arc::new(config))
}

/// The answer's beginning, or why there is none.
async fn deliver(endpoint: &Endpoint, client: Option<Certificate>) -> io::Result<String> {
    let stream = TcpStream::connect(endpoint.address()).await?;
    let name = ServerName::try_from("localhost").unwrap();
    let mut stream = connector(endpoint, client).connect(name, stream).await?;
    stream.write_all(delivery("m", "x").as_bytes()).await?;
    let mut answer = [0; 15];
    stream.read_exact(&mut answer).await?;
    Ok(String::from_utf8(answer.to_vec()).unwrap())
}

async fn refusal(tls: Tls) -> String {
    let endpoint = Endpoint::start_tls(Behaviour::ok(), tls);
    let error = deliver(&endpoint, None).await.unwrap_err();
    assert_eq!(endpoint.totals().deliveries, 0);
    error.to_string()
}

#[tokio::test]
async fn who_trusts_the_authority_trusts_the_endpoint() {
    let endpoint = Endpoint::start_tls(Behaviour::ok(), Tls::Trusted);
    assert_eq!(deliver(&endpoint, None).await.unwrap(), "HTTP/1.1 200 OK");
    assert!(endpoint.url_by_name("/hook").starts_with("https://localhost:"));
}

#[tokio::test]
async fn each_wrong_certificate_is_refused_for_what_is_wrong_with_it() {
    for (tls, why) in [
        (Tls::SelfSigned, "UnknownIssuer"),
        (Tls::WrongName, "not valid for name"),
        (Tls::Expired, "expired"),
        (Tls::NotYetValid, "not valid yet"),
    ] {
        let found = refusal(tls).await;
        assert!(found.contains(why), "{tls:?}: {found}");
    }
}

#[tokio::test]
async fn an_endpoint_that_wants_a_client_certificate_takes_only_its_own() {
    let endpoint = Endpoint::start_tls(Behaviour::ok(), Tls::ClientCertificate);
    deliver(&endpoint, None).await.unwrap_err();
    let stranger = fanfare_testkit::endpoints::Authority::new().client("worker");
    deliver(&endpoint, Some(stranger)).await.unwrap_err();
    let own = endpoint.authority().client("worker");
    assert_eq!(deliver(&endpoint, Some(own)).await.unwrap(), "HTTP/1.1 200 OK");
    assert_eq!(endpoint.totals().deliveries, 1);
}
