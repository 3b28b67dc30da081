//! The gRPC port while the log is being read: health says NOT_SERVING of every service, everything else is UNAVAILABLE, so
//! that a client waits and tries again instead of being refused a connection. What one client can take is limited as later.

use std::time::Duration;

use axum::Router;
use tokio::{net::TcpListener, time::sleep};
use tokio_util::sync::CancellationToken;
use tonic::{Status, body::Body, codegen::http::Response, service::Routes};
use tonic_health::{
    ServingStatus,
    pb::health_server::HealthServer,
    server::{HealthReporter, HealthService},
};

/// Time that connections have, after recovery, to take note that they should be opened again.
const LEAVE_TIME: Duration = Duration::from_millis(300);

/// The outcome of `recovery`, having answered on the port until it was there.
pub(crate) async fn beside<T>(
    listener: &TcpListener,
    limits: &grpc::Config,
    recovery: impl Future<Output = T>,
) -> T {
    let mut health = HealthReporter::new();
    for name in grpc::HEALTH_NAMES {
        health.set_service_status(name, ServingStatus::NotServing).await;
    }
    let recovered = CancellationToken::new();
    let answering = answer(listener, limits, health.clone(), recovered.clone());
    let recovery = async {
        let outcome = recovery.await;
        // Ends the streams of `Watch`, which would hold their connections open.
        for name in grpc::HEALTH_NAMES {
            health.clear_service_status(name).await;
        }
        recovered.cancel();
        outcome
    };
    tokio::join!(recovery, answering).0
}

/// Answers until recovery is over and the connections are closed, or have had their time to.
async fn answer(
    listener: &TcpListener,
    limits: &grpc::Config,
    health: HealthReporter,
    recovered: CancellationToken,
) {
    let health = HealthServer::new(HealthService::from_health_reporter(health));
    let routes = Routes::from(Router::new().fallback(unavailable)).add_service(health);
    let serving = grpc::serve_routes(listener, routes, limits, recovered.cancelled());
    let time_is_up = async {
        recovered.cancelled().await;
        sleep(LEAVE_TIME).await;
    };
    tokio::select! {
        outcome = serving => if let Err(error) = outcome {
            tracing::warn!(%error, "the gRPC port does not answer during recovery");
        },
        () = time_is_up => {}
    }
}

async fn unavailable() -> Response<Body> {
    Status::unavailable("the broker is recovering: its log is being read").into_http()
}

#[cfg(test)]
mod tests {
    use std::io;

    use tokio::sync::oneshot;
    use tonic::{
        Code,
        codegen::http::Uri,
        transport::{Channel, Endpoint},
    };
    use tonic_health::pb::{
        HealthCheckRequest, health_check_response::ServingStatus as Answer, health_client::HealthClient,
    };

    use super::*;

    async fn channel(listener: &TcpListener) -> (Channel, Uri) {
        let uri: Uri = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
        (Endpoint::from(uri.clone()).connect_lazy(), uri)
    }

    #[tokio::test]
    async fn during_recovery_health_says_not_serving_of_every_service_and_every_other_call_is_unavailable() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (channel, uri) = channel(&listener).await;
        let questions = async {
            let mut health = HealthClient::new(channel.clone());
            for name in grpc::HEALTH_NAMES {
                let request = HealthCheckRequest { service: name.to_owned() };
                let answer = health.check(request).await.expect(name).into_inner();
                assert_eq!(answer.status(), Answer::NotServing, "{name}");
            }
            // The same method below another path is a method that is not there yet.
            let elsewhere = format!("{uri}elsewhere").parse().unwrap();
            let mut other = HealthClient::with_origin(channel, elsewhere);
            let refused = other.check(HealthCheckRequest::default()).await.unwrap_err();
            assert_eq!(refused.code(), Code::Unavailable, "{refused}");
            "recovered"
        };
        assert_eq!(beside(&listener, &grpc::Config::default(), questions).await, "recovered");
    }

    #[tokio::test]
    async fn a_watch_ends_with_recovery_and_the_port_is_left_to_the_broker() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (channel, _) = channel(&listener).await;
        let (recover, recovered) = oneshot::channel();
        let watching = async {
            let mut watch =
                HealthClient::new(channel).watch(HealthCheckRequest::default()).await.unwrap().into_inner();
            let first = watch.message().await.unwrap().unwrap();
            assert_eq!(first.status(), Answer::NotServing);
            recover.send(()).unwrap();
            assert!(watch.message().await.unwrap().is_none(), "the stream ends");
        };
        let limits = grpc::Config::default();
        let (outcome, ()) = tokio::join!(beside(&listener, &limits, recovered), watching);
        assert_eq!(outcome, Ok(()));
        let (accepted, connected) =
            tokio::join!(listener.accept(), tokio::net::TcpStream::connect(listener.local_addr().unwrap()));
        assert_eq!(accepted.unwrap().1, connected.unwrap().local_addr().unwrap());
    }

    #[tokio::test]
    async fn during_recovery_a_client_that_says_nothing_loses_its_place_to_the_next_one() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let limits = grpc::Config {
            max_connections: 1,
            preface_timeout: Duration::from_millis(50),
            ..grpc::Config::default()
        };
        let silent = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (channel, _) = channel(&listener).await;
        let question = async {
            let answer = HealthClient::new(channel).check(HealthCheckRequest::default()).await.unwrap();
            assert_eq!(answer.into_inner().status(), Answer::NotServing);
            silent.set_nonblocking(true).unwrap();
            let read = io::Read::read_to_end(&mut &silent, &mut Vec::new());
            let open = read.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock);
            assert!(!open, "two connections at a time, where one is the limit");
        };
        beside(&listener, &limits, question).await;
    }
}
