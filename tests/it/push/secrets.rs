//! Secrets go in and never come out.

use data_encoding::BASE64;
use fanfare_testkit::endpoints::{Behaviour, Endpoint, Tls};
use serde_json::{Value, json};

use super::{broker, publish, settings, stats};
use crate::support::client;

#[tokio::test(flavor = "multi_thread")]
async fn no_answer_and_no_log_line_shows_a_secret() {
    let (fanfare, _directory) = broker().await;
    let endpoint = Endpoint::start_tls(Behaviour::ok(), Tls::ClientCertificate);
    let certificate = endpoint.authority().client("worker");
    let signing = format!("whsec_{}", BASE64.encode(b"the-signing-secret-of-billing"));
    let push = json!({
        "endpoint": endpoint.url_by_name("/hook"),
        "trustedCertificates": endpoint.authority().pem(),
        "clientCertificate": {"chain": certificate.chain, "privateKey": certificate.private_key},
        "authentication": {"basic": {"username": "fanfare", "password": "hunter2-password"}},
        "signingSecrets": [signing],
    });
    client::subscribe(&fanfare, "billing", &settings(&push));
    publish(&fanfare, &["1"]).await;
    let request = endpoint.wait_for(1).await.remove(0);
    let basic = format!("Basic {}", BASE64.encode(b"fanfare:hunter2-password"));
    assert_eq!(request.header("authorization"), Some(basic.as_str()), "it is used");

    let grpcurl = fanfare.grpcurl();
    let update = json!({
        "name": "billing", "settings": {"labels": {"a": "b"}}, "updateMask": {"paths": ["labels"]},
    });
    let answers = [
        grpcurl.ok("SubscriptionService/GetSubscription", &json!({"name": "billing"})),
        grpcurl.ok("SubscriptionService/ListSubscriptions", &json!({})),
        grpcurl.ok("SubscriptionService/UpdateSubscription", &update),
        grpcurl.ok("SubscriptionService/PauseSubscription", &json!({"name": "billing"})),
        grpcurl.ok("SubscriptionService/ResumeSubscription", &json!({"name": "billing"})),
        stats(&fanfare, "billing"),
    ];
    let shown = &answers[0]["subscription"]["settings"]["push"];
    assert_eq!(shown["authentication"]["basic"], json!({"username": "fanfare"}));
    assert_eq!((&shown["signingSecrets"], &shown["signingKeys"][0]["version"]), (&Value::Null, &json!("v1")));
    let log = fanfare.log.so_far();
    let all = format!("{answers:?} {log:?}");
    let key_line = certificate.private_key.lines().nth(1).unwrap().to_owned();
    for secret in ["hunter2-password", &basic[6..], &signing[6..], &key_line] {
        assert!(!all.contains(secret), "{secret} is shown");
    }
}
