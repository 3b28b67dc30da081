//! A client in another language, which knows the API by reflection only.

use std::process::Command;

use serde_json::json;

use crate::support::{Fanfare, client, tools};

#[tokio::test]
async fn a_python_client_publishes_pulls_and_acks_through_reflection() {
    let (fanfare, _directory) = Fanfare::fresh().await;
    client::topic_and_subscription(&fanfare, &json!({}));
    let output = Command::new("python3")
        .env("PYTHONPATH", tools::tool("PYTHON_GRPC"))
        .arg(tools::file("python/client.py"))
        .arg(fanfare.grpc().to_string())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "published 3, received 3, settled 3\n");
    let stats = fanfare.grpcurl().ok("AdminService/GetSubscriptionStats", &json!({"name": "billing"}));
    assert_eq!(stats["acked"], "3");
}
