//! A gRPC endpoint.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use fanfare_proto::push::v1::{
    ConfirmSubscriptionRequest, ConfirmSubscriptionResponse, DeliverOutcome, DeliverRequest, DeliverResponse,
    DeliverResult,
    push_endpoint_service_server::{PushEndpointService, PushEndpointServiceServer},
};
use http::HeaderMap;
use hyper_util::service::TowerToHyperService;
use parking_lot::Mutex;
use rustls::ServerConfig;
use tonic::{Code, Response, Status};
use tonic_types::{ErrorDetails, StatusExt};

use super::{
    behaviour::Consent,
    endpoint::Options,
    gate::Gate,
    listener::{Listener, Serve, converse},
    records::{Records, Totals},
    tls::Authority,
    wire::Wire,
};

/// What a gRPC endpoint does with messages, or with the connection that they would come on.
#[derive(Debug, Clone)]
pub enum GrpcBehaviour {
    /// It takes all.
    Take,
    /// It answers with this status.
    Refuse(Status),
    /// It says this of every message; which message is filled in.
    Each(DeliverResult),
    /// The first attempts of each message are to be repeated; it takes what comes after them.
    FailFirst(u32),
    /// It takes all when it is released, see [`GrpcEndpoint::release`].
    Hold,
    /// It accepts connections, reads nothing and says nothing.
    BlackHole,
    /// It resets connections as soon as they are there.
    ResetOnAccept,
}

impl GrpcBehaviour {
    /// Every message ends like this.
    pub fn outcome(outcome: DeliverOutcome) -> Self {
        Self::Each(DeliverResult { outcome: outcome.into(), ..DeliverResult::default() })
    }

    /// It answers with this code, and asks to be left alone for a time.
    pub fn code(code: Code, retry_after: Option<Duration>) -> Self {
        let details = ErrorDetails::with_retry_info(retry_after);
        Self::Refuse(match retry_after {
            Some(_) => Status::with_error_details(code, "as it was told to", details),
            None => Status::new(code, "as it was told to"),
        })
    }

    /// It wants nothing more.
    pub fn gone() -> Self {
        let details = ErrorDetails::with_error_info("ENDPOINT_GONE", "testkit", []);
        Self::Refuse(Status::with_error_details(Code::NotFound, "it has moved away", details))
    }
}

/// A request as it came.
#[derive(Debug, Clone)]
pub struct GrpcRequest<T> {
    /// The call's metadata.
    pub metadata: HeaderMap,
    /// What is asked.
    pub message: T,
    /// When it was there whole, since the endpoint was started.
    pub at: Duration,
}

/// A server of `fanfare.push.v1.PushEndpointService` on a port of its own on 127.0.0.1.
#[derive(Debug)]
pub struct GrpcEndpoint {
    listener: Listener,
    state: Arc<State>,
    authority: Option<Authority>,
}

/// What its connections share.
#[derive(Debug)]
struct State {
    behaviour: Mutex<GrpcBehaviour>,
    consent: Mutex<Consent>,
    tls: Option<Arc<ServerConfig>>,
    records: Records<GrpcRequest<DeliverRequest>>,
    confirmations: Records<GrpcRequest<ConfirmSubscriptionRequest>>,
    gate: Gate,
}

impl GrpcEndpoint {
    /// One that speaks without TLS and consents to everything.
    ///
    /// # Panics
    /// Outside of a tokio runtime, or if there is no port.
    pub fn start(behaviour: GrpcBehaviour) -> Self {
        Self::start_with(behaviour, Options::default())
    }

    /// The same with a choice.
    ///
    /// # Panics
    /// As [`GrpcEndpoint::start`].
    pub fn start_with(behaviour: GrpcBehaviour, options: Options) -> Self {
        let authority = options.tls.is_some().then(Authority::new);
        let tls = options.tls.zip(authority.as_ref()).map(|(tls, authority)| tls.config(authority));
        let state = Arc::new(State {
            behaviour: Mutex::new(behaviour),
            consent: Mutex::new(Consent::Echo),
            tls,
            records: Records::new(options.keep),
            confirmations: Records::new(options.keep),
            gate: Gate::default(),
        });
        let listener = Listener::new().expect("a free port on loopback");
        let endpoint = Self { listener, state, authority };
        endpoint.accept();
        endpoint
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.listener.address()
    }

    /// Its address as a subscription names it.
    pub fn url(&self) -> String {
        let scheme = if self.authority.is_some() { "grpcs" } else { "grpc" };
        format!("{scheme}://{}", self.address())
    }

    /// Who its certificates are from.
    ///
    /// # Panics
    /// If it speaks no TLS.
    pub fn authority(&self) -> &Authority {
        self.authority.as_ref().expect("it speaks TLS")
    }

    /// What it does from now on. Requests that are held stay so until they are released.
    pub fn set(&self, behaviour: GrpcBehaviour) {
        *self.state.behaviour.lock() = behaviour;
    }

    /// What it does from now on when it is asked for consent. [`Consent::Answer`] is UNIMPLEMENTED.
    pub fn set_consent(&self, consent: Consent) {
        *self.state.consent.lock() = consent;
    }

    /// Answers so many requests that are held, or the next ones that come to be.
    pub fn release(&self, count: usize) {
        self.state.gate.release(count);
    }

    /// Ends all connections and refuses new ones, as a process does that has ended.
    pub async fn refuse(&self) {
        self.listener.close().await;
    }

    /// Accepts connections again.
    ///
    /// # Panics
    /// As [`GrpcEndpoint::start`].
    pub fn accept(&self) {
        self.listener.open(&self.state).expect("the port is ours");
    }

    /// The deliveries that are kept, in the order in which they came.
    pub fn requests(&self) -> Vec<GrpcRequest<DeliverRequest>> {
        self.state.records.requests()
    }

    /// The requests for consent that are kept.
    pub fn confirmations(&self) -> Vec<GrpcRequest<ConfirmSubscriptionRequest>> {
        self.state.confirmations.requests()
    }

    /// What it has counted.
    pub fn totals(&self) -> Totals {
        self.state.records.totals()
    }

    /// Waits until there were so many calls of `Deliver`; all that are kept.
    ///
    /// # Panics
    /// If there are not within 30 seconds.
    pub async fn wait_for(&self, deliveries: u64) -> Vec<GrpcRequest<DeliverRequest>> {
        self.wait_until("deliveries", |totals| totals.deliveries >= deliveries).await;
        self.requests()
    }

    /// Waits for a condition of the counts.
    ///
    /// # Panics
    /// If it does not come true within 30 seconds; what it is about is in the message.
    pub async fn wait_until(&self, what: &str, wanted: impl FnMut(&Totals) -> bool) -> Totals {
        self.state.records.wait_until(what, wanted).await
    }
}

impl State {
    /// What it says of each message.
    fn fail_first(&self, attempts: u32, request: &DeliverRequest) -> DeliverResponse {
        let failed = |id: &str| self.records.attempt(id) <= attempts;
        let ids = request.messages.iter().map(|message| &message.message_id);
        let again = ids.filter(|id| failed(id)).map(|id| DeliverResult {
            message_id: id.clone(),
            outcome: DeliverOutcome::Retry.into(),
            ..DeliverResult::default()
        });
        DeliverResponse { results: again.collect() }
    }

    async fn take(&self, request: &DeliverRequest) -> Result<DeliverResponse, Status> {
        let behaviour = self.behaviour.lock().clone();
        match behaviour {
            GrpcBehaviour::Take => Ok(DeliverResponse::default()),
            GrpcBehaviour::Refuse(status) => Err(status),
            GrpcBehaviour::Each(result) => {
                let ids = request.messages.iter().map(|message| message.message_id.clone());
                let results = ids.map(|message_id| DeliverResult { message_id, ..result.clone() });
                Ok(DeliverResponse { results: results.collect() })
            }
            GrpcBehaviour::FailFirst(attempts) => Ok(self.fail_first(attempts, request)),
            GrpcBehaviour::Hold => {
                let _held = self.records.while_alive(|totals| totals.held += 1, |totals| totals.held -= 1);
                self.gate.pass().await;
                Ok(DeliverResponse::default())
            }
            // On a connection that was open before.
            GrpcBehaviour::BlackHole | GrpcBehaviour::ResetOnAccept => std::future::pending().await,
        }
    }
}

/// The service; a type of its own, because the generated server takes ownership.
#[derive(Debug, Clone)]
struct Service(Arc<State>);

#[tonic::async_trait]
impl PushEndpointService for Service {
    async fn deliver(
        &self,
        request: tonic::Request<DeliverRequest>,
    ) -> Result<Response<DeliverResponse>, Status> {
        let records = &self.0.records;
        let request = recorded(records.now(), request);
        let _in_flight = records.while_alive(Totals::begin_flight, |totals| totals.in_flight -= 1);
        records.keep(request.clone(), |totals| totals.deliveries += 1);
        self.0.take(&request.message).await.map(Response::new)
    }

    async fn confirm_subscription(
        &self,
        request: tonic::Request<ConfirmSubscriptionRequest>,
    ) -> Result<Response<ConfirmSubscriptionResponse>, Status> {
        let request = recorded(self.0.records.now(), request);
        let token = request.message.token.clone();
        self.0.confirmations.keep(request, |_| {});
        self.0.records.count(|totals| totals.confirmations += 1);
        let consent = self.0.consent.lock().clone();
        let token = match consent {
            Consent::Echo | Consent::EchoJson => token,
            Consent::Later => String::new(),
            Consent::Wrong => "A".repeat(token.len()),
            Consent::Answer(_) => return Err(Status::unimplemented("as it was told to")),
        };
        Ok(Response::new(ConfirmSubscriptionResponse { token }))
    }
}

fn recorded<T>(at: Duration, request: tonic::Request<T>) -> GrpcRequest<T> {
    let (metadata, _, message) = request.into_parts();
    GrpcRequest { metadata: metadata.into_headers(), message, at }
}

impl Serve for State {
    async fn connection(self: Arc<Self>, wire: Wire, _number: u64) {
        let _open = self.records.while_alive(Totals::open, |totals| totals.open -= 1);
        let behaviour = self.behaviour.lock().clone();
        match behaviour {
            GrpcBehaviour::BlackHole => wire.until_closed().await,
            GrpcBehaviour::ResetOnAccept => wire.reset_at_end(),
            _ => {
                let service = PushEndpointServiceServer::new(Service(self.clone()));
                let tls = self.tls.clone();
                converse(wire, tls, TowerToHyperService::new(service)).await;
            }
        }
    }
}
