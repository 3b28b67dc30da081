use broker::Broker;
use types::push::Secret;

use super::*;
use crate::{
    process::Process,
    pushing::tests::{Hook, broker_of, local, publish, pushed_to, soon, subscribe},
};

const TOKEN: &str = "0123456789abcdef";

/// A broker that leaves push to others, and its URL.
async fn broker() -> (Broker, String) {
    let config = Config { push_enabled: false, worker_token: Some(Secret::new(TOKEN)), ..Config::default() };
    let process = Process::new(config).unwrap();
    let broker = broker_of(&process).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let serving = grpc::serve(
        listener,
        broker.clone(),
        process.info.clone(),
        process.config.grpc_port(),
        std::future::pending(),
    );
    tokio::spawn(serving);
    (broker, url)
}

/// What `/readyz` says, once it says this.
async fn readyz(http: SocketAddr, wanted: &str) {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    loop {
        let mut stream = tokio::net::TcpStream::connect(http).await.unwrap();
        stream.write_all(b"GET /readyz HTTP/1.1\r\nhost: h\r\n\r\n").await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        if answer.contains(wanted) {
            return;
        }
    }
}

async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

#[tokio::test]
async fn a_worker_delivers_for_a_broker_elsewhere_and_is_ready_while_it_is_let_in() {
    let mut hook = Hook::start().await;
    let (broker, url) = broker().await;
    subscribe(&broker, "s", "a", hook.settings()).await.unwrap();
    let (listener, http) = listen().await;
    let (config, token) = (local(), Secret::new(TOKEN));
    let remote = Remote::connect(&url, &token, None).unwrap();
    let delivered = async {
        soon(readyz(http, "\"state\":\"ready\"")).await;
        publish(&broker, "paid").await;
        assert_eq!(hook.next().await, "paid");
        let name = "s".parse().unwrap();
        while broker.subscription_stats(&name).await.unwrap().counts.acked == 0 {
            tokio::task::yield_now().await;
        }
    };
    soon(work(listener, &config, remote, delivered)).await.unwrap();
    let figures = broker.subscription_stats(&"s".parse().unwrap()).await.unwrap().push.unwrap();
    assert_eq!(figures.report.delivered, 1, "it said how the endpoint is before it went");
}

#[tokio::test]
async fn a_worker_does_not_deliver_to_its_broker() {
    let (broker, url) = broker().await;
    let endpoint = url.replace("http://", "grpc://");
    subscribe(&broker, "s", "a", pushed_to(&endpoint)).await.unwrap();
    publish(&broker, "paid").await;
    let (listener, _) = listen().await;
    let remote = Remote::connect(&url, &Secret::new(TOKEN), None).unwrap();
    let denied = async {
        let name = "s".parse().unwrap();
        loop {
            let push = broker.subscription_stats(&name).await.unwrap().push.unwrap();
            if push.report.last_error.is_some_and(|error| error.contains("it is the broker itself")) {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    soon(work(listener, &local(), remote, denied)).await.unwrap();
}

#[tokio::test]
async fn a_worker_with_a_wrong_token_is_not_ready_and_says_why() {
    let (_broker, url) = broker().await;
    let (listener, http) = listen().await;
    let remote = Remote::connect(&url, &Secret::new("fedcba9876543210"), None).unwrap();
    let refused = async { soon(readyz(http, "the push worker token is wrong")).await };
    soon(work(listener, &Config::default(), remote, refused)).await.unwrap();
}

#[tokio::test]
async fn a_worker_without_a_token_does_not_begin() {
    let refused = run(Config::default(), "http://127.0.0.1:1", std::future::pending()).await.unwrap_err();
    assert!(matches!(refused.downcast_ref(), Some(RunError::NoWorkerToken)), "{refused}");
}
