//! The HTTP port.

use std::{
    io::Write,
    process::{Command, Stdio},
};

use serde_json::json;

use crate::support::{
    Fanfare,
    client::{self, message, publish, publisher, pull, subscriber},
    http, tools,
};

#[tokio::test]
async fn promtool_finds_nothing_wrong_with_the_metrics() {
    let (fanfare, _directory) = Fanfare::fresh().await;
    client::topic_and_subscription(&fanfare, &json!({}));
    publish(&mut publisher(&fanfare).await, vec![message("1", "")]).await.unwrap();
    pull(&mut subscriber(&fanfare).await, "billing", 1, 10).await;
    let (status, text) = http::get(fanfare.http(), "/metrics").await.unwrap();
    assert_eq!(status, 200);
    for line in ["fanfare_messages_published_total 1", "fanfare_deliveries_total 1", "fanfare_ready 1"] {
        assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
    }
    let mut promtool = Command::new(tools::tool("PROMTOOL"));
    let mut check = promtool.args(["check", "metrics"]);
    check = check.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut running = check.spawn().unwrap();
    running.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = running.wait_with_output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}\n{text}");
}

#[tokio::test]
async fn livez_and_readyz_answer_from_the_first_moment() {
    let (fanfare, _directory) = Fanfare::fresh().await;
    assert_eq!(http::get(fanfare.http(), "/livez").await.unwrap(), (200, "alive\n".to_owned()));
    let (status, body) = http::get(fanfare.http(), "/readyz").await.unwrap();
    assert_eq!((status, body.contains("\"ready\":true")), (200, true), "{body}");
}
