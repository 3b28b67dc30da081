use std::{fs, net::SocketAddr, path::Path, time::Duration};

use server::{
    Config, Listeners, RunError,
    config::{Durability, Engine},
    run,
};
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;
use tonic::transport::Endpoint;
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

use crate::{get, until_ready};

struct Running {
    grpc: SocketAddr,
    http: SocketAddr,
    stop: CancellationToken,
    task: JoinHandle<Result<(), RunError>>,
}

impl Running {
    async fn start(config: Config) -> Self {
        let listeners = Listeners::bind(&config).await.unwrap();
        let (grpc, http) = (listeners.grpc.local_addr().unwrap(), listeners.http.local_addr().unwrap());
        let stop = CancellationToken::new();
        let task = tokio::spawn(run(listeners, config, stop.clone().cancelled_owned()));
        Self { grpc, http, stop, task }
    }

    async fn stop(self) -> Result<(), RunError> {
        self.stop.cancel();
        self.task.await.unwrap()
    }
}

/// On free ports.
fn config() -> Config {
    let free = SocketAddr::from(([127, 0, 0, 1], 0));
    Config { listen: free, http_listen: free, ..Config::default() }
}

fn in_memory() -> Config {
    Config { engine: Engine::Memory, ..config() }
}

fn on_disk(directory: &Path) -> Config {
    Config { data_dir: directory.join("data"), ..config() }
}

#[tokio::test]
async fn a_broker_in_memory_starts_on_free_ports_becomes_ready_and_stops_when_asked() {
    // On an address of its own, whose ports no other test takes meanwhile.
    let own = SocketAddr::from(([127, 0, 0, 2], 0));
    let broker = Running::start(Config { listen: own, http_listen: own, ..in_memory() }).await;
    assert_eq!(until_ready(broker.http).await, r#"{"ready":true,"reasons":[],"state":"ready"}"#);
    assert_eq!(get(broker.http, "/livez").await.unwrap(), (200, "alive\n".to_owned()));
    assert_eq!(get(broker.http, "/nothing").await.unwrap().0, 404);
    let (grpc, http) = (broker.grpc, broker.http);
    broker.stop().await.unwrap();
    is_free_again(grpc).await;
    is_free_again(http).await;
}

/// Perhaps not at once: a program that another test starts has a copy of each of our sockets until it runs.
async fn is_free_again(address: SocketAddr) {
    let bound = async {
        while TcpListener::bind(address).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), bound).await.expect("the port is free again");
}

#[tokio::test]
async fn a_scrape_names_the_version_and_says_that_the_broker_is_ready() {
    let broker = Running::start(in_memory()).await;
    until_ready(broker.http).await;
    let (status, text) = get(broker.http, "/metrics").await.unwrap();
    assert_eq!(status, 200);
    assert!(text.contains("\nfanfare_ready 1\n"), "{text}");
    assert!(text.contains("\nfanfare_recovery_duration_seconds "), "{text}");
    let about = format!(
        "target_info{{service_name=\"fanfare\",service_version=\"{}\"}} 1",
        env!("CARGO_PKG_VERSION")
    );
    assert!(text.contains(&about), "{text}");
    broker.stop().await.unwrap();
}

#[tokio::test]
async fn health_says_serving_then_not_serving_and_its_watchers_do_not_hold_up_the_end() {
    let broker = Running::start(in_memory()).await;
    until_ready(broker.http).await;
    let endpoint = Endpoint::try_from(format!("http://{}", broker.grpc)).unwrap();
    let mut health = HealthClient::new(endpoint.connect().await.unwrap());
    let checked = health.check(HealthCheckRequest::default()).await.unwrap().into_inner();
    assert_eq!(checked.status(), ServingStatus::Serving);
    let mut watch = health.watch(HealthCheckRequest::default()).await.unwrap().into_inner();
    assert_eq!(watch.message().await.unwrap().unwrap().status(), ServingStatus::Serving);
    let stopping = tokio::spawn(tokio::time::timeout(Duration::from_secs(10), broker.stop()));
    assert_eq!(watch.message().await.unwrap().unwrap().status(), ServingStatus::NotServing);
    stopping.await.unwrap().expect("before shutdown_timeout").unwrap();
}

#[tokio::test]
async fn a_second_broker_on_the_same_directory_is_refused_and_the_first_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    let first = Running::start(on_disk(directory.path())).await;
    until_ready(first.http).await;
    let second = Running::start(on_disk(directory.path())).await;
    let refused = second.task.await.unwrap();
    assert!(matches!(&refused, Err(RunError::InUse(data)) if data.ends_with("data")), "{refused:?}");
    assert_eq!(get(first.http, "/readyz").await.unwrap().0, 200);
    first.stop().await.unwrap();
}

#[tokio::test]
async fn a_directory_is_free_again_when_run_has_returned() {
    let directory = tempfile::tempdir().unwrap();
    for durability in [Durability::Fsync, Durability::Interval, Durability::Fsync] {
        let broker = Running::start(Config { durability, ..on_disk(directory.path()) }).await;
        until_ready(broker.http).await;
        broker.stop().await.unwrap();
    }
}

#[tokio::test]
async fn damage_leaves_it_ready_and_is_told_by_readyz_and_by_a_metric() {
    let directory = tempfile::tempdir().unwrap();
    let broker = Running::start(on_disk(directory.path())).await;
    until_ready(broker.http).await;
    broker.stop().await.unwrap();
    damage_checkpoints(&directory.path().join("data/logs/0000000000000000"));

    let broker = Running::start(on_disk(directory.path())).await;
    let said: serde_json::Value = serde_json::from_str(&until_ready(broker.http).await).unwrap();
    assert_eq!(said["state"], "ready");
    let reason = said["reasons"][0].as_str().unwrap();
    assert!(reason.starts_with("the log is damaged: 1 damaged places found on the disk"), "{reason}");
    let (_, metrics) = get(broker.http, "/metrics").await.unwrap();
    assert!(metrics.contains("\nfanfare_disk_damages_total 1\n"), "{metrics}");
    broker.stop().await.unwrap();
}

/// Flips the last bit of each.
fn damage_checkpoints(log: &Path) {
    let files = fs::read_dir(log).unwrap().map(|entry| entry.unwrap().path());
    let mut found = 0;
    for file in files.filter(|file| file.extension().is_some_and(|extension| extension == "ckpt")) {
        let mut bytes = fs::read(&file).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(&file, bytes).unwrap();
        found += 1;
    }
    assert_eq!(found, 1, "checkpoints of {}", log.display());
}

#[tokio::test]
async fn a_shutdown_during_recovery_ends_it_cleanly() {
    let directory = tempfile::tempdir().unwrap();
    let broker = Running::start(on_disk(directory.path())).await;
    broker.stop().await.unwrap();
}

#[tokio::test]
async fn a_port_that_is_taken_is_named_with_its_setting() {
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let config = Config { http_listen: taken.local_addr().unwrap(), ..in_memory() };
    let error = Listeners::bind(&config).await.unwrap_err().to_string();
    assert!(
        error.starts_with(&format!("cannot listen on {} (setting http_listen): ", config.http_listen)),
        "{error}"
    );
}

#[tokio::test]
async fn a_client_that_says_nothing_holds_up_the_end_for_no_longer_than_was_configured() {
    let broker = Running::start(Config { shutdown_timeout: Duration::from_millis(50), ..in_memory() }).await;
    until_ready(broker.http).await;
    let mut idle = Vec::new();
    for address in [broker.grpc, broker.http] {
        idle.push(TcpStream::connect(address).await.unwrap());
    }
    let stopped = tokio::time::timeout(Duration::from_secs(3), broker.stop()).await;
    stopped.expect("in time").unwrap();
}
