//! The process: its configuration, its end, and a second one beside it.

use std::{process::Command, time::Duration};

use serde_json::json;

use crate::support::{Fanfare, Start, client, http, log, tools};

#[tokio::test]
async fn sigterm_ends_it_with_code_0_though_consumers_wait() {
    let (fanfare, _directory) = Fanfare::fresh().await;
    client::topic_and_subscription(&fanfare, &json!({}));
    let mut consumer = client::subscriber(&fanfare).await;
    let waiting = tokio::spawn(async move {
        let wait = Some(prost_types::Duration { seconds: 60, nanos: 0 });
        let subscription = "billing".into();
        consumer.pull(fanfare_proto::v1::PullRequest { subscription, wait, ..Default::default() }).await
    });
    let watch = fanfare.grpcurl().start("grpc.health.v1.Health/Watch");
    let (status, log) = fanfare.stop().await;
    assert_eq!(status.code(), Some(0), "{log:#?}");
    assert_eq!(log::text(log.last().unwrap()), "stopped");
    // It was answered or refused, and not left alone.
    let answer = waiting.await.unwrap();
    assert!(answer.is_err() || answer.unwrap().into_inner().messages.is_empty());
    watch.wait_with_output().unwrap();
}

#[tokio::test]
async fn a_client_that_never_ends_is_cut_off_when_the_configured_time_is_over() {
    let directory = tempfile::tempdir().unwrap();
    let start = Start::on(&directory.path().join("data")).set("shutdown_timeout=1s");
    let fanfare = start.ready().await;
    let idle = tokio::net::TcpStream::connect(fanfare.grpc()).await.unwrap();
    fanfare.signal("TERM");
    let (status, _) = fanfare.end(Duration::from_secs(8)).await;
    assert_eq!(status.code(), Some(0));
    drop(idle);
}

#[tokio::test]
async fn a_second_process_on_the_same_directory_is_refused_within_a_second_each_time() {
    let (fanfare, directory) = Fanfare::fresh().await;
    for _ in 0..10 {
        let mut second = Start::on(&directory.path().join("data")).spawn();
        second.expect_error("is in use by another process");
        second.until_listening();
        let (status, log) = second.end(Duration::from_secs(1)).await;
        assert_eq!(status.code(), Some(3));
        let said = log::text(log.last().unwrap()).to_owned();
        assert!(said.contains("is in use by another process"), "{said}");
        assert!(said.contains(directory.path().to_str().unwrap()), "{said}");
    }
    assert_eq!(http::get(fanfare.http(), "/readyz").await.unwrap().0, 200, "the first goes on");
}

#[tokio::test]
async fn a_directory_is_free_at_once_after_kill_minus_nine() {
    let (mut fanfare, directory) = Fanfare::fresh().await;
    for _ in 0..5 {
        fanfare.kill();
        fanfare = Start::on(&directory.path().join("data")).ready().await;
    }
}

fn config(arguments: &[&str], environment: (&str, &str)) -> (Option<i32>, String) {
    let mut command = Command::new(tools::fanfare());
    let output = command.env_clear().env(environment.0, environment.1).args(arguments).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(said).unwrap())
}

#[test]
fn config_prints_each_value_with_where_it_came_from() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("fanfare.toml");
    std::fs::write(&file, "durability = \"interval\"\n").unwrap();
    let arguments = ["config", "--config", file.to_str().unwrap(), "--listen", "127.0.0.1:7"];
    let (status, text) = config(&arguments, ("FANFARE_LOG_FILTER", "debug"));
    assert_eq!(status, Some(0), "{text}");
    for (setting, origin) in [
        ("listen = \"127.0.0.1:7\"", "flag --listen"),
        ("filter = \"debug\"", "environment FANFARE_LOG_FILTER"),
        ("durability = \"interval\"", "fanfare.toml"),
        ("engine = \"disk\"", "default"),
    ] {
        let line = text.lines().find(|line| line.starts_with(setting)).unwrap_or_else(|| panic!("{text}"));
        assert!(line.contains(origin), "{line}");
    }
}

#[test]
fn a_wrong_setting_is_named_with_where_it_came_from_before_anything_is_touched() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let serve = ["serve", "--data-dir", data.to_str().unwrap(), "--listen", "127.0.0.1:0"];
    for (variable, value, expected) in [
        ("FANFARE_BROKER_MAX_MESSAGE_BYTES", "12", "broker.max_message_bytes is 12, must be 1024 to"),
        ("FANFARE_SHUTDOWN_TIMEOUT", "soon", "FANFARE_SHUTDOWN_TIMEOUT"),
        ("FANFARE_LISTN", "127.0.0.1:1", "FANFARE_LISTN"),
        ("FANFARE_CONFIG", "/nowhere/fanfare.toml", "/nowhere/fanfare.toml"),
    ] {
        let (status, said) = config(&serve, (variable, value));
        assert_eq!(status, Some(2), "{said}");
        assert!(said.contains(expected), "{said}");
    }
    assert!(!data.exists());
}
