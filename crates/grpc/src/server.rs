use std::future::Future;

use broker::Broker;
use fanfare_proto::{
    FILE_DESCRIPTOR_SET,
    server::{
        admin_service_server::AdminServiceServer, publisher_service_server::PublisherServiceServer,
        push_service_server::PushServiceServer, subscriber_service_server::SubscriberServiceServer,
        subscription_service_server::SubscriptionServiceServer, topic_service_server::TopicServiceServer,
    },
};
use tokio::{net::TcpListener, sync::oneshot, time};
use tonic::{
    server::NamedService,
    service::Routes,
    transport::{Server, server::Router},
};

use crate::{
    Config, CorrelationIds, ServerInfo,
    admin::Admin,
    budget::Budget,
    connections,
    guard::GuardLayer,
    health::Reports,
    publisher::Publisher,
    push_service::{Admission, Workers},
    streaming_pull::OwnBody,
    subscriber::Subscribers,
    subscriptions::Subscriptions,
    topics::Topics,
};

/// Why the server could not serve.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// A value of the configuration is out of its limits.
    #[error(transparent)]
    Config(#[from] types::Invalid),
    /// The descriptors that reflection shows cannot be read.
    #[error(transparent)]
    Reflection(#[from] tonic_reflection::server::Error),
    /// The transport failed.
    #[error(transparent)]
    Transport(#[from] tonic::transport::Error),
}

/// How serving ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drained {
    /// Every call under way was answered.
    Fully,
    /// Some were cut off when the time was over.
    CutOff,
}

/// Serves every service of the API, health and reflection until `shutdown`; then lets the calls under way end, for
/// [`Config::drain_timeout`] at most. Call [`Broker::start_drain`] with it, so that streams end.
///
/// # Errors
/// See [`ServeError`].
pub async fn serve(
    listener: TcpListener,
    broker: Broker,
    info: ServerInfo,
    config: Config,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<Drained, ServeError> {
    config.validate(broker.config().max_message_bytes)?;
    let (routes, health) = build(&broker, info, &config, CorrelationIds::random())?;
    let (began, begins) = oneshot::channel();
    let signal = async {
        shutdown.await;
        health.end().await;
        // The other side waits for it as long as the server runs.
        _ = began.send(());
    };
    let connections = connections::accept(listener, config.max_connections, config.preface_timeout);
    let serving = router(routes, &config).serve_with_incoming_shutdown(connections, signal);
    tokio::select! {
        ended = serving => ended.map(|()| Drained::Fully).map_err(ServeError::from),
        () = over(begins, config.drain_timeout) => Ok(Drained::CutOff),
    }
}

/// Serves other routes, with the limits that [`serve`] has, until `shutdown`: what answers while there is no broker yet.
/// Returns when every connection is closed; the listener stays the caller's.
///
/// # Errors
/// The transport failed.
pub async fn serve_routes(
    listener: &TcpListener,
    routes: Routes,
    config: &Config,
    shutdown: impl Future<Output = ()>,
) -> Result<(), tonic::transport::Error> {
    let connections = connections::accept(listener, config.max_connections, config.preface_timeout);
    router(routes, config).serve_with_incoming_shutdown(connections, shutdown).await
}

/// Returns so long after the shutdown began.
async fn over(begins: oneshot::Receiver<()>, after: time::Duration) {
    if begins.await.is_ok() {
        time::sleep(after).await;
    } else {
        std::future::pending::<()>().await;
    }
}

/// Every service of the API, health and reflection (v1, and v1alpha for older tools). Needs a tokio runtime: a task
/// follows the broker's health.
///
/// # Errors
/// The descriptors cannot be read.
pub fn services(
    broker: &Broker,
    info: ServerInfo,
    config: &Config,
    ids: CorrelationIds,
) -> Result<Routes, ServeError> {
    build(broker, info, config, ids).map(|(routes, _)| routes)
}

fn build(
    broker: &Broker,
    info: ServerInfo,
    config: &Config,
    ids: CorrelationIds,
) -> Result<(Routes, Reports), ServeError> {
    let (reporter, health) = tonic_health::server::health_reporter();
    let reports = Reports::start(reporter, broker.health());
    let limit = config.max_request_bytes;
    let publisher =
        Publisher { broker: broker.clone(), ids, budget: Budget::new(config.request_memory_bytes) };
    let subscribers = Subscribers { broker: broker.clone(), settle_grace: config.settle_grace };
    let admin = Admin { broker: broker.clone(), info, max_request_bytes: limit };
    let workers = Workers { broker: broker.clone(), admission: Admission::new(config.worker_token.as_ref()) };
    let mut routes = Routes::builder();
    let mut served = vec![name_of(&health)];
    macro_rules! add {
        ($server:ident, $service:expr) => {
            // A compressed request would take many times the bytes it has before anyone can look at it: none is taken.
            add!($server::new($service).max_decoding_message_size(limit));
        };
        ($whole:expr) => {
            let service = $whole;
            served.push(name_of(&service));
            routes.add_service(service);
        };
    }
    add!(TopicServiceServer, Topics(broker.clone()));
    add!(PublisherServiceServer, publisher);
    add!(SubscriptionServiceServer, Subscriptions(broker.clone()));
    add!(OwnBody(SubscriberServiceServer::new(subscribers).max_decoding_message_size(limit)));
    add!(PushServiceServer, workers);
    add!(AdminServiceServer, admin);
    routes
        .add_service(health)
        .add_service(reflection(&served, "v1").build_v1()?)
        .add_service(reflection(&served, "v1alpha").build_v1alpha()?);
    Ok((routes.routes(), reports))
}

fn name_of<S: NamedService>(_: &S) -> &'static str {
    S::NAME
}

/// Describes everything, also what subscribers serve, and lists what is served here.
fn reflection<'b>(served: &[&str], version: &str) -> tonic_reflection::server::Builder<'b> {
    let itself = format!("grpc.reflection.{version}.ServerReflection");
    let names = served.iter().copied().chain([itself.as_str()]);
    names
        .fold(tonic_reflection::server::Builder::configure(), |builder, name| builder.with_service_name(name))
        .register_encoded_file_descriptor_set(FILE_DESCRIPTOR_SET)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        // So that grpcurl shows the details of an error, and not their bytes.
        .register_encoded_file_descriptor_set(tonic_types::pb::FILE_DESCRIPTOR_SET)
}

/// The transport with every limit set.
fn router(
    routes: Routes,
    config: &Config,
) -> Router<tower::layer::util::Stack<GuardLayer, tower::layer::util::Identity>> {
    Server::builder()
        .max_concurrent_streams(config.max_concurrent_streams)
        .http2_max_pending_accept_reset_streams(Some(config.max_pending_accept_reset_streams))
        .http2_max_local_error_reset_streams(Some(config.max_local_error_reset_streams))
        .http2_max_header_list_size(config.max_header_list_bytes)
        .max_frame_size(config.max_frame_bytes)
        .initial_stream_window_size(config.stream_window_bytes)
        .initial_connection_window_size(config.connection_window_bytes)
        .http2_keepalive_interval(Some(config.keepalive_interval))
        .http2_keepalive_timeout(Some(config.keepalive_timeout))
        .layer(GuardLayer { timeout: config.request_timeout })
        .add_routes(routes)
}
