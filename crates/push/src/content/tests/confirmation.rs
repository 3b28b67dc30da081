use http::{HeaderMap, StatusCode};

use super::*;
use crate::Consent;

const TOKEN: &str = "dGhpcyBpcyBhIHRva2VuIG9mIDMyIGJ5dGVzLi4uLi4";

fn content(mode: ContentMode) -> Content {
    let push = PushSettings {
        signing_secrets: vec![Secret::new(SECRET)],
        max_receives_per_second: Some(0.51),
        authentication: Some(Authentication::Bearer { token: Secret::new("t0ken") }),
        ..settings(mode)
    };
    content_of(&endpoint(push)).unwrap()
}

fn consent(mode: ContentMode, status: u16, headers: &[(&'static str, &str)], body: &str) -> Consent {
    let headers =
        headers.iter().map(|(name, value)| (http::HeaderName::from_static(name), value.parse().unwrap()));
    content(mode).consent(
        TOKEN,
        StatusCode::from_u16(status).unwrap(),
        &HeaderMap::from_iter(headers),
        body.as_bytes(),
    )
}

#[test]
fn a_token_is_43_characters_and_no_two_are_the_same() {
    let tokens: std::collections::BTreeSet<_> = (0..100).map(|_| new_token().unwrap()).collect();
    assert_eq!(tokens.len(), 100);
    assert!(tokens.iter().all(|token| token.len() == 43
        && token.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')));
}

#[test]
fn raw_and_sns_endpoints_are_asked_as_by_sns() {
    for (mode, content_type) in
        [(ContentMode::Raw, "application/json"), (ContentMode::SnsEnvelope, "text/plain; charset=UTF-8")]
    {
        let (parts, body) = content(mode).confirmation(TOKEN, NOW).unwrap().into_parts();
        let (headers, body) = (texts(&parts.headers), json_of(&bytes(body)));
        assert_eq!((parts.method, parts.uri), (Method::POST, "https://example.com/in?x=1".parse().unwrap()));
        assert_eq!((&body["Type"], &body["Token"]), (&json!("SubscriptionConfirmation"), &json!(TOKEN)));
        assert_eq!(body["TopicArn"], "projects/default/topics/orders");
        assert_eq!(body["SubscriptionArn"], "projects/default/subscriptions/billing");
        assert_eq!(body["Timestamp"], "2026-11-24T13:00:01.623Z");
        assert_eq!(body["MessageId"], headers["webhook-id"].as_str());
        assert_eq!(headers["x-amz-sns-message-type"], "SubscriptionConfirmation");
        assert_eq!(headers["content-type"], content_type);
        assert_eq!(headers["authorization"], "Bearer t0ken");
    }
}

#[test]
fn cloud_events_endpoints_are_asked_as_the_specification_says() {
    for mode in [ContentMode::CloudEventsBinary, ContentMode::CloudEventsStructured] {
        let (parts, body) = content(mode).confirmation(TOKEN, NOW).unwrap().into_parts();
        let headers = texts(&parts.headers);
        assert_eq!(
            (parts.method, parts.uri),
            (Method::OPTIONS, "https://example.com/in?x=1".parse().unwrap())
        );
        assert_eq!(headers["webhook-request-origin"], "fanfare");
        assert_eq!(headers["webhook-request-rate"], "31");
        assert_eq!(headers["fanfare-confirmation-token"], TOKEN);
        assert!(bytes(body).is_empty());
    }
    let unlimited = content_of(&endpoint(settings(ContentMode::CloudEventsBinary))).unwrap();
    assert!(!unlimited.confirmation(TOKEN, NOW).unwrap().headers().contains_key("webhook-request-rate"));
}

#[test]
fn requests_for_consent_are_signed_and_their_identity_does_not_show_the_token() {
    for mode in [ContentMode::Raw, ContentMode::CloudEventsBinary] {
        let (parts, body) = content(mode).confirmation(TOKEN, NOW).unwrap().into_parts();
        let headers = texts(&parts.headers);
        let signer = Signer::new(&[Secret::new(SECRET)]).unwrap();
        let expected = signer.sign(&headers["webhook-id"], 1_795_525_201, &bytes(body)).unwrap();
        assert_eq!(headers["webhook-signature"], expected);
        assert!(!headers["webhook-id"].contains(&TOKEN[..6]));
    }
}

#[test]
fn the_token_in_the_body_is_consent() {
    for mode in [ContentMode::Raw, ContentMode::SnsEnvelope] {
        for body in [
            TOKEN,
            &format!("\r\n {TOKEN}\n"),
            &format!(r#"{{"token": "{TOKEN}"}}"#),
            &format!(r#"{{"Token": "{TOKEN}", "more": [1]}}"#),
        ] {
            assert_eq!(consent(mode, 200, &[], body), Consent::Given, "{body}");
        }
    }
}

#[test]
fn an_answer_without_the_token_is_no_consent_yet() {
    let allows = [("webhook-allowed-origin", "*")];
    for body in [
        "",
        "ok",
        "{}",
        &TOKEN[1..],
        &format!("{TOKEN}x"),
        &format!("token: {TOKEN}"),
        &format!("\"{TOKEN}\""),
        &format!("[\"{TOKEN}\"]"),
        r#"{"token": 1}"#,
        r#"{"token": "other"}"#,
    ] {
        assert_eq!(consent(ContentMode::Raw, 200, &allows, body), Consent::NotYet, "{body}");
    }
}

#[test]
fn a_server_that_sends_back_what_it_gets_has_not_consented() {
    let request = content(ContentMode::Raw).confirmation(TOKEN, NOW).unwrap();
    let echo = String::from_utf8(bytes(request.into_body()).to_vec()).unwrap();
    assert!(echo.contains(TOKEN));
    assert_eq!(consent(ContentMode::Raw, 200, &[], &echo), Consent::NotYet);
}

#[test]
fn a_status_that_is_no_success_is_never_consent() {
    for status in [301, 401, 404, 410, 500] {
        let allows = [("webhook-allowed-origin", "*")];
        for mode in [ContentMode::Raw, ContentMode::CloudEventsBinary] {
            let Consent::Failed(why) = consent(mode, status, &allows, TOKEN) else { panic!("{status}") };
            assert!(why.ends_with(&status.to_string()), "{why}");
        }
    }
}

#[test]
fn an_allowed_origin_is_the_consent_of_a_cloud_events_endpoint_and_nothing_else_is() {
    let allowed = "webhook-allowed-origin";
    for (headers, given) in [
        (&[(allowed, "*")][..], Consent::Given),
        (&[(allowed, "fanfare")], Consent::Given),
        (&[(allowed, " Fanfare ")], Consent::Given),
        (&[(allowed, "other.example.com"), (allowed, "fanfare")], Consent::Given),
        (&[(allowed, "other.example.com")], Consent::NotYet),
        (&[(allowed, "fanfare.example.com")], Consent::NotYet),
        (&[(allowed, "")], Consent::NotYet),
        (&[("access-control-allow-origin", "*"), ("allow", "POST")], Consent::NotYet),
    ] {
        assert_eq!(consent(ContentMode::CloudEventsStructured, 200, headers, TOKEN), given, "{headers:?}");
    }
}
