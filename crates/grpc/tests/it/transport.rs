use std::{sync::Arc, time::Duration};

use fanfare_proto::v1;
use futures_util::{StreamExt as _, future::select_all};
use grpc::Config;
use tokio::net::TcpStream;
use tonic::{Code, Request};
use tonic_reflection::pb;
use types::SystemClock;

use crate::fixture::{Server, reason, seconds, soon};

async fn with(config: Config) -> Server {
    Server::with(config, Arc::new(SystemClock::start())).await
}

#[tokio::test]
async fn an_unknown_method_is_unimplemented() {
    let server = Server::start().await;
    let mut grpc = tonic::client::Grpc::new(server.channel.clone());
    grpc.ready().await.unwrap();
    let codec = tonic_prost::ProstCodec::<v1::GetTopicRequest, v1::GetTopicResponse>::default();
    let path = "/fanfare.v1.TopicService/NoSuchMethod".parse().unwrap();
    let status = grpc.unary(Request::new(v1::GetTopicRequest::default()), path, codec).await.unwrap_err();
    assert_eq!(status.code(), Code::Unimplemented);
}

#[tokio::test]
async fn headers_past_their_limit_are_refused() {
    let server = Server::start().await;
    let mut request = Request::new(v1::GetServerInfoRequest {});
    request.metadata_mut().insert("x-large", "x".repeat(20 << 10).parse().unwrap());
    assert!(server.admin().get_server_info(request).await.is_err());
    server.answer_one_call().await;
}

#[tokio::test]
async fn a_connection_past_the_limit_waits_until_another_ends() {
    let server = with(Config { max_connections: 2, ..Config::default() }).await;
    let idle = TcpStream::connect(server.address).await.unwrap();
    let endpoint = tonic::transport::Endpoint::from_shared(format!("http://{}", server.address)).unwrap();
    let mut waiting = Box::pin(async move {
        let channel = endpoint.connect().await.unwrap();
        let mut admin = v1::admin_service_client::AdminServiceClient::new(channel);
        admin.get_server_info(v1::GetServerInfoRequest {}).await.unwrap();
    });
    assert!(futures_util::poll!(&mut waiting).is_pending());
    for _ in 0..50 {
        server.answer_one_call().await;
        assert!(futures_util::poll!(&mut waiting).is_pending());
    }
    drop(idle);
    soon(waiting).await;
}

#[tokio::test]
async fn calls_past_the_limit_of_one_connection_wait_for_their_turn() {
    let server = with(Config { max_concurrent_streams: 3, ..Config::default() }).await;
    server.set_up().await;
    let pull = || {
        let request = v1::PullRequest {
            subscription: "s".into(),
            max_messages: 1,
            wait: Some(seconds(60)),
            ..Default::default()
        };
        let mut subscriber = server.subscriber();
        tokio::spawn(async move { subscriber.pull(request).await.unwrap().into_inner().messages.len() })
    };
    let mut pulls: Vec<_> = (0..8).map(|_| pull()).collect();
    let name = "s".parse().unwrap();
    let consumers = || server.broker.subscription_stats(&name);
    let mut most = 0;
    while most < 3 {
        most = most.max(consumers().await.unwrap().consumers);
        tokio::task::yield_now().await;
    }
    assert_eq!(most, 3);
    while !pulls.is_empty() {
        server.broker.publish(&"t".parse().unwrap(), vec![new_message()]).await.unwrap();
        let (pulled, _, rest) = soon(select_all(pulls)).await;
        assert_eq!(pulled.unwrap(), 1);
        pulls = rest;
    }
}

fn new_message() -> broker::NewMessage {
    let meta = types::MessageMeta { correlation_id: "c".into(), ..Default::default() };
    broker::NewMessage { meta, payload: vec![10, 1, 120].into() }
}

#[tokio::test]
async fn reflection_lists_what_is_served_and_describes_everything_in_both_versions() {
    let server = Server::start().await;
    let ours = ["Admin", "Publisher", "Push", "Subscriber", "Subscription", "Topic"];
    let ours = ours.map(|name| format!("fanfare.v1.{name}Service"));
    let list = pb::v1::ServerReflectionRequest {
        host: String::new(),
        message_request: Some(pb::v1::server_reflection_request::MessageRequest::ListServices(String::new())),
    };
    let mut client = pb::v1::server_reflection_client::ServerReflectionClient::new(server.channel.clone());
    let mut answers =
        client.server_reflection_info(futures_util::stream::iter([list])).await.unwrap().into_inner();
    let answer = answers.next().await.unwrap().unwrap().message_response.unwrap();
    let pb::v1::server_reflection_response::MessageResponse::ListServicesResponse(services) = answer else {
        panic!("{answer:?}")
    };
    let mut listed: Vec<_> = services.service.iter().map(|service| service.name.as_str()).collect();
    listed.sort_unstable();
    let mut served = ours.to_vec();
    served.extend(["grpc.health.v1.Health".into(), "grpc.reflection.v1.ServerReflection".into()]);
    assert_eq!(listed, served);

    // Of a service, and of what an error's details are made of.
    // And of what subscribers serve.
    let push = "fanfare.push.v1.PushEndpointService";
    for symbol in ["fanfare.v1.SubscriberService", "google.rpc.BadRequest", "google.rpc.ErrorInfo", push] {
        assert!(is_described(&server, symbol).await, "{symbol}");
    }
    assert!(!is_described(&server, "fanfare.v1.NoSuchService").await);
}

async fn is_described(server: &Server, symbol: &str) -> bool {
    let symbol = pb::v1alpha::ServerReflectionRequest {
        host: String::new(),
        message_request: Some(pb::v1alpha::server_reflection_request::MessageRequest::FileContainingSymbol(
            symbol.into(),
        )),
    };
    let mut client =
        pb::v1alpha::server_reflection_client::ServerReflectionClient::new(server.channel.clone());
    let mut answers =
        client.server_reflection_info(futures_util::stream::iter([symbol])).await.unwrap().into_inner();
    let Some(Ok(answer)) = answers.next().await else { return false };
    use pb::v1alpha::server_reflection_response::MessageResponse::FileDescriptorResponse;
    matches!(answer.message_response, Some(FileDescriptorResponse(_)))
}

#[tokio::test]
async fn a_call_that_cannot_be_answered_in_time_is_told_so() {
    let server = with(Config { request_timeout: Duration::from_secs(61), ..Config::default() }).await;
    server.set_up().await;
    server.journal.hold();
    let (channel, mut publisher) = (server.channel.clone(), server.publisher());
    let request = v1::PublishRequest { topic: "t".into(), messages: vec![crate::fixture::message("a")] };
    let publishing = tokio::spawn(async move { publisher.publish(request).await });
    let taken = || server.broker.topic_stats(&"t".parse().unwrap()).unwrap().published;
    while taken() == 0 {
        server.answer_one_call().await;
    }
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(62)).await;
    tokio::time::resume();
    let status = soon(publishing).await.unwrap().unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::DeadlineExceeded, "REQUEST_TIMEOUT"));
    server.journal.release();
    drop(channel);
}

#[tokio::test]
async fn a_configuration_out_of_its_limits_serves_nothing() {
    let config = Config { max_frame_bytes: 1, ..Config::default() };
    let server = Server::start().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let info = grpc::ServerInfo {
        version: String::new(),
        engine: String::new(),
        durability: String::new(),
        started_at: types::Timestamp::EPOCH,
    };
    let served = grpc::serve(listener, server.broker.clone(), info, config, async {}).await;
    assert!(served.unwrap_err().to_string().starts_with("max_frame_bytes: is 1, must be"));
}
