use std::{pin::Pin, sync::Arc};

use fanfare_proto::{
    encoded,
    server::{
        push_service_server::{PushService, PushServiceServer},
        subscriber_service_server::{SubscriberService, SubscriberServiceServer},
    },
    undecoded, v1,
};
use futures_util::{Stream, stream};
use parking_lot::Mutex;
use prost::Message as _;
use tokio::{
    net::TcpListener,
    sync::{Notify, watch},
    task::JoinSet,
};
use tonic::{Request, Response, Status, transport};
use types::{AckId, LeaseId, LogId, MessageId, SubscriptionUid, push::Secret};

use crate::Remote;

type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// What the server has heard.
#[derive(Debug, Clone, Default)]
pub(super) struct Heard {
    pub(super) tokens: Vec<String>,
    pub(super) pulls: usize,
    pub(super) extended: Vec<(String, i64)>,
    pub(super) reports: Vec<v1::AttemptReport>,
    pub(super) states: Vec<v1::SetEndpointStateRequest>,
    pub(super) endpoints: Vec<v1::EndpointReport>,
}

/// A broker that has one endpoint, until dropped.
pub(super) struct Server {
    says: Says,
    port: u16,
    _task: JoinSet<()>,
}

#[derive(Clone)]
struct Says {
    heard: watch::Sender<Heard>,
    messages: Arc<Mutex<Vec<encoded::ReceivedMessage>>>,
    wake: Arc<Notify>,
}

impl Server {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let heard = watch::Sender::new(Heard::default());
        let says = Says { heard, messages: Arc::default(), wake: Arc::default() };
        let (push, subscriber) = (says.clone(), says.clone());
        let mut task = JoinSet::new();
        task.spawn(async move {
            let connections = stream::unfold(listener, |listener| async {
                let accepted = listener.accept().await.map(|(stream, _)| stream);
                Some((accepted, listener))
            });
            let router = transport::Server::builder()
                .add_service(PushServiceServer::new(push))
                .add_service(SubscriberServiceServer::new(subscriber));
            router.serve_with_incoming(connections).await.unwrap();
        });
        Self { says, port, _task: task }
    }

    pub(super) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub(super) fn remote(&self) -> Remote {
        Remote::connect(&self.url(), &Secret::new("secret-of-the-worker"), None).unwrap()
    }

    /// The next pull gets these.
    pub(super) fn give(&self, messages: Vec<encoded::ReceivedMessage>) {
        *self.says.messages.lock() = messages;
        self.says.wake.notify_one();
    }

    /// Waits until it has heard that.
    pub(super) async fn heard(&self, is_so: impl FnMut(&Heard) -> bool) -> Heard {
        self.says.heard.subscribe().wait_for(is_so).await.unwrap().clone()
    }
}

pub(super) fn uid() -> SubscriptionUid {
    SubscriptionUid(12_345)
}

/// An endpoint as the broker tells of it.
pub(super) fn assigned() -> v1::AssignedEndpoint {
    use v1::{push_authentication::Method, push_error_rule::Status};
    let rule =
        |status, action: v1::PushAction| v1::PushErrorRule { status: Some(status), action: action.into() };
    let bearer = Method::Bearer(v1::BearerAuthentication { token: "hunter2".into() });
    let push = v1::PushConfig {
        endpoint: "https://endpoint.example/".into(),
        authentication: Some(v1::PushAuthentication { method: Some(bearer) }),
        signing_secrets: vec!["whsec_one".into(), "whsec_two".into()],
        request_timeout: Some(prost_types::Duration { seconds: 7, nanos: 500_000_000 }),
        error_rules: vec![
            rule(Status::Http(v1::HttpStatusRange { from: 404, to: 0 }), v1::PushAction::Retry),
            rule(Status::Failure(v1::PushFailure::Timeout.into()), v1::PushAction::Reject),
        ],
        breaker: Some(v1::PushBreaker { failures: Some(3), ..v1::PushBreaker::default() }),
        ..v1::PushConfig::default()
    };
    let active = v1::PushEndpointState::Active.into();
    v1::AssignedEndpoint {
        subscription: "projects/default/subscriptions/one".into(),
        topic: "projects/default/topics/orders".into(),
        incarnation: uid().0.to_string(),
        push: Some(push),
        endpoint: Some(v1::PushEndpoint { state: active, ..v1::PushEndpoint::default() }),
    }
}

/// A message under a lease.
pub(super) fn received(sequence: u64) -> encoded::ReceivedMessage {
    let message = v1::Message { correlation_id: format!("c-{sequence}"), ..v1::Message::default() };
    encoded::ReceivedMessage {
        ack_id: AckId { subscription: uid(), sequence, lease: LeaseId(7) }.to_string(),
        delivery_attempt: u32::try_from(sequence).unwrap(),
        message_id: MessageId { log: LogId(3), sequence }.to_string(),
        sequence,
        message: message.encode_to_vec().into(),
        ..encoded::ReceivedMessage::default()
    }
}

impl Says {
    fn admit<T>(&self, request: Request<T>) -> Result<T, Status> {
        let token = request.metadata().get("authorization").and_then(|token| token.to_str().ok());
        let token = token.unwrap_or_default().to_owned();
        let is_right = token == "Bearer secret-of-the-worker";
        self.heard.send_modify(|heard| heard.tokens.push(token));
        if is_right { Ok(request.into_inner()) } else { Err(Status::unauthenticated("who are you?")) }
    }
}

#[tonic::async_trait]
impl PushService for Says {
    type WorkStream = Answers<v1::WorkResponse>;

    async fn work(&self, request: Request<v1::WorkRequest>) -> Result<Response<Self::WorkStream>, Status> {
        self.admit(request)?;
        let first =
            v1::WorkResponse { assigned: vec![assigned()], withdrawn: vec!["99".into()], complete: false };
        let rest = v1::WorkResponse { complete: true, ..v1::WorkResponse::default() };
        let share = futures_util::StreamExt::chain(stream::iter([Ok(first), Ok(rest)]), stream::pending());
        Ok(Response::new(Box::pin(share)))
    }

    async fn report_attempts(
        &self,
        request: Request<undecoded::ReportAttemptsRequest>,
    ) -> Result<Response<v1::ReportAttemptsResponse>, Status> {
        let request = v1::ReportAttemptsRequest::decode(self.admit(request)?.bytes).unwrap();
        let result = |report: &v1::AttemptReport| v1::SettleResult {
            ack_id: report.ack_id.clone(),
            outcome: v1::LeaseOutcome::Ok.into(),
            detail: String::new(),
        };
        let results = request.reports.iter().map(result).collect();
        self.heard.send_modify(|heard| heard.reports.extend(request.reports));
        Ok(Response::new(v1::ReportAttemptsResponse { results }))
    }

    async fn begin_confirmation(
        &self,
        request: Request<v1::BeginConfirmationRequest>,
    ) -> Result<Response<v1::BeginConfirmationResponse>, Status> {
        let granted = self.admit(request)?.endpoint == "https://endpoint.example/";
        Ok(Response::new(v1::BeginConfirmationResponse { granted }))
    }

    async fn set_endpoint_state(
        &self,
        request: Request<v1::SetEndpointStateRequest>,
    ) -> Result<Response<v1::SetEndpointStateResponse>, Status> {
        let request = self.admit(request)?;
        self.heard.send_modify(|heard| heard.states.push(request));
        Ok(Response::new(v1::SetEndpointStateResponse {}))
    }

    async fn report_endpoints(
        &self,
        request: Request<undecoded::ReportEndpointsRequest>,
    ) -> Result<Response<v1::ReportEndpointsResponse>, Status> {
        let request = v1::ReportEndpointsRequest::decode(self.admit(request)?.bytes).unwrap();
        self.heard.send_modify(|heard| heard.endpoints.extend(request.reports));
        Ok(Response::new(v1::ReportEndpointsResponse {}))
    }
}

#[tonic::async_trait]
impl SubscriberService for Says {
    async fn pull(
        &self,
        request: Request<v1::PullRequest>,
    ) -> Result<Response<encoded::PullResponse>, Status> {
        self.admit(request)?;
        self.heard.send_modify(|heard| heard.pulls += 1);
        loop {
            let messages = std::mem::take(&mut *self.messages.lock());
            if !messages.is_empty() {
                return Ok(Response::new(encoded::PullResponse { messages }));
            }
            self.wake.notified().await;
        }
    }

    type StreamingPullStream = Answers<v1::StreamingPullResponse>;

    async fn streaming_pull(
        &self,
        _: Request<tonic::Streaming<undecoded::StreamingPullRequest>>,
    ) -> Result<Response<Self::StreamingPullStream>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn acknowledge(
        &self,
        _: Request<undecoded::AcknowledgeRequest>,
    ) -> Result<Response<v1::AcknowledgeResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn nack(&self, _: Request<undecoded::NackRequest>) -> Result<Response<v1::NackResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn extend_lease(
        &self,
        request: Request<undecoded::ExtendLeaseRequest>,
    ) -> Result<Response<v1::ExtendLeaseResponse>, Status> {
        let request = v1::ExtendLeaseRequest::decode(self.admit(request)?.bytes).unwrap();
        let by = request.ack_deadline.unwrap().seconds;
        let extended = request.ack_ids.into_iter().map(|id| (id, by));
        self.heard.send_modify(|heard| heard.extended.extend(extended));
        Ok(Response::new(v1::ExtendLeaseResponse::default()))
    }
}
