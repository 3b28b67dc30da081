//! The gRPC port while the log is being read: health says NOT_SERVING, everything else is UNAVAILABLE, so that a client
//! waits and tries again instead of being refused a connection.

use std::time::Duration;

use axum::Router;
use futures_util::stream;
use tokio::{net::TcpListener, time::sleep};
use tokio_util::sync::CancellationToken;
use tonic::{Status, body::Body, codegen::http::Response, service::Routes, transport::Server};
use tonic_health::{
    ServingStatus,
    pb::health_server::HealthServer,
    server::{HealthReporter, HealthService},
};

/// Time that connections have, after recovery, to take note that they should be opened again.
const LEAVE_TIME: Duration = Duration::from_millis(300);

/// Calls under way on one connection; there is nothing to wait for here.
const CONCURRENT_STREAMS: u32 = 16;

/// The outcome of `recovery`, having answered on the port until it was there.
pub(crate) async fn beside<T>(listener: &TcpListener, recovery: impl Future<Output = T>) -> T {
    let mut health = HealthReporter::new();
    health.set_service_status("", ServingStatus::NotServing).await;
    let recovered = CancellationToken::new();
    let answering = answer(listener, health.clone(), recovered.clone());
    let recovery = async {
        let outcome = recovery.await;
        // Ends the streams of `Watch`, which would hold their connections open.
        health.clear_service_status("").await;
        recovered.cancel();
        outcome
    };
    tokio::join!(recovery, answering).0
}

/// Answers until recovery is over and the connections are closed, or have had their time to.
async fn answer(listener: &TcpListener, health: HealthReporter, recovered: CancellationToken) {
    let connections =
        stream::poll_fn(|context| listener.poll_accept(context).map_ok(|(stream, _)| stream).map(Some));
    let health = HealthServer::new(HealthService::from_health_reporter(health));
    let routes = Routes::from(Router::new().fallback(unavailable)).add_service(health);
    let serving = Server::builder()
        .max_concurrent_streams(CONCURRENT_STREAMS)
        .add_routes(routes)
        .serve_with_incoming_shutdown(connections, recovered.cancelled());
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
    async fn during_recovery_health_says_not_serving_and_every_other_call_is_unavailable() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (channel, uri) = channel(&listener).await;
        let questions = async {
            let mut health = HealthClient::new(channel.clone());
            let answer = health.check(HealthCheckRequest::default()).await.unwrap().into_inner();
            assert_eq!(answer.status(), Answer::NotServing);
            // The same method below another path is a method that is not there yet.
            let elsewhere = format!("{uri}elsewhere").parse().unwrap();
            let mut other = HealthClient::with_origin(channel, elsewhere);
            let refused = other.check(HealthCheckRequest::default()).await.unwrap_err();
            assert_eq!(refused.code(), Code::Unavailable, "{refused}");
            "recovered"
        };
        assert_eq!(beside(&listener, questions).await, "recovered");
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
        let (outcome, ()) = tokio::join!(beside(&listener, recovered), watching);
        assert_eq!(outcome, Ok(()));
        let (accepted, connected) =
            tokio::join!(listener.accept(), tokio::net::TcpStream::connect(listener.local_addr().unwrap()));
        assert_eq!(accepted.unwrap().1, connected.unwrap().local_addr().unwrap());
    }
}
