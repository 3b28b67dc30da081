use fanfare_proto::v1;
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

use crate::fixture::{Server, soon};

fn of(service: &str) -> HealthCheckRequest {
    HealthCheckRequest { service: service.into() }
}

#[tokio::test]
async fn every_service_and_the_server_as_a_whole_serve() {
    let server = Server::start().await;
    let mut health = HealthClient::new(server.channel.clone());
    let services = ["Admin", "Publisher", "Push", "Subscriber", "Subscription", "Topic"];
    let names = services.map(|name| format!("fanfare.v1.{name}Service"));
    for name in names.iter().map(String::as_str).chain([""]) {
        let answer = health.check(of(name)).await.unwrap().into_inner();
        assert_eq!(answer.status(), ServingStatus::Serving, "{name}");
    }
}

#[tokio::test]
async fn a_watcher_sees_the_drain() {
    let server = Server::start().await;
    let mut health = HealthClient::new(server.channel.clone());
    let mut watch = health.watch(of("")).await.unwrap().into_inner();
    assert_eq!(watch.message().await.unwrap().unwrap().status(), ServingStatus::Serving);
    server.broker.start_drain();
    assert_eq!(soon(watch.message()).await.unwrap().unwrap().status(), ServingStatus::NotServing);
}

#[tokio::test]
async fn a_watcher_does_not_hold_up_the_shutdown() {
    let server = Server::start().await;
    let mut health = HealthClient::new(server.channel.clone());
    let mut watch = health.watch(of("fanfare.v1.PublisherService")).await.unwrap().into_inner();
    assert_eq!(watch.message().await.unwrap().unwrap().status(), ServingStatus::Serving);
    assert_eq!(soon(server.shut_down()).await, grpc::Drained::Fully);
    let mut last = ServingStatus::Serving;
    while let Ok(Some(answer)) = soon(watch.message()).await {
        last = answer.status();
    }
    assert_eq!(last, ServingStatus::NotServing);
}

#[tokio::test]
async fn after_the_journal_failed_nothing_serves() {
    let server = Server::with_topic().await;
    let mut health = HealthClient::new(server.channel.clone());
    let mut watch = health.watch(of("fanfare.v1.TopicService")).await.unwrap().into_inner();
    assert_eq!(watch.message().await.unwrap().unwrap().status(), ServingStatus::Serving);
    server.journal.poison("write error");
    assert_eq!(soon(watch.message()).await.unwrap().unwrap().status(), ServingStatus::NotServing);
    let info = server.admin().get_server_info(v1::GetServerInfoRequest {}).await.unwrap().into_inner();
    assert_eq!(info.health(), v1::HealthState::Poisoned);
}
