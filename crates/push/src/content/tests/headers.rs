use super::*;

#[test]
fn every_mode_says_which_message_it_is_and_what_it_belongs_to() {
    let given = v1::Message {
        ordering_key: "Kunde Müller".into(),
        group_id: "tenant-a".into(),
        traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into(),
        tracestate: "congo=t61rcWkgMzE".into(),
        ..message(b"{}", "application/json", &[])
    };
    for mode in [
        ContentMode::Raw,
        ContentMode::CloudEventsBinary,
        ContentMode::CloudEventsStructured,
        ContentMode::SnsEnvelope,
    ] {
        let request = request(settings(mode), &given).unwrap();
        assert_eq!(
            (request.method(), request.uri()),
            (&Method::POST, &"https://example.com/in?x=1".parse().unwrap())
        );
        let headers = texts(request.headers());
        for (name, value) in [
            ("webhook-id", ID.to_string()),
            ("webhook-timestamp", "1795525201".into()),
            ("user-agent", concat!("Fanfare/", env!("CARGO_PKG_VERSION")).into()),
            ("accept-encoding", "identity".into()),
            ("fanfare-topic", "projects/default/topics/orders".into()),
            ("fanfare-subscription", "projects/default/subscriptions/billing".into()),
            ("fanfare-delivery-attempt", "3".into()),
            ("fanfare-sequence", "42".into()),
            ("fanfare-publish-time", "2026-11-24T13:00:00.123456Z".into()),
            ("fanfare-ordering-key", "Kunde%20M%C3%BCller".into()),
            ("fanfare-group-id", "tenant-a".into()),
            ("x-correlation-id", "c-1".into()),
            ("traceparent", given.traceparent.clone()),
            ("tracestate", given.tracestate.clone()),
        ] {
            assert_eq!(headers.get(name), Some(&value), "{mode:?}: {name}");
        }
        assert!(!headers.contains_key("webhook-signature"), "{mode:?}: there is no secret");
    }
}

#[test]
fn what_a_message_does_not_have_is_in_no_header() {
    let (headers, _) = sent(settings(ContentMode::Raw), &message(b"x", "", &[]));
    for name in ["traceparent", "tracestate", "fanfare-ordering-key", "fanfare-group-id"] {
        assert!(!headers.contains_key(name), "{name}");
    }
}

#[test]
fn the_signature_is_over_the_body_that_is_sent_and_there_is_one_a_secret() {
    let pair = format!("whsk_{}", BASE64.encode(&[7; 32]));
    for mode in [ContentMode::Raw, ContentMode::CloudEventsStructured, ContentMode::SnsEnvelope] {
        let secrets = vec![Secret::new(SECRET), Secret::new(pair.as_str())];
        let expected = Signer::new(&secrets).unwrap();
        let push = PushSettings { signing_secrets: secrets, ..settings(mode) };
        let (headers, body) = sent(push, &message(b"hello", "text/plain", &[("kind", "order")]));
        let expected = expected.sign(&ID.to_string(), 1_795_525_201, &body).unwrap();
        assert_eq!(headers["webhook-signature"], expected);
        assert_eq!(expected.split(' ').count(), 2);
    }
}

#[test]
fn the_owners_headers_and_credentials_are_sent_and_the_credentials_not_shown() {
    for (authentication, name, value) in [
        (
            Authentication::Basic { username: "Aladdin".into(), password: Secret::new("open sesame") },
            "authorization",
            "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==",
        ),
        (Authentication::Bearer { token: Secret::new("t0ken") }, "authorization", "Bearer t0ken"),
        (Authentication::Header { name: "x-api-key".into(), value: Secret::new("k 1") }, "x-api-key", "k 1"),
    ] {
        let headers =
            [("x-team".to_owned(), "a b".to_owned()), ("accept-encoding".to_owned(), "gzip".to_owned())]
                .into();
        let push =
            PushSettings { headers, authentication: Some(authentication), ..settings(ContentMode::Raw) };
        let content = content_of(&endpoint(push.clone())).unwrap();
        let request = content.request(&delivery(message(b"x", "", &[]).encode_to_vec()), NOW).unwrap();
        assert_eq!(
            (&request.headers()["x-team"], &request.headers()[name]),
            (&"a b".parse().unwrap(), &value.parse().unwrap())
        );
        assert_eq!(request.headers()["accept-encoding"], "identity", "the broker's own goes first");
        assert!(request.headers()[name].is_sensitive());
        assert!(!format!("{request:?} {content:?}").contains(value));
    }
}

#[test]
fn more_headers_than_servers_take_make_a_message_unsendable() {
    let value = "v".repeat(1_000);
    let attributes = |count: usize| (0..count).map(|n| (format!("a{n}"), value.clone())).collect();
    let given = |count| v1::Message { attributes: attributes(count), ..message(b"x", "", &[]) };
    for mode in [ContentMode::Raw, ContentMode::CloudEventsBinary] {
        assert!(request(settings(mode), &given(14)).is_ok(), "{mode:?}");
        let refused = request(settings(mode), &given(16)).unwrap_err();
        assert!(
            matches!(refused, Unsendable::TooManyHeaders { limit: HEADER_BYTES, bytes } if bytes > HEADER_BYTES)
        );
    }
    for mode in [ContentMode::CloudEventsStructured, ContentMode::SnsEnvelope] {
        assert!(request(settings(mode), &given(100)).is_ok(), "{mode:?}");
    }
    let no_extension = |n| (format!("orderLine{n}"), value.clone());
    let given = v1::Message { attributes: (0..16).map(no_extension).collect(), ..message(b"x", "", &[]) };
    assert!(request(settings(ContentMode::CloudEventsStructured), &given).is_err());
    assert!(request(settings(ContentMode::SnsEnvelope), &given).is_ok());
}

#[test]
fn an_owners_headers_that_leave_no_room_are_refused() {
    let headers = |count: usize| (0..count).map(|n| (format!("x-{n}"), "v".repeat(1_000))).collect();
    let made =
        |count| content_of(&endpoint(PushSettings { headers: headers(count), ..settings(ContentMode::Raw) }));
    assert!(made(11).is_ok());
    assert_eq!(made(12).unwrap_err().field, "headers");
}

#[test]
fn settings_that_no_request_can_be_made_of_are_refused_with_their_path() {
    let refused = |push: PushSettings| content_of(&endpoint(push)).unwrap_err().field;
    let signing_secrets = vec![Secret::new("whsec_short")];
    assert_eq!(refused(PushSettings { signing_secrets, ..settings(ContentMode::Raw) }), "signing_secrets[0]");
}

#[test]
fn what_cannot_be_a_header_or_is_no_message_is_unsendable_and_no_panic() {
    let content = content_of(&endpoint(settings(ContentMode::Raw))).unwrap();
    assert_eq!(content.request(&delivery(&b"\xff\xff"[..]), NOW).unwrap_err(), Unsendable::Undecodable);
    let split = v1::Message { correlation_id: "a\r\nb".into(), ..message(b"x", "", &[]) };
    assert_eq!(
        request(settings(ContentMode::Raw), &split).unwrap_err(),
        Unsendable::Header("x-correlation-id".into())
    );
}
