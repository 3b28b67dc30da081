use std::collections::BTreeMap;

use types::push::{ClientCertificate, Secret};

use super::*;
use crate::{
    guard::vectors,
    support::{
        Dials, Names,
        certificates::{Authority, Issued},
        config, delivery, endpoint, now, servers, settings, transport,
    },
};

fn ok(_: &servers::Seen) -> http::Response<http_body_util::Full<bytes::Bytes>> {
    http::Response::default()
}

fn certificate(issued: &Issued) -> ClientCertificate {
    ClientCertificate { chain: issued.chain.clone(), private_key: Secret::new(issued.key.as_str()) }
}

fn trusting(endpoint: &str, authority: &Authority) -> PushSettings {
    PushSettings { trusted_certificates: Some(authority.pem.clone()), ..settings(endpoint) }
}

fn guardian() -> Guardian {
    Guardian::new(transport(&config(), Names::answering(&[&["127.0.0.1"]]), Dials::connecting()))
}

async fn refused(push: &PushSettings) -> (String, String) {
    let invalid = guardian().check(push).await.unwrap_err();
    (invalid.field, invalid.reason)
}

#[tokio::test]
async fn no_vector_is_asked_for_or_connected_to_when_it_is_named_or_delivered_to() {
    let by_default = Config { allow_http: true, ..Config::default() };
    let (names, dials) = (Names::hanging(), Dials::refusing());
    let transport = transport(&by_default, Arc::clone(&names), Arc::clone(&dials));
    let guardian = Guardian::new(transport.clone());
    for url in vectors::WRITTEN.iter().flat_map(|(_, urls)| *urls) {
        let named = guardian.check(&settings(url)).await.expect_err(url);
        let taken_up = transport.carrier(&endpoint(settings(url))).expect_err(url);
        assert_eq!((named.field.as_str(), taken_up), ("endpoint", named.clone()), "{url}");
    }
    assert!(names.asked.lock().is_empty() && dials.dialled.lock().is_empty());
}

#[test]
fn a_transport_is_made_before_there_is_a_runtime() {
    Transport::new(&config(), Arc::new(types::SystemClock::start())).unwrap();
}

#[tokio::test]
async fn an_endpoint_that_takes_a_connection_is_let_through() {
    let server = servers::http(ok).await;
    guardian().check(&settings(&server.url("http"))).await.unwrap();
    guardian().check(&settings(&server.url("grpc"))).await.unwrap();
    let by_name = format!("http://hooks.example:{}", server.address.port());
    guardian().check(&settings(&by_name)).await.unwrap();
    guardian().check(&settings("topic:other")).await.unwrap();
}

#[tokio::test]
async fn an_endpoint_that_takes_no_connection_is_refused_with_the_reason() {
    let (field, reason) = refused(&settings("http://127.0.0.1:1")).await;
    assert_eq!(field, "endpoint");
    assert!(reason.contains("port 1 is not allowed"), "{reason}");

    // A port that was free a moment ago.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (field, reason) = refused(&settings(&format!("http://{free}"))).await;
    assert_eq!(field, "endpoint");
    assert!(reason.contains("refused"), "{reason}");
}

#[test]
fn other_settings_of_an_endpoint_that_was_named_before_ask_no_one() {
    let (names, dials) = (Names::hanging(), Dials::refusing());
    let guardian = Guardian::new(transport(&config(), Arc::clone(&names), Arc::clone(&dials)));
    guardian.check_again(&settings("https://down.example")).unwrap();
    let wrong = PushSettings { trusted_certificates: Some("nothing".to_owned()), ..settings("https://a.b") };
    assert_eq!(guardian.check_again(&wrong).unwrap_err().field, "trusted_certificates");
    assert_eq!(guardian.check_again(&settings("https://10.0.0.1")).unwrap_err().field, "endpoint");
    assert!(names.asked.lock().is_empty() && dials.dialled.lock().is_empty());
}

#[test]
fn a_file_that_cannot_be_used_is_named_before_anything_is_begun() {
    let with = |file: &str| Config { ca_file: Some(file.into()), ..Config::default() };
    let missing = Transport::check_files(&with("/nowhere/ca.pem")).unwrap_err();
    assert_eq!(missing.field, "ca_file");
    assert!(missing.reason.starts_with("cannot be used: /nowhere/ca.pem: "), "{missing}");
    assert!(Transport::check_files(&with("Cargo.toml")).is_err(), "it has no certificate");
    assert_eq!(Transport::check_files(&Config::default()), Ok(()));
}

#[tokio::test]
async fn what_is_no_address_or_a_denied_one_is_refused_with_the_rule() {
    let (field, reason) = refused(&settings("https://10.0.0.1")).await;
    assert_eq!(field, "endpoint");
    assert_eq!(
        reason,
        "10.0.0.1 must not be connected to: private, 10.0.0.0/8 (RFC 1918); the operator can allow it (push.allow_networks)"
    );

    assert_eq!(refused(&settings("not an address")).await.0, "endpoint");

    let names = Names::answering(&[&["8.8.8.8", "fd00:ec2::254"]]);
    let guardian = Guardian::new(transport(&config(), names, Dials::refusing()));
    let invalid = guardian.check(&settings("https://metadata.example")).await.unwrap_err();
    assert_eq!(invalid.reason, "fd00:ec2::254 must not be connected to: it is a cloud's metadata service");
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_has_three_seconds_to_take_a_connection() {
    let dials = Dials::doing(|_| Box::pin(std::future::pending()));
    let guardian = Guardian::new(transport(&config(), Names::hanging(), dials));
    let began = now();
    let invalid = guardian.check(&settings("https://8.8.8.8")).await.unwrap_err();
    assert_eq!(invalid.reason, "no connection to 8.8.8.8:443 in 3s");
    assert_eq!(began.elapsed(), CHECK_TIME);
}

#[tokio::test]
async fn hosts_that_the_operator_vouches_for_and_a_static_check_ask_no_one() {
    let mut trusting = config();
    trusting.trusted_hosts = vec!["*.example.com".to_owned()];
    let (names, dials) = (Names::hanging(), Dials::refusing());
    let transport = transport(&trusting, Arc::clone(&names), Arc::clone(&dials));
    Guardian::new(transport.clone()).check(&settings("https://hooks.example.com")).await.unwrap();
    let fixed = Guardian::static_only(transport);
    fixed.check(&settings("https://elsewhere.example")).await.unwrap();
    assert!(fixed.check(&settings("https://192.168.0.1")).await.is_err());
    assert!(names.asked.lock().is_empty() && dials.dialled.lock().is_empty());
}

#[tokio::test]
async fn a_host_that_the_operator_vouches_for_has_its_addresses_checked_as_every_other() {
    let trusted_hosts = vec!["*.example.com".to_owned(), "10.0.0.1".to_owned()];
    let trusting = Config { trusted_hosts, ..Config::default() };
    let (names, dials) = (Names::answering(&[&["8.8.8.8", "10.0.0.1"]]), Dials::refusing());
    let transport = transport(&trusting, names, Arc::clone(&dials));
    let by_name = transport.carrier(&endpoint(settings("https://hooks.example.com"))).unwrap();
    let answer = by_name.deliver(&[delivery(1)]).await.remove(0);
    assert_eq!(answer.response, crate::Response::Failed(crate::Failure::Denied), "{}", answer.error);
    assert!(transport.carrier(&endpoint(settings("https://10.0.0.1"))).is_err());
    assert!(dials.dialled.lock().is_empty());
}

#[tokio::test]
async fn certificates_keys_headers_and_secrets_that_cannot_be_used_are_refused_by_field() {
    let (authority, other) = (Authority::new(), Authority::new());
    let issued = authority.issue("client");
    let url = "https://127.0.0.1:8443";
    let with = |chain: &str, key: &str| PushSettings {
        client_certificate: Some(ClientCertificate {
            chain: chain.to_owned(),
            private_key: Secret::new(key),
        }),
        ..settings(url)
    };
    let trusted = |pem: &str| PushSettings { trusted_certificates: Some(pem.to_owned()), ..settings(url) };
    let many: BTreeMap<_, _> = (0..20).map(|n| (format!("x-{n}"), "x".repeat(1_000))).collect();
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    for (push, field) in [
        (with("nothing", &issued.key), "client_certificate.chain"),
        (with(&issued.key, &issued.key), "client_certificate.chain"),
        (with(broken, &issued.key), "client_certificate.chain"),
        (with(&issued.chain, "nothing"), "client_certificate.private_key"),
        (with(&issued.chain, &issued.chain), "client_certificate.private_key"),
        (with(&issued.chain, &other.issue("client").key), "client_certificate.private_key"),
        (trusted("nothing"), "trusted_certificates"),
        (trusted(broken), "trusted_certificates"),
        (
            PushSettings { endpoint: "http://127.0.0.1:8080".to_owned(), ..trusted(&authority.pem) },
            "trusted_certificates",
        ),
        (
            PushSettings { endpoint: "grpc://127.0.0.1:8080".to_owned(), ..with(&issued.chain, &issued.key) },
            "client_certificate",
        ),
        (
            PushSettings {
                headers: [("x-bin".to_owned(), "x".to_owned())].into(),
                ..settings("grpcs://127.0.0.1:8443")
            },
            "headers",
        ),
        (PushSettings { headers: many.clone(), ..settings("grpcs://127.0.0.1:8443") }, "headers"),
        (
            PushSettings { signing_secrets: vec![Secret::new("nothing")], ..settings(url) },
            "signing_secrets[0]",
        ),
        (PushSettings { headers: many, ..settings(url) }, "headers"),
    ] {
        let (found, reason) = refused(&push).await;
        assert_eq!(found, field, "{reason}");
        assert!(!reason.contains("PRIVATE"), "{reason}");
    }
}

#[tokio::test]
async fn an_endpoint_is_trusted_if_its_certificate_leads_up_to_one_that_is() {
    let authority = Authority::new();
    let server = servers::https(authority.issue("127.0.0.1").server(&["h2", "http/1.1"]), ok).await;
    guardian().check(&trusting(&server.url("https"), &authority)).await.unwrap();
    guardian().check(&trusting(&server.url("grpcs"), &authority)).await.unwrap();

    let named = servers::https(authority.issue("hooks.example").server(&[]), ok).await;
    let by_name = format!("https://hooks.example:{}", named.address.port());
    guardian().check(&trusting(&by_name, &authority)).await.unwrap();
    let with_dot = format!("https://hooks.example.:{}", named.address.port());
    guardian().check(&trusting(&with_dot, &authority)).await.unwrap();
}

#[tokio::test]
async fn an_endpoint_is_not_trusted_with_the_wrong_issuer_name_or_time() {
    let (authority, other) = (Authority::new(), Authority::new());
    for (issued, words) in [
        (other.issue("127.0.0.1"), "invalid peer certificate"),
        (authority.issue("127.0.0.2"), "not valid for"),
        (authority.issue("hooks.example"), "not valid for"),
        (authority.issue_expired("127.0.0.1"), "expired"),
    ] {
        let server = servers::https(issued.server(&[]), ok).await;
        let (field, reason) = refused(&trusting(&server.url("https"), &authority)).await;
        assert_eq!(field, "endpoint");
        assert!(reason.contains(words) && reason.starts_with("no TLS with 127.0.0.1:"), "{words}: {reason}");
    }
    // What the system trusts does not include the tests' authority.
    let server = servers::https(authority.issue("127.0.0.1").server(&[]), ok).await;
    let (_, reason) = refused(&settings(&server.url("https"))).await;
    assert!(reason.starts_with("no TLS with"), "{reason}");
}

#[tokio::test]
async fn a_server_without_tls_is_no_tls_endpoint() {
    let server = servers::http(ok).await;
    let (field, reason) = refused(&settings(&server.url("https"))).await;
    assert_eq!(field, "endpoint");
    assert!(reason.starts_with("no TLS with 127.0.0.1:"), "{reason}");
}

#[tokio::test]
async fn an_operators_certificates_are_trusted_beside_the_systems() {
    let authority = Authority::new();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), &authority.pem).unwrap();
    let mut config = config();
    config.ca_file = Some(file.path().to_owned());
    let guardian = Guardian::new(transport(&config, Names::hanging(), Dials::connecting()));
    let server = servers::https(authority.issue("127.0.0.1").server(&[]), ok).await;
    guardian.check(&settings(&server.url("https"))).await.unwrap();

    std::fs::write(file.path(), "nothing").unwrap();
    let refused = Transport::new(&config, Arc::new(types::SystemClock::start())).unwrap_err();
    assert!(refused.to_string().contains("has no certificate in PEM"), "{refused}");
}

#[tokio::test]
async fn a_client_certificate_is_shown_to_a_server_that_wants_one() {
    let authority = Authority::new();
    let server = servers::https(authority.issue("127.0.0.1").server_for_clients_of(&authority), ok).await;
    let deliver = |push: PushSettings| async {
        let carrier = crate::support::carrier(push);
        carrier.deliver(&[delivery(1)]).await.remove(0).response
    };
    let shown = PushSettings {
        client_certificate: Some(certificate(&authority.issue("client"))),
        ..trusting(&server.url("https"), &authority)
    };
    assert_eq!(deliver(shown.clone()).await, crate::Response::Http(200));

    let none = PushSettings { client_certificate: None, ..shown.clone() };
    assert_eq!(deliver(none).await, crate::Response::Failed(crate::Failure::Tls));
    let wrong =
        PushSettings { client_certificate: Some(certificate(&Authority::new().issue("client"))), ..shown };
    assert_eq!(deliver(wrong).await, crate::Response::Failed(crate::Failure::Tls));
}
