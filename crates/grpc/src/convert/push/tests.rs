use std::time::Duration;

use data_encoding::{BASE64, HEXLOWER_PERMISSIVE};
use fanfare_proto::v1::{push_authentication::Method, push_error_rule::Status};
use prost::Message as _;
use types::push::{Authentication, BreakerSettings, ErrorAction, ErrorRule, StatusRange};

use super::*;
use crate::convert::subscription;

/// RFC 8032, section 7.1, test 1.
const SEED: &str = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
const PUBLIC: &str = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
/// In every secret of these tests.
const TELLTALE: &str = "c2VjcmV0";

fn config(change: impl FnOnce(&mut v1::PushConfig)) -> v1::PushConfig {
    let mut config = v1::PushConfig { endpoint: "https://example.com/hook".into(), ..Default::default() };
    change(&mut config);
    config
}

fn read(push: v1::PushConfig) -> Result<Arc<PushSettings>, Refusal> {
    let given = v1::SubscriptionSettings { push: Some(push), ..Default::default() };
    subscription::settings(Some(given)).map(|settings| settings.push.unwrap())
}

fn refused(change: impl FnOnce(&mut v1::PushConfig)) -> v1::RequestError {
    read(config(change)).unwrap_err().into()
}

fn symmetric() -> String {
    format!("whsec_{}", TELLTALE.repeat(4))
}

fn whsk(parts: &[&str]) -> String {
    let bytes = HEXLOWER_PERMISSIVE.decode(parts.concat().as_bytes()).unwrap();
    format!("whsk_{}", BASE64.encode(&bytes))
}

/// Nothing in it is a default.
fn full() -> PushSettings {
    let http = StatusRange::Http { from: 400, to: 499 };
    let rule = |status, action| ErrorRule { status, action };
    PushSettings {
        endpoint: "https://example.com/hook".into(),
        content: ContentMode::CloudEventsStructured,
        headers: [("x-team".into(), "billing".into())].into(),
        authentication: Some(Authentication::Bearer { token: Secret::new(TELLTALE) }),
        client_certificate: Some(ClientCertificate {
            chain: "chain".into(),
            private_key: Secret::new(TELLTALE),
        }),
        trusted_certificates: Some("authority".into()),
        signing_secrets: vec![Secret::new(symmetric()), Secret::new(whsk(&[SEED]))],
        request_timeout: Duration::from_millis(2_500),
        max_concurrency: 3,
        max_batch: 1,
        max_receives_per_second: Some(0.5),
        error_rules: vec![
            rule(http, ErrorAction::Retry),
            rule(StatusRange::Grpc { code: 16 }, ErrorAction::Disable),
            rule(StatusRange::Timeout, ErrorAction::Reject),
            rule(StatusRange::Transport, ErrorAction::Acknowledge),
        ],
        breaker: BreakerSettings {
            failures: 7,
            failure_ratio: 0.25,
            open: Duration::from_secs(2),
            max_open: Duration::from_secs(20),
            disable_after: Some(Duration::from_secs(86_400)),
        },
    }
}

#[test]
fn what_is_absent_is_the_default() {
    let default = PushSettings { endpoint: "https://example.com/hook".into(), ..PushSettings::default() };
    assert_eq!(*read(config(|_| {})).unwrap(), default);
    assert_eq!(*read(config(|push| push.breaker = Some(v1::PushBreaker::default()))).unwrap(), default);
    assert_eq!(of_settings(None).unwrap(), None);
    let max_open = Some(prost_types::Duration { seconds: 2, nanos: 0 });
    let short = config(|push| push.breaker = Some(v1::PushBreaker { max_open, ..Default::default() }));
    assert_eq!(read(short).unwrap().breaker.open, Duration::from_secs(2), "it is never after max_open");
}

#[test]
fn settings_come_back_from_the_wire() {
    assert_eq!(*read(to_proto(&full(), Secrets::Shown)).unwrap(), full());
    for content in [ContentMode::Raw, ContentMode::CloudEventsBinary, ContentMode::SnsEnvelope] {
        let given = PushSettings { content, ..full() };
        assert_eq!(*read(to_proto(&given, Secrets::Shown)).unwrap(), given);
    }
    let basic = Authentication::Basic { username: "me".into(), password: Secret::new("p") };
    let header = Authentication::Header { name: "x-token".into(), value: Secret::new("v") };
    for authentication in [basic, header] {
        let given = PushSettings { authentication: Some(authentication), ..full() };
        assert_eq!(*read(to_proto(&given, Secrets::Shown)).unwrap(), given);
    }
    let grpc = PushSettings { endpoint: "grpcs://h:1".into(), max_batch: 9, ..PushSettings::default() };
    assert_eq!(*read(to_proto(&grpc, Secrets::Shown)).unwrap(), grpc);
}

#[test]
fn a_read_shows_that_there_are_secrets_and_none_of_them() {
    let header = Authentication::Header { name: "x-token".into(), value: Secret::new(TELLTALE) };
    let basic = Authentication::Basic { username: "me".into(), password: Secret::new(TELLTALE) };
    for authentication in [Some(header), Some(basic), full().authentication] {
        let shown = to_proto(&PushSettings { authentication, ..full() }, Secrets::Hidden);
        let bytes = shown.encode_to_vec();
        assert!(!bytes.windows(TELLTALE.len()).any(|part| part == TELLTALE.as_bytes()), "{shown:?}");
        assert!(!format!("{shown:?}").contains(&whsk(&[SEED])[5..]));
        assert!(shown.authentication.unwrap().method.is_some());
        assert_eq!(shown.client_certificate.unwrap().chain, "chain");
        assert_eq!((shown.signing_keys.len(), shown.signing_secrets.len()), (2, 0));
    }
}

#[test]
fn signing_keys_are_told_by_fingerprint_and_by_the_public_key() {
    let keys = to_proto(&full(), Secrets::Hidden).signing_keys;
    let digest = ring::digest::digest(&ring::digest::SHA256, symmetric().as_bytes());
    let fingerprint = data_encoding::HEXLOWER.encode(digest.as_ref());
    assert_eq!((keys[0].version.as_str(), keys[0].public_key.as_str()), ("v1", ""));
    assert_eq!(keys[0].fingerprint, fingerprint[..8]);
    let public = BASE64.encode(&HEXLOWER_PERMISSIVE.decode(PUBLIC.as_bytes()).unwrap());
    assert_eq!((keys[1].version.as_str(), keys[1].public_key.clone()), ("v1a", format!("whpk_{public}")));
}

#[test]
fn a_private_key_is_taken_with_its_own_public_key_only() {
    assert!(read(config(|push| push.signing_secrets = vec![whsk(&[SEED, PUBLIC])])).is_ok());
    let refused = refused(|push| push.signing_secrets = vec![symmetric(), whsk(&[SEED, SEED])]);
    assert_eq!(refused.field, "settings.push.signing_secrets[1]");
    assert!(refused.message.contains("is not the one of its private key"), "{refused:?}");
}

#[test]
fn settings_that_were_read_and_are_sent_back_never_lose_a_secret_silently() {
    let back = |change: fn(&mut PushSettings)| {
        let mut push = PushSettings { endpoint: "https://h/".into(), ..PushSettings::default() };
        change(&mut push);
        v1::RequestError::from(read(to_proto(&push, Secrets::Hidden)).unwrap_err()).field
    };
    assert_eq!(back(|push| push.signing_secrets = full().signing_secrets), "settings.push.signing_secrets");
    assert_eq!(
        back(|push| push.authentication = full().authentication),
        "settings.push.authentication.bearer.token"
    );
    assert_eq!(
        back(|push| push.client_certificate = full().client_certificate),
        "settings.push.client_certificate.private_key"
    );
}

#[test]
fn each_field_at_fault_is_named_by_its_path() {
    let rule = |status| v1::PushErrorRule { status, action: 1 };
    let rules = |status| vec![rule(Some(Status::Grpc(1))), rule(status)];
    let http = |from, to| Some(Status::Http(v1::HttpStatusRange { from, to }));
    let negative = Some(prost_types::Duration { seconds: -1, nanos: 0 });
    type Change<'a> = Box<dyn FnOnce(&mut v1::PushConfig) + 'a>;
    let cases: Vec<(&str, Change<'_>)> = vec![
        ("endpoint", Box::new(|push| push.endpoint.clear())),
        ("content", Box::new(|push| push.content = 5)),
        ("headers", Box::new(|push| drop(push.headers.insert("Host".into(), String::new())))),
        (
            "authentication.method",
            Box::new(|push| push.authentication = Some(v1::PushAuthentication::default())),
        ),
        (
            "authentication.bearer.token",
            Box::new(|push| {
                let bearer = Method::Bearer(v1::BearerAuthentication::default());
                push.authentication = Some(v1::PushAuthentication { method: Some(bearer) });
            }),
        ),
        ("client_certificate.chain", Box::new(|push| push.client_certificate = Some(Default::default()))),
        ("trusted_certificates", Box::new(|push| push.trusted_certificates = "x".repeat(32_769))),
        ("signing_secrets[0]", Box::new(|push| push.signing_secrets = vec!["whsec_".into()])),
        ("request_timeout", Box::new(|push| push.request_timeout = Some(Default::default()))),
        ("max_concurrency", Box::new(|push| push.max_concurrency = Some(0))),
        ("max_batch", Box::new(|push| push.max_batch = Some(2))),
        ("max_receives_per_second", Box::new(|push| push.max_receives_per_second = Some(0.0))),
        ("error_rules[1].status", Box::new(|push| push.error_rules = rules(None))),
        ("error_rules[1].http.from", Box::new(|push| push.error_rules = rules(http(70_000, 0)))),
        ("error_rules[1].http.to", Box::new(|push| push.error_rules = rules(http(500, 499)))),
        ("error_rules[1].http.to", Box::new(|push| push.error_rules = rules(http(500, 70_000)))),
        ("error_rules[1].grpc", Box::new(|push| push.error_rules = rules(Some(Status::Grpc(300))))),
        ("error_rules[1].failure", Box::new(|push| push.error_rules = rules(Some(Status::Failure(0))))),
        (
            "error_rules[0].action",
            Box::new(|push| push.error_rules = vec![v1::PushErrorRule { action: 0, ..rule(http(200, 0)) }]),
        ),
        (
            "error_rules[0].action",
            Box::new(|push| push.error_rules = vec![v1::PushErrorRule { action: 5, ..rule(http(200, 0)) }]),
        ),
        (
            "breaker.open",
            Box::new(move |push| {
                push.breaker = Some(v1::PushBreaker { open: negative, ..Default::default() });
            }),
        ),
        (
            "breaker.failures",
            Box::new(|push| push.breaker = Some(v1::PushBreaker { failures: Some(0), ..Default::default() })),
        ),
    ];
    for (field, change) in cases {
        assert_eq!(refused(change).field, format!("settings.push.{field}"));
    }
}

#[test]
fn a_single_status_is_a_range_of_one() {
    let status = Some(Status::Http(v1::HttpStatusRange { from: 404, to: 0 }));
    let push = config(|push| push.error_rules = vec![v1::PushErrorRule { status, action: 2 }]);
    assert_eq!(read(push).unwrap().error_rules[0].status, StatusRange::Http { from: 404, to: 404 });
}
