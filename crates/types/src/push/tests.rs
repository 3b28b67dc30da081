use std::time::Duration;

use super::*;
use crate::{Timestamp, limits};

fn push(change: impl FnOnce(&mut PushSettings)) -> PushSettings {
    let mut push = PushSettings { endpoint: "https://example.com/hook".into(), ..PushSettings::default() };
    change(&mut push);
    push
}

/// The field and the reason.
fn refused(change: impl FnOnce(&mut PushSettings)) -> (String, String) {
    let invalid = push(change).validate().unwrap_err();
    (invalid.field, invalid.reason)
}

#[test]
fn an_endpoint_alone_is_enough() {
    assert_eq!(push(|_| {}).validate(), Ok(()));
    assert_eq!(push(|push| push.endpoint = "topic:orders".into()).validate(), Ok(()));
    assert_eq!(push(|push| push.endpoint = "grpc://h:1".into()).validate(), Ok(()));
}

#[test]
fn each_number_has_limits_that_the_refusal_names() {
    let second = Duration::from_secs(1);
    type Change = Box<dyn FnOnce(&mut PushSettings)>;
    let cases: [(&str, Change, &str); 12] = [
        ("request_timeout", Box::new(|p| p.request_timeout = Duration::ZERO), "1s to 300s"),
        ("request_timeout", Box::new(|p| p.request_timeout = Duration::from_secs(301)), "1s to 300s"),
        ("max_concurrency", Box::new(|p| p.max_concurrency = 0), "1 to 1000"),
        ("max_concurrency", Box::new(|p| p.max_concurrency = 1_001), "1 to 1000"),
        ("max_batch", Box::new(|p| p.max_batch = 0), "1 to 1000"),
        ("max_receives_per_second", Box::new(|p| p.max_receives_per_second = Some(0.0)), "0.01 to"),
        ("max_receives_per_second", Box::new(|p| p.max_receives_per_second = Some(f64::NAN)), "0.01 to"),
        ("breaker.failures", Box::new(|p| p.breaker.failures = 0), "1 to 10000"),
        ("breaker.failure_ratio", Box::new(|p| p.breaker.failure_ratio = 1.5), "0.01 to 1.0"),
        ("breaker.open", Box::new(move |p| p.breaker.open = second / 2), "1s to 300s"),
        ("breaker.max_open", Box::new(|p| p.breaker.max_open = Duration::from_secs(3_601)), "1s to 3600s"),
        ("breaker.disable_after", Box::new(move |p| p.breaker.disable_after = Some(second)), "60s to"),
    ];
    for (field, change, limit) in cases {
        let (found, reason) = refused(change);
        assert_eq!(found, field);
        assert!(reason.contains(limit), "{field}: {reason}");
    }
}

#[test]
fn headers_that_are_ours_or_no_headers_are_refused() {
    for name in [
        "",
        "Upper",
        "a b",
        "a:b",
        "host",
        "webhook-id",
        "ce-id",
        "x-amz-sns-topic-arn",
        "authorization",
        "te",
        "grpc-timeout",
        "ä",
    ] {
        assert_eq!(
            refused(|push| drop(push.headers.insert(name.into(), "v".into()))).0,
            "headers",
            "{name:?}"
        );
    }
    for value in ["a\r\nb: c", "a\0", "ä", " a", "a ", "a\tb"] {
        let (field, _) = refused(|push| drop(push.headers.insert("x-a".into(), value.into())));
        assert_eq!(field, "headers[\"x-a\"]", "{value:?}");
    }
    let (field, reason) = refused(|push| {
        push.headers = (0..=limits::PUSH_HEADERS).map(|n| (format!("x-{n}"), String::new())).collect();
    });
    assert_eq!((field.as_str(), reason.as_str()), ("headers", "there are 33, the limit is 32"));
    let (field, reason) = refused(|push| drop(push.headers.insert("x-a".into(), "v".repeat(1_025))));
    assert!(field == "headers[\"x-a\"]" && reason.contains("0 to 1024"), "{field}: {reason}");
}

#[test]
fn credentials_that_no_header_can_carry_are_refused_without_being_shown() {
    let secret = || Secret::new("s3cret\nvalue");
    let basic = |username: &str| Authentication::Basic { username: username.into(), password: secret() };
    let header = |name: &str, value| Authentication::Header { name: name.into(), value };
    let cases = [
        (basic("me"), "authentication.basic.password"),
        (basic("a:b"), "authentication.basic.username"),
        (basic(""), "authentication.basic.username"),
        (Authentication::Bearer { token: secret() }, "authentication.bearer.token"),
        (Authentication::Bearer { token: Secret::new("") }, "authentication.bearer.token"),
        (header("x-token", secret()), "authentication.header.value"),
        (header("Host", Secret::new("a")), "authentication.header.name"),
    ];
    for (authentication, path) in cases {
        let (field, reason) = refused(|push| push.authentication = Some(authentication));
        assert_eq!(field, path);
        assert!(!reason.contains("s3cret"), "{reason}");
    }
}

#[test]
fn a_secret_that_is_empty_as_a_read_shows_it_is_refused() {
    let none = || Secret::new("");
    let basic = Authentication::Basic { username: "me".into(), password: none() };
    let header = Authentication::Header { name: "x-token".into(), value: none() };
    for (authentication, path) in [
        (basic, "authentication.basic.password"),
        (Authentication::Bearer { token: none() }, "authentication.bearer.token"),
        (header, "authentication.header.value"),
    ] {
        let (field, reason) = refused(|push| push.authentication = Some(authentication));
        assert_eq!(field, path);
        assert!(reason.contains("1 to 4096 bytes: a read does not show it"), "{reason}");
    }
    let certificate = ClientCertificate { chain: "pem".into(), private_key: none() };
    let (field, _) = refused(|push| push.client_certificate = Some(certificate));
    assert_eq!(field, "client_certificate.private_key");
}

#[test]
fn a_signing_secret_that_is_none_is_refused_by_its_place() {
    let good = || Secret::new(format!("whsec_{}", "c2Vj".repeat(8)));
    assert_eq!(push(|push| push.signing_secrets = vec![good(), good()]).validate(), Ok(()));
    let (field, reason) = refused(|push| push.signing_secrets = vec![good(), Secret::new("whsec_c2Vj")]);
    assert_eq!(field, "signing_secrets[1]");
    assert!(reason.contains("3 bytes") && !reason.contains("c2Vj"), "{reason}");
    assert_eq!(refused(|push| push.signing_secrets = vec![good(); 3]).0, "signing_secrets");
}

#[test]
fn an_error_rule_is_about_answers_that_there_are() {
    let rule = |status| ErrorRule { status, action: ErrorAction::Retry };
    let cases = [
        (StatusRange::Http { from: 199, to: 299 }, "error_rules[1].http.from"),
        (StatusRange::Http { from: 500, to: 499 }, "error_rules[1].http.to"),
        (StatusRange::Http { from: 500, to: 600 }, "error_rules[1].http.to"),
        (StatusRange::Grpc { code: 0 }, "error_rules[1].grpc"),
        (StatusRange::Grpc { code: 17 }, "error_rules[1].grpc"),
    ];
    for (status, path) in cases {
        let rules = vec![rule(StatusRange::Timeout), rule(status)];
        assert_eq!(refused(|push| push.error_rules = rules).0, path);
    }
    assert_eq!(refused(|push| push.error_rules = vec![rule(StatusRange::Timeout); 33]).0, "error_rules");
}

#[test]
fn what_makes_no_sense_for_the_kind_of_endpoint_is_refused() {
    let topic = |change: fn(&mut PushSettings)| {
        refused(|push| {
            push.endpoint = "topic:orders".into();
            change(push);
        })
    };
    assert_eq!(topic(|push| push.content = ContentMode::SnsEnvelope).0, "content");
    assert_eq!(topic(|push| drop(push.headers.insert("x-a".into(), String::new()))).0, "headers");
    assert_eq!(topic(|push| push.max_batch = 2).0, "max_batch");
    let grpc = |push: &mut PushSettings| push.endpoint = "grpcs://h:1".into();
    assert_eq!(
        refused(|p| {
            grpc(p);
            p.content = ContentMode::CloudEventsBinary;
        })
        .0,
        "content"
    );
    assert_eq!(refused(|push| push.max_batch = 2).0, "max_batch");
    assert_eq!(
        push(|p| {
            grpc(p);
            p.max_batch = 2;
        })
        .validate(),
        Ok(())
    );
}

#[test]
fn an_endpoint_without_an_address_or_a_topic_without_a_name_is_refused() {
    assert_eq!(refused(|push| push.endpoint = String::new()).0, "endpoint");
    assert_eq!(refused(|push| push.endpoint = "h".repeat(2_049)).0, "endpoint");
    for name in ["topic:", "topic:a b", "topic:projects/p/subscriptions/s"] {
        assert_eq!(refused(|push| push.endpoint = name.into()).0, "endpoint", "{name}");
    }
}

#[test]
fn requests_for_consent_are_a_minute_apart_at_least_and_an_hour_at_most() {
    let mut confirmation = Confirmation::default();
    assert_eq!(confirmation.next_request_at(), Timestamp::EPOCH);
    let at = Timestamp::from_millis(1_000_000);
    confirmation.requested_at = Some(at);
    for (requests, minutes) in [(1, 1), (2, 2), (3, 4), (6, 32), (7, 60), (72, 60), (u32::MAX, 60)] {
        confirmation.requests = requests;
        assert_eq!(confirmation.next_request_at(), at.plus(Duration::from_secs(minutes * 60)), "{requests}");
    }
    assert!(confirmation.expires_at() > confirmation.next_request_at());
}

#[test]
fn debug_output_of_settings_shows_no_secret() {
    let shown = format!(
        "{:?}",
        push(|push| {
            push.signing_secrets = vec![Secret::new("whsec_c2VjcmV0")];
            push.authentication = Some(Authentication::Bearer { token: Secret::new("c2VjcmV0") });
            push.client_certificate =
                Some(ClientCertificate { chain: "chain".into(), private_key: Secret::new("c2VjcmV0") });
        })
    );
    assert!(!shown.contains("c2VjcmV0"), "{shown}");
}

#[test]
fn settings_come_back_from_json_and_grow_by_defaults() {
    let given = push(|push| {
        push.max_receives_per_second = Some(2.5);
        push.breaker.disable_after = Some(Duration::from_secs(60));
    });
    let json = serde_json::to_string(&given).unwrap();
    assert_eq!(serde_json::from_str::<PushSettings>(&json).unwrap(), given);
    let least: PushSettings = serde_json::from_str(r#"{"endpoint": "https://example.com/hook"}"#).unwrap();
    assert_eq!(least, push(|_| {}));
}
