//! How to go on from here: commands that work as they are printed.

use std::fmt::Write as _;

use super::{Place, story::TOPIC};

/// What can be done, by `fanfare` and by any gRPC client.
struct Step {
    what: &'static str,
    /// Behind the program's name.
    fanfare: Vec<String>,
    /// A request, and the method that it goes to.
    grpcurl: (String, &'static str),
}

/// All of it, as it is printed.
pub(super) fn text(place: &Place) -> String {
    let Place { grpc, http, program, .. } = place;
    let mut text = format!("In another terminal:\n\n  export FANFARE_ENDPOINT=http://{grpc}\n");
    for Step { what, fanfare, grpcurl: (request, method) } in steps() {
        let _ = writeln!(text, "\n  # {what}");
        for arguments in fanfare {
            let _ = writeln!(text, "  {program} {arguments}");
        }
        let _ = writeln!(text, "  grpcurl -plaintext -d '{request}' {grpc} fanfare.v1.{method}");
    }
    let _ = writeln!(text, "\n  # The broker's metrics.\n  curl http://{http}/metrics");
    text
}

fn steps() -> [Step; 3] {
    // `{"order": "yours-2"}` in base64, as JSON has bytes.
    let message = r#"{"data": "eyJvcmRlciI6ICJ5b3Vycy0yIn0=", "attributes": {"type": "order.created"}, "ordering_key": "cust-001", "correlation_id": "yours-2"}"#;
    [
        Step {
            what: "Publish one more, and see here who gets it.",
            fanfare: vec![format!(
                r#"publish {TOPIC} '{{"order": "yours-1"}}' --attr type=order.created --key cust-001 --correlation-id yours-1"#
            )],
            grpcurl: (
                format!(r#"{{"topic": "{TOPIC}", "messages": [{message}]}}"#),
                "PublisherService/Publish",
            ),
        },
        Step {
            what: "Read everything again, with a subscription of your own from the beginning of the log.",
            fanfare: vec![
                format!("sub create mine --topic {TOPIC} --from earliest"),
                "pull mine --ack".to_owned(),
            ],
            grpcurl: (r#"{"subscription": "mine", "max_messages": 2}"#.to_owned(), "SubscriberService/Pull"),
        },
        Step {
            what: "See a subscription in figures.",
            fanfare: vec!["stats sub mailer".to_owned()],
            grpcurl: (r#"{"name": "mailer"}"#.to_owned(), "AdminService/GetSubscriptionStats"),
        },
    ]
}
