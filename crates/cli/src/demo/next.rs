//! How to go on from here: commands that work as they are printed.

use std::fmt::Write as _;

use super::{Place, story::TOPIC};

/// `{"order": "yours-1"}` in base64, as JSON has bytes.
const DATA: &str = "eyJvcmRlciI6ICJ5b3Vycy0xIn0=";

/// What can be done, and by which commands.
struct Step {
    what: &'static str,
    commands: Vec<String>,
}

/// All of it, as it is printed.
pub(super) fn text(place: &Place) -> String {
    let mut text = String::new();
    for Step { what, commands } in steps(place) {
        let _ = writeln!(text, "  {what}");
        for command in commands {
            let _ = writeln!(text, "    {command}");
        }
    }
    text
}

fn steps(place: &Place) -> [Step; 3] {
    let call = |request: &str, method: &str| {
        format!("grpcurl -plaintext -d '{request}' {} fanfare.v1.{method}", place.grpc)
    };
    let publish = format!(
        r#"{{"topic": "{TOPIC}", "messages": [{{"data": "{DATA}", "attributes": {{"type": "order.created"}}, "ordering_key": "cust-001", "correlation_id": "yours-1"}}]}}"#
    );
    let subscribe =
        format!(r#"{{"name": "mine", "topic": "{TOPIC}", "start": {{"edge": "LOG_EDGE_EARLIEST"}}}}"#);
    [
        Step {
            what: "Publish one more, and see here who gets it:",
            commands: vec![call(&publish, "PublisherService/Publish")],
        },
        Step {
            what: "Read all of it again with a subscription of your own, from the beginning of the log:",
            commands: vec![
                call(&subscribe, "SubscriptionService/CreateSubscription"),
                call(r#"{"subscription": "mine", "max_messages": 3}"#, "SubscriberService/Pull"),
            ],
        },
        Step {
            what: "See a subscription's figures, and the broker's metrics:",
            commands: vec![
                call(r#"{"name": "mailer"}"#, "AdminService/GetSubscriptionStats"),
                format!("curl http://{}/metrics", place.http),
            ],
        },
    ]
}
