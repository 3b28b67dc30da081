use std::{collections::HashMap, net::SocketAddr, sync::Arc, time::Duration};

use fanfare_proto::push::v1::{
    ConfirmSubscriptionRequest, ConfirmSubscriptionResponse, DeliverOutcome, DeliverRequest, DeliverResponse,
    DeliverResult,
    push_endpoint_service_server::{PushEndpointService, PushEndpointServiceServer},
};
use tokio::{net::TcpListener, sync::mpsc};
use tonic::{Code, Response as Answered, metadata::MetadataMap};
use tonic_types::{ErrorDetails, StatusExt as _};
use types::push::{Authentication, PushSettings, Secret};

use crate::{
    Answer, AnyCarrier, Carrier as _, Consent, Failure, Response,
    support::{certificates::Authority, delivery, servers, settings},
};

type Deliver = fn(&DeliverRequest) -> Result<DeliverResponse, tonic::Status>;

/// A subscriber's server.
struct Subscriber {
    deliver: Deliver,
    seen: mpsc::Sender<(MetadataMap, DeliverRequest)>,
    confirm: &'static str,
}

#[tonic::async_trait]
impl PushEndpointService for Subscriber {
    async fn deliver(
        &self,
        request: tonic::Request<DeliverRequest>,
    ) -> Result<Answered<DeliverResponse>, tonic::Status> {
        let (metadata, _, request) = request.into_parts();
        let answer = (self.deliver)(&request);
        self.seen.try_send((metadata, request)).unwrap();
        answer.map(Answered::new)
    }

    async fn confirm_subscription(
        &self,
        request: tonic::Request<ConfirmSubscriptionRequest>,
    ) -> Result<Answered<ConfirmSubscriptionResponse>, tonic::Status> {
        let request = request.into_inner();
        assert_eq!(request.subscription, "projects/default/subscriptions/billing");
        assert_eq!(request.topic, "projects/default/topics/orders");
        match self.confirm {
            "fail" => Err(tonic::Status::unavailable("not now")),
            "" => Ok(Answered::new(ConfirmSubscriptionResponse { token: String::new() })),
            _ => Ok(Answered::new(ConfirmSubscriptionResponse { token: self.confirm.to_owned() })),
        }
    }
}

struct Server {
    address: SocketAddr,
    seen: mpsc::Receiver<(MetadataMap, DeliverRequest)>,
}

async fn server(deliver: Deliver, confirm: &'static str) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, seen) = mpsc::channel(100);
    let service = PushEndpointServiceServer::new(Subscriber { deliver, seen: sender, confirm });
    let incoming = tonic::transport::server::TcpIncoming::from(listener);
    tokio::spawn(tonic::transport::Server::builder().add_service(service).serve_with_incoming(incoming));
    Server { address, seen }
}

fn carrier_to(address: SocketAddr) -> AnyCarrier {
    crate::support::carrier(settings(&format!("grpc://{address}")))
}

async fn answers(deliver: Deliver, messages: u64) -> Vec<Answer> {
    let server = server(deliver, "").await;
    let batch: Vec<_> = (1..=messages).map(delivery).collect();
    carrier_to(server.address).deliver(&batch).await
}

async fn answer(deliver: Deliver) -> Answer {
    answers(deliver, 1).await.remove(0)
}

fn taken() -> Answer {
    Answer { response: Response::Grpc(0), retry_after: None, body: bytes::Bytes::new(), error: String::new() }
}

#[tokio::test]
async fn a_server_gets_the_message_as_it_is_stored_and_an_empty_answer_takes_it() {
    let mut server = server(|_| Ok(DeliverResponse::default()), "").await;
    let mut push = settings(&format!("grpc://{}", server.address));
    push.headers = [("x-team".to_owned(), "billing".to_owned())].into();
    push.authentication = Some(Authentication::Bearer { token: Secret::new("s3cret") });
    let carrier = crate::support::carrier(push);
    assert_eq!(carrier.deliver(&[delivery(5)]).await, [taken()]);

    let (metadata, request) = server.seen.recv().await.unwrap();
    assert_eq!(request.subscription, "projects/default/subscriptions/billing");
    let [message] = &request.messages[..] else { panic!("{request:?}") };
    assert_eq!((message.message_id.clone(), message.sequence), (delivery(5).message_id.to_string(), 5));
    assert_eq!((message.delivery_attempt, message.publish_time.unwrap().seconds), (3, 1_699_999_999));
    assert_eq!(message.message.as_ref().unwrap().data, "message 5");
    let said: HashMap<_, _> = ["x-team", "authorization", "x-correlation-id", "grpc-timeout", "user-agent"]
        .map(|name| (name, metadata.get(name).unwrap().to_str().unwrap().to_owned()))
        .into();
    assert_eq!(said["x-team"], "billing");
    assert_eq!(said["authorization"], "Bearer s3cret");
    assert_eq!(said["x-correlation-id"], "c-5");
    assert!(said["user-agent"].starts_with("Fanfare/"));
    assert!(metadata.get("traceparent").is_some());
}

#[tokio::test]
async fn a_batch_has_no_metadata_of_one_message_and_an_answer_for_each() {
    let mut server = server(
        |request| {
            let result = |index: usize, outcome: DeliverOutcome, detail: &str| DeliverResult {
                message_id: request.messages[index].message_id.clone(),
                outcome: outcome.into(),
                retry_after: Some(prost_types::Duration { seconds: 9, nanos: 0 }),
                detail: detail.to_owned(),
            };
            let results = vec![
                result(3, DeliverOutcome::Reject, "bad"),
                result(1, DeliverOutcome::Retry, "later"),
                result(2, DeliverOutcome::Taken, "fine"),
                result(3, DeliverOutcome::Taken, "a second result does not count"),
                DeliverResult { message_id: "unknown".to_owned(), outcome: 3, ..DeliverResult::default() },
                DeliverResult {
                    message_id: request.messages[4].message_id.clone(),
                    outcome: 99,
                    ..Default::default()
                },
            ];
            Ok(DeliverResponse { results })
        },
        "",
    )
    .await;
    let batch: Vec<_> = (1..=5).map(delivery).collect();
    let answers = carrier_to(server.address).deliver(&batch).await;
    let responses: Vec<_> = answers.iter().map(|answer| answer.response).collect();
    let protocol = Response::Failed(Failure::Protocol);
    assert_eq!(responses, [Response::Grpc(0), Response::Again, Response::Grpc(0), Response::Never, protocol]);
    assert_eq!(answers[1].retry_after, Some(Duration::from_secs(9)));
    assert_eq!((answers[1].error.as_str(), &answers[1].body[..]), ("wants it again: later", &b"later"[..]));
    assert_eq!(answers[2].retry_after, None);
    assert_eq!(answers[3].error, "rejects it: bad");
    let (metadata, request) = server.seen.recv().await.unwrap();
    assert_eq!(request.messages.len(), 5);
    assert!(metadata.get("x-correlation-id").is_none());
}

#[tokio::test]
async fn a_status_is_the_answer_for_every_message() {
    let answers = answers(|_| Err(tonic::Status::unavailable("restarting")), 3).await;
    assert_eq!(answers.len(), 3);
    for answer in answers {
        assert_eq!(answer.response, Response::Grpc(14));
        assert_eq!(
            (answer.error.as_str(), &answer.body[..]),
            ("answered Unavailable: restarting", &b"restarting"[..])
        );
    }
}

#[tokio::test]
async fn retry_info_says_how_long_to_wait() {
    let answer = answer(|_| {
        let details = ErrorDetails::with_retry_info(Some(Duration::from_secs(30)));
        Err(tonic::Status::with_error_details(Code::ResourceExhausted, "slow down", details))
    })
    .await;
    assert_eq!((answer.response, answer.retry_after), (Response::Grpc(8), Some(Duration::from_secs(30))));
}

#[tokio::test]
async fn only_not_found_with_its_reason_means_that_the_endpoint_is_gone() {
    fn with(code: Code, reason: &str) -> tonic::Status {
        tonic::Status::with_error_details(code, "", ErrorDetails::with_error_info(reason, "example.com", []))
    }
    assert_eq!(answer(|_| Err(with(Code::NotFound, "ENDPOINT_GONE"))).await.response, Response::Gone);
    assert_eq!(answer(|_| Err(with(Code::NotFound, "OTHER"))).await.response, Response::Grpc(5));
    assert_eq!(answer(|_| Err(with(Code::Internal, "ENDPOINT_GONE"))).await.response, Response::Grpc(13));
    assert_eq!(answer(|_| Err(tonic::Status::not_found("ENDPOINT_GONE"))).await.response, Response::Grpc(5));
}

#[tokio::test]
async fn an_answer_of_more_than_64_kib_is_none() {
    let answer = answer(|_| {
        let detail = "x".repeat(types::limits::PUSH_RESPONSE_BYTES);
        Ok(DeliverResponse { results: vec![DeliverResult { detail, ..DeliverResult::default() }] })
    })
    .await;
    assert_eq!(answer.response, Response::Failed(Failure::Protocol), "{}", answer.error);
}

#[tokio::test]
async fn details_are_kept_up_to_1_kib() {
    let answer = answer(|_| Err(tonic::Status::internal("ü".repeat(2_000)))).await;
    assert_eq!(answer.response, Response::Grpc(13));
    assert_eq!(answer.body.len(), 1_024);
    assert!((1_023..=1_024).contains(&answer.error.len()));
}

#[tokio::test]
async fn no_connection_and_what_is_no_grpc_are_failures_of_their_own() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let answer = carrier_to(free).deliver(&[delivery(1)]).await.remove(0);
    assert_eq!(answer.response, Response::Failed(Failure::Connect), "{}", answer.error);

    let silent = servers::raw(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_vec(), true).await;
    let answer = carrier_to(silent).deliver(&[delivery(1)]).await.remove(0);
    assert_eq!(answer.response, Response::Failed(Failure::Protocol), "{}", answer.error);
}

#[tokio::test]
async fn a_server_that_does_not_serve_the_method_says_unimplemented() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let incoming = tonic::transport::server::TcpIncoming::from(listener);
    let routes = tonic::service::Routes::default();
    tokio::spawn(tonic::transport::Server::builder().add_routes(routes).serve_with_incoming(incoming));
    assert_eq!(carrier_to(address).deliver(&[delivery(1)]).await.remove(0).response, Response::Grpc(12));
}

#[tokio::test]
async fn consent_is_given_by_the_token_and_by_nothing_else() {
    async fn consent(confirm: &'static str) -> Consent {
        let server = server(|_| Ok(DeliverResponse::default()), confirm).await;
        carrier_to(server.address).confirm("token").await
    }
    assert_eq!(consent("token").await, Consent::Given);
    assert_eq!(consent("").await, Consent::NotYet);
    assert_eq!(consent("other").await, Consent::NotYet);
    assert_eq!(consent("fail").await, Consent::Failed("answered Unavailable: not now".to_owned()));
}

#[tokio::test]
async fn grpc_over_tls_says_https_and_checks_the_certificate() {
    let authority = Authority::new();
    let ok = |_: &servers::Seen| http::Response::default();
    let mut server = servers::https(authority.issue("127.0.0.1").server(&["h2"]), ok).await;
    let push = |trusted: &Authority| PushSettings {
        trusted_certificates: Some(trusted.pem.clone()),
        ..settings(&server.url("grpcs"))
    };
    let untrusted = crate::support::carrier(push(&Authority::new())).deliver(&[delivery(1)]).await.remove(0);
    assert_eq!(untrusted.response, Response::Failed(Failure::Tls));
    crate::support::carrier(push(&authority)).deliver(&[delivery(1)]).await;
    let seen = server.seen.recv().await.unwrap();
    assert_eq!((seen.head.version, seen.head.uri.scheme_str()), (http::Version::HTTP_2, Some("https")));
    assert_eq!(seen.head.uri.path(), "/fanfare.push.v1.PushEndpointService/Deliver");
}

#[tokio::test]
async fn a_call_that_is_dropped_is_cancelled_at_the_server() {
    /// Tells when it is dropped.
    struct Cancelled(mpsc::Sender<()>);
    impl Drop for Cancelled {
        fn drop(&mut self) {
            let _ = self.0.try_send(());
        }
    }
    struct Stuck(mpsc::Sender<()>, mpsc::Sender<()>);
    #[tonic::async_trait]
    impl PushEndpointService for Stuck {
        async fn deliver(
            &self,
            _: tonic::Request<DeliverRequest>,
        ) -> Result<Answered<DeliverResponse>, tonic::Status> {
            let _cancelled = Cancelled(self.1.clone());
            self.0.try_send(()).unwrap();
            std::future::pending().await
        }

        async fn confirm_subscription(
            &self,
            _: tonic::Request<ConfirmSubscriptionRequest>,
        ) -> Result<Answered<ConfirmSubscriptionResponse>, tonic::Status> {
            std::future::pending().await
        }
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (begun, mut has_begun) = mpsc::channel(1);
    let (cancelled, mut is_cancelled) = mpsc::channel(1);
    let service = PushEndpointServiceServer::new(Stuck(begun, cancelled));
    let incoming = tonic::transport::server::TcpIncoming::from(listener);
    tokio::spawn(tonic::transport::Server::builder().add_service(service).serve_with_incoming(incoming));

    let carrier = Arc::new(carrier_to(address));
    let call = tokio::spawn({
        let carrier = Arc::clone(&carrier);
        async move { carrier.deliver(&[delivery(1)]).await }
    });
    has_begun.recv().await.unwrap();
    call.abort();
    is_cancelled.recv().await.unwrap();
}
