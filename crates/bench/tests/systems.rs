//! Every system, started as the benchmark starts it, does a small fan-out right and ends.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::{fs, path::Path, sync::Arc};

use fanfare_bench::systems::{Kind, Tools, configuration, start};
use load::{
    Workload,
    workload::{Drain, FanOut, Publish, UnaryPublish},
};

/// The broker is named by FANFARE_BIN or of the same build, the other programs are where `.ci/tools.sh` has put them.
fn tools() -> Tools {
    Tools::find_from(Path::new(env!("CARGO_BIN_EXE_fanfare-bench")))
}

fn fan_out(messages: u64) -> Workload {
    Workload::FanOut(FanOut { messages, bytes: 1_024, outstanding: 100, subscriptions: 2 })
}

async fn is_right(kind: Kind) {
    let dir = tempfile::tempdir().unwrap();
    let tools = tools();
    assert!(tools.version(kind).await.unwrap().chars().any(|letter| letter.is_ascii_digit()));
    let running = start(kind, &tools, dir.path()).await.unwrap();
    let pid = running.pid();
    let outcome = running.run(&fan_out(200), "fan-out", &Arc::default()).await.unwrap();
    assert_eq!((outcome.published, outcome.delivered), (200, 400));
    assert!(outcome.correctness.is_perfect(), "{:?}", outcome.correctness);
    let publish = Workload::Publish(Publish { messages: 200, bytes: 256, outstanding: 100 });
    assert_eq!(running.run(&publish, "publish", &Arc::default()).await.unwrap().published, 200);
    let drain = Workload::Drain(Drain { messages: 200, bytes: 256, outstanding: 100 });
    if kind.can(&drain) {
        let drained = running.run(&drain, "drain", &Arc::default()).await.unwrap();
        assert!(drained.correctness.is_perfect(), "{:?}", drained.correctness);
    } else {
        assert!(
            running
                .run(&drain, "drain", &Arc::default())
                .await
                .unwrap_err()
                .to_string()
                .contains("cannot do")
        );
    }
    let usage = running.usage().unwrap();
    assert!(usage.peak_rss_bytes > 1 << 20, "{usage:?}");
    running.stop().await.unwrap();
    assert!(fs::metadata(format!("/proc/{pid}")).is_err(), "it runs on");
}

#[tokio::test(flavor = "multi_thread")]
async fn fanfare_with_fsync_delivers_everything_once_and_in_order() {
    is_right(Kind::FanfareFsync).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fanfare_with_an_interval_delivers_everything_once_and_in_order() {
    is_right(Kind::FanfareInterval).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nats_with_fsync_delivers_everything_once_and_in_order() {
    is_right(Kind::NatsFsync).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nats_with_defaults_delivers_everything_once_and_in_order() {
    is_right(Kind::NatsBuffered).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_with_fsync_delivers_everything_once_and_in_order() {
    is_right(Kind::RedisFsync).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_with_everysec_delivers_everything_once_and_in_order() {
    is_right(Kind::RedisBuffered).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rabbit_delivers_everything_once_and_in_order() {
    is_right(Kind::RabbitQuorum).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bare_streams_deliver_everything_once_and_in_order() {
    is_right(Kind::TonicStream).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_has_a_unary_call_makes_one() {
    let unary = UnaryPublish { messages: 50, bytes: 1_024, concurrent: 4 };
    for kind in [Kind::FanfareFsync, Kind::TonicUnary, Kind::TonicStream] {
        let dir = tempfile::tempdir().unwrap();
        let running = start(kind, &tools(), dir.path()).await.unwrap();
        let outcome = running.run_unary(&unary, "unary", &Arc::default()).await;
        if kind.can_unary() {
            assert_eq!(outcome.unwrap().published, 50);
        } else {
            assert!(outcome.unwrap_err().to_string().contains("cannot do"));
        }
        assert_eq!(running.run(&fan_out(1), "one", &Arc::default()).await.is_ok(), kind.can(&fan_out(1)));
        running.stop().await.unwrap();
    }
}

/// What sets the fsync class apart is in the configuration that is reported.
#[test]
fn the_configuration_says_when_a_publish_is_acknowledged() {
    assert!(configuration(Kind::FanfareFsync).contains("durability = \"fsync\""));
    assert!(configuration(Kind::FanfareInterval).contains("durability = \"interval\""));
    assert!(configuration(Kind::NatsFsync).contains("sync_interval: always"));
    assert!(!configuration(Kind::NatsBuffered).contains("sync_interval"));
    assert!(configuration(Kind::RedisFsync).contains("appendfsync \"always\""));
    assert!(configuration(Kind::RedisBuffered).contains("appendfsync \"everysec\""));
    assert!(configuration(Kind::RabbitQuorum).contains("quorum"));
}
