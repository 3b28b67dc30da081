//! Push settings that are refused when they are named, as a user of grpcurl sees it.

use fanfare_testkit::endpoints::{Behaviour, Endpoint, Tls};
use serde_json::{Value, json};

use super::broker;
use crate::support::{Fanfare, client};

/// Creating a subscription with these settings is refused, with this field.
fn refuses(fanfare: &Fanfare, settings: &Value, field: &str) -> String {
    let request = json!({"name": "new", "topic": "orders", "settings": settings});
    let refused = fanfare.grpcurl().call("SubscriptionService/CreateSubscription", &request);
    let refused = refused.expect_err(&format!("{settings} is accepted"));
    assert_eq!(refused.code, "InvalidArgument", "{settings}: {}", refused.text);
    assert!(refused.text.contains(&format!("\"field\":\"{field}\"")), "{settings}: {}", refused.text);
    refused.text
}

fn refuses_endpoint(fanfare: &Fanfare, endpoint: &str) -> String {
    refuses(fanfare, &json!({"push": {"endpoint": endpoint}}), "settings.push.endpoint")
}

#[tokio::test]
async fn endpoints_of_every_wrong_kind_are_refused() {
    let (fanfare, _directory) = Fanfare::fresh().await;
    client::create_topic(&fanfare, &json!({}));
    let too_long = format!("https://example.com/{}", "x".repeat(2_048));
    for endpoint in [
        "",
        "example.com/hook",
        "/hook",
        "ftp://example.com/hook",
        "file:///etc/passwd",
        "https://",
        "https:///hook",
        "https://user:secret@example.com/hook",
        "https://example.com/hook#part",
        "https://example.com:22/hook",
        "https://example.com:99999/hook",
        "http://example.com/hook",
        "grpc://example.com:443",
        "grpcs://example.com",
        "grpcs://example.com:443/path",
        "topic:",
        "topic:no such name",
        "topic:nowhere",
        &too_long,
    ] {
        refuses_endpoint(&fanfare, endpoint);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn endpoints_inside_are_refused_however_they_are_written_and_nothing_is_connected_to() {
    let inside = Endpoint::start(Behaviour::ok());
    let port = inside.address().port();
    let (fanfare, _directory) = Fanfare::fresh().await;
    client::create_topic(&fanfare, &json!({}));
    for host in [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "0.0.0.0",
        "localhost",
        "localhost.",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "%31%32%37.0.0.1",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.0.1",
        "100.64.0.1",
        "169.254.169.254",
        "[fd00:ec2::254]",
        "[fe80::1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "224.0.0.1",
        "255.255.255.255",
        "does-not-exist.invalid",
    ] {
        refuses_endpoint(&fanfare, &format!("https://{host}:{port}/hook"));
        refuses_endpoint(&fanfare, &format!("grpcs://{host}:{port}"));
    }
    assert_eq!(inside.totals().connections, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn endpoints_that_cannot_be_reached_or_trusted_are_refused() {
    let (fanfare, _directory) = broker().await;
    let endpoint = Endpoint::start(Behaviour::ok());
    let plain = endpoint.url("/hook").replace("http:", "https:");
    assert!(refuses_endpoint(&fanfare, &plain).contains("no TLS with"));
    endpoint.refuse().await;
    assert!(refuses_endpoint(&fanfare, &endpoint.url("/hook")).contains("Connection refused"));
    for (tls, is_vouched_for, why) in [
        (Tls::Trusted, false, "UnknownIssuer"),
        (Tls::SelfSigned, true, "UnknownIssuer"),
        (Tls::WrongName, true, "not valid for name"),
        (Tls::Expired, true, "certificate expired"),
        (Tls::NotYetValid, true, "not valid yet"),
    ] {
        let endpoint = Endpoint::start_tls(Behaviour::ok(), tls);
        let mut push = json!({"endpoint": endpoint.url_by_name("/hook")});
        if is_vouched_for {
            push["trustedCertificates"] = json!(endpoint.authority().pem());
        }
        let text = refuses(&fanfare, &json!({"push": push}), "settings.push.endpoint");
        assert!(text.contains(why), "{tls:?}: {text}");
    }
}

#[tokio::test]
async fn the_brokers_own_ports_are_no_endpoint() {
    let (fanfare, _directory) = broker().await;
    for address in [fanfare.grpc(), fanfare.http()] {
        refuses_endpoint(&fanfare, &format!("http://{address}/hook"));
        refuses_endpoint(&fanfare, &format!("grpc://{address}"));
    }
}

/// Push settings with one thing wrong, and the field that is.
fn wrong_settings() -> Vec<(Value, &'static str)> {
    vec![
        (json!({"headers": {"Upper": "x"}}), "headers"),
        (json!({"headers": {"authorization": "x"}}), "headers"),
        (json!({"headers": {"x-big": "x".repeat(1_025)}}), "headers[\\\"x-big\\\"]"),
        (json!({"authentication": {"basic": {"username": "a:b"}}}), "authentication.basic.username"),
        (json!({"authentication": {"bearer": {"token": "two words"}}}), "authentication.bearer.token"),
        (json!({"authentication": {"header": {"name": "", "value": "x"}}}), "authentication.header.name"),
        (json!({"clientCertificate": {"chain": "", "privateKey": "x"}}), "client_certificate.chain"),
        (json!({"trustedCertificates": "no certificate"}), "trusted_certificates"),
        (json!({"signingSecrets": ["hunter2"]}), "signing_secrets[0]"),
        (json!({"signingSecrets": ["whsec_c2hvcnQ="]}), "signing_secrets[0]"),
        (json!({"signingSecrets": ["a", "b", "c"]}), "signing_secrets"),
        (json!({"requestTimeout": "0.5s"}), "request_timeout"),
        (json!({"requestTimeout": "301s"}), "request_timeout"),
        (json!({"maxConcurrency": 0}), "max_concurrency"),
        (json!({"maxConcurrency": 1_001}), "max_concurrency"),
        (json!({"maxBatch": 2}), "max_batch"),
        (json!({"maxReceivesPerSecond": 0.001}), "max_receives_per_second"),
        (
            json!({"errorRules": [{"http": {"from": 99}, "action": "PUSH_ACTION_RETRY"}]}),
            "error_rules[0].http.from",
        ),
        (json!({"errorRules": [{"grpc": 17, "action": "PUSH_ACTION_RETRY"}]}), "error_rules[0].grpc"),
        (json!({"errorRules": [{"grpc": 5}]}), "error_rules[0].action"),
        (json!({"breaker": {"failures": 0}}), "breaker.failures"),
        (json!({"breaker": {"failureRatio": 1.5}}), "breaker.failure_ratio"),
        (json!({"breaker": {"open": "10s", "maxOpen": "5s"}}), "breaker.open"),
        (json!({"breaker": {"disableAfter": "1s"}}), "breaker.disable_after"),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn every_wrong_setting_is_refused_with_its_path() {
    let (fanfare, _directory) = broker().await;
    let endpoint = Endpoint::start(Behaviour::ok());
    for (mut push, field) in wrong_settings() {
        push["endpoint"] = json!(endpoint.url("/hook"));
        let text = refuses(&fanfare, &json!({"push": push}), &format!("settings.push.{field}"));
        assert!(!text.contains("hunter2"), "{text}");
    }
    let retry = json!({"exponential": {"minBackoff": "10s", "maxBackoff": "5s"}});
    let settings = json!({"retry": retry, "push": {"endpoint": endpoint.url("/hook")}});
    refuses(&fanfare, &settings, "settings.retry.exponential.min_backoff");
    let content = json!({"endpoint": "grpc://127.0.0.1:50051", "content": "PUSH_CONTENT_SNS_ENVELOPE"});
    refuses(&fanfare, &json!({"push": content}), "settings.push.content");
    assert_eq!(endpoint.totals().deliveries, 0);
}
