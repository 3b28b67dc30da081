//! The gRPC endpoint.

use std::time::Duration;

use fanfare_proto::push::v1::{
    ConfirmSubscriptionRequest, DeliverOutcome, DeliverRequest, PushedMessage,
    push_endpoint_service_client::PushEndpointServiceClient,
};
use fanfare_testkit::endpoints::{Consent, GrpcBehaviour, GrpcEndpoint};
use tonic::{Code, transport::Channel};
use tonic_types::StatusExt;

type Client = PushEndpointServiceClient<Channel>;

async fn client(endpoint: &GrpcEndpoint) -> Client {
    Client::connect(endpoint.url().replace("grpc:", "http:")).await.unwrap()
}

fn request(ids: &[&str]) -> DeliverRequest {
    let message = |id: &&str| PushedMessage {
        message_id: (*id).into(),
        delivery_attempt: 1,
        ..PushedMessage::default()
    };
    DeliverRequest { subscription: "billing".into(), messages: ids.iter().map(message).collect() }
}

#[tokio::test]
async fn messages_are_recorded_and_taken() {
    let endpoint = GrpcEndpoint::start(GrpcBehaviour::Take);
    let answer = client(&endpoint).await.deliver(request(&["a", "b"])).await.unwrap().into_inner();
    assert!(answer.results.is_empty());
    let [recorded] = &endpoint.wait_for(1).await[..] else { panic!("one") };
    assert_eq!(recorded.message, request(&["a", "b"]));
    assert_eq!(recorded.metadata["content-type"], "application/grpc");
}

#[tokio::test]
async fn each_message_gets_its_own_result() {
    let endpoint = GrpcEndpoint::start(GrpcBehaviour::FailFirst(1));
    let mut client = client(&endpoint).await;
    let mut again = Vec::new();
    for ids in [&["a", "b"][..], &["b", "c"], &["c", "a"]] {
        let results = client.deliver(request(ids)).await.unwrap().into_inner().results;
        again.push(results.iter().map(|result| result.message_id.clone()).collect::<Vec<_>>().join(","));
    }
    assert_eq!(again, ["a,b", "c", ""]);
    endpoint.set(GrpcBehaviour::outcome(DeliverOutcome::Reject));
    let results = client.deliver(request(&["x"])).await.unwrap().into_inner().results;
    assert_eq!((results[0].message_id.as_str(), results[0].outcome()), ("x", DeliverOutcome::Reject));
}

#[tokio::test]
async fn a_status_has_its_details() {
    let endpoint = GrpcEndpoint::start(GrpcBehaviour::gone());
    let mut client = client(&endpoint).await;
    let gone = client.deliver(request(&["a"])).await.unwrap_err();
    let reason = gone.get_error_details().error_info().map(|info| info.reason.clone());
    assert_eq!((gone.code(), reason.as_deref()), (Code::NotFound, Some("ENDPOINT_GONE")));
    let wait = Duration::from_secs(7);
    endpoint.set(GrpcBehaviour::code(Code::ResourceExhausted, Some(wait)));
    let later = client.deliver(request(&["a"])).await.unwrap_err();
    let found = later.get_error_details().retry_info().and_then(|info| info.retry_delay);
    assert_eq!((later.code(), found), (Code::ResourceExhausted, Some(wait)));
}

#[tokio::test]
async fn consent_is_given_later_or_not_at_all() {
    let endpoint = GrpcEndpoint::start(GrpcBehaviour::Take);
    let mut client = client(&endpoint).await;
    let ask = ConfirmSubscriptionRequest { token: "t0ken".into(), ..ConfirmSubscriptionRequest::default() };
    for (consent, token) in [(Consent::Echo, "t0ken"), (Consent::Later, ""), (Consent::Wrong, "AAAAA")] {
        endpoint.set_consent(consent);
        let answer = client.confirm_subscription(ask.clone()).await.unwrap().into_inner();
        assert_eq!(answer.token, token);
    }
    assert_eq!((endpoint.confirmations().len(), endpoint.totals().confirmations), (3, 3));
    assert_eq!(endpoint.totals().deliveries, 0);
}

#[tokio::test]
async fn a_held_call_is_answered_when_it_is_released() {
    let endpoint = GrpcEndpoint::start(GrpcBehaviour::Hold);
    let mut client = client(&endpoint).await;
    let call = tokio::spawn(async move { client.deliver(request(&["a"])).await });
    endpoint.wait_until("held", |totals| totals.held == 1).await;
    assert!(!call.is_finished());
    endpoint.release(1);
    call.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_reset_connection_fails_the_call() {
    let endpoint = GrpcEndpoint::start(GrpcBehaviour::ResetOnAccept);
    let url = endpoint.url().replace("grpc:", "http:");
    let mut client = Client::new(Channel::from_shared(url).unwrap().connect_lazy());
    let failed = client.deliver(request(&["a"])).await.unwrap_err();
    assert_ne!(failed.code(), Code::Ok);
    assert_eq!(endpoint.totals().deliveries, 0);
}

#[tokio::test]
async fn a_black_hole_takes_the_connection_and_no_call() {
    let endpoint = GrpcEndpoint::start(GrpcBehaviour::BlackHole);
    let url = endpoint.url().replace("grpc:", "http:");
    let mut client = Client::new(Channel::from_shared(url).unwrap().connect_lazy());
    let call = tokio::spawn(async move { client.deliver(request(&["a"])).await });
    endpoint.wait_until("a connection", |totals| totals.open == 1).await;
    assert!(!call.is_finished());
    call.abort();
    let _ = call.await;
    assert_eq!(endpoint.totals().deliveries, 0);
}
