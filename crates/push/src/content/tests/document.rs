use super::*;

const DOCUMENT: &str = include_str!("../../../../../docs/PUSH.md");
const TOKEN: &str = "3q2-7wAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// The message of the document's examples.
fn order() -> v1::Message {
    v1::Message {
        ordering_key: "4711".into(),
        correlation_id: "checkout-8f2c".into(),
        traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into(),
        typed_attributes: typed([("total", Value::Number(99.5))]),
        ..message(
            br#"{"order":4711,"city":"Berlin"}"#,
            "application/json",
            &[("type", "order.created"), ("eventSource", "shop")],
        )
    }
}

fn example(content: ContentMode) -> Content {
    let push = PushSettings {
        endpoint: "https://billing.example.com/fanfare".into(),
        signing_secrets: vec![Secret::new(SECRET)],
        ..settings(content)
    };
    content_of(&endpoint(push)).unwrap()
}

/// As the document shows it: whole, or without what is the same in every example.
fn shown(request: Request<Full<Bytes>>, whole: bool) -> String {
    const SAME: [&str; 11] = [
        "accept-encoding",
        "fanfare-delivery-attempt",
        "fanfare-ordering-key",
        "fanfare-publish-time",
        "fanfare-sequence",
        "fanfare-subscription",
        "fanfare-topic",
        "traceparent",
        "webhook-id",
        "webhook-timestamp",
        "x-correlation-id",
    ];
    let (parts, body) = request.into_parts();
    let mut text = format!("{} {}\n", parts.method, parts.uri.path());
    for (name, value) in texts(&parts.headers) {
        // It changes with every release.
        if name != "user-agent" && (whole || !SAME.contains(&name.as_str())) {
            text += &format!("{name}: {value}\n");
        }
    }
    text + "\n" + std::str::from_utf8(&bytes(body)).unwrap()
}

#[test]
fn the_documents_examples_are_what_is_sent() {
    let payload = order().encode_to_vec();
    for mode in [
        ContentMode::Raw,
        ContentMode::CloudEventsBinary,
        ContentMode::CloudEventsStructured,
        ContentMode::SnsEnvelope,
    ] {
        let content = example(mode);
        let first = content.request(&delivery(payload.clone()), NOW).unwrap();
        let asking = content.confirmation(TOKEN, NOW).unwrap();
        for (request, whole) in [(first, mode == ContentMode::Raw), (asking, false)] {
            let shown = shown(request, whole);
            assert!(DOCUMENT.contains(shown.trim_end()), "docs/PUSH.md has no:\n{shown}");
        }
    }
}

#[test]
fn the_documents_headers_are_those_of_every_request() {
    let request = example(ContentMode::Raw).request(&delivery(order().encode_to_vec()), NOW).unwrap();
    for name in request.headers().keys() {
        let listed = DOCUMENT.contains(&format!("| `{name}` |"));
        assert!(
            listed || name.as_str().starts_with("fanfare-attribute-"),
            "docs/PUSH.md does not list {name}"
        );
    }
}
