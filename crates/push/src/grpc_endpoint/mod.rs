//! Carries messages to a server that implements `fanfare.push.v1.PushEndpointService`.
//!
//! The stored bytes of a message are handed on as they are. Of an answer 64 KiB are read; more is no answer. Dropping a call cancels it.

mod answers;
mod metadata;

use std::{
    fmt,
    task::{Context, Poll},
};

use broker::{AssignedEndpoint, Delivery};
use fanfare_proto::{encoded, push::v1};
use futures_util::future::BoxFuture;
use http::{Uri, uri::PathAndQuery};
use http_body_util::Limited;
use hyper::body::Incoming;
use hyper_util::client::legacy::{self, Client};
use tonic::{Request, Status, body::Body, client::Grpc};
use tonic_prost::ProstCodec;
use types::{Invalid, Timestamp, limits};

use crate::{Answer, Carrier, Consent, connect::Connector, webhook::client_builder};

pub(crate) use metadata::check as check_headers;

const DELIVER: PathAndQuery = PathAndQuery::from_static("/fanfare.push.v1.PushEndpointService/Deliver");
const CONFIRM: PathAndQuery =
    PathAndQuery::from_static("/fanfare.push.v1.PushEndpointService/ConfirmSubscription");
/// Before a message on the wire: whether it is compressed, and its length.
const PREFIX_BYTES: usize = 5;

/// One gRPC server, with its own connection.
pub struct GrpcEndpoint {
    transport: Transport,
    uri: Uri,
    endpoint: AssignedEndpoint,
    metadata: http::HeaderMap,
}

impl fmt::Debug for GrpcEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GrpcEndpoint").field("uri", &self.uri).finish_non_exhaustive()
    }
}

impl GrpcEndpoint {
    /// Connects when there is something to send.
    ///
    /// # Errors
    /// A header cannot be sent.
    pub(crate) fn new(connector: Connector, endpoint: AssignedEndpoint, uri: Uri) -> Result<Self, Invalid> {
        let metadata = metadata::of_settings(&endpoint.push)?;
        let client = client_builder().http2_only(true).build(connector);
        Ok(Self { transport: Transport(client), uri, endpoint, metadata })
    }

    async fn call<Q, A>(&self, request: Request<Q>, method: PathAndQuery) -> Result<A, Status>
    where
        Q: prost::Message + 'static,
        A: prost::Message + Default + 'static,
    {
        let mut grpc = Grpc::with_origin(self.transport.clone(), self.uri.clone())
            .max_decoding_message_size(limits::PUSH_RESPONSE_BYTES)
            .max_encoding_message_size(usize::MAX);
        let codec = ProstCodec::default();
        grpc.unary(request, method, codec).await.map(tonic::Response::into_inner)
    }

    /// A request with the metadata that all have, and those of the message if it is one.
    fn request<Q>(&self, message: Q, single: Option<&Delivery>) -> Request<Q> {
        let mut headers = self.metadata.clone();
        if let Some(delivery) = single {
            metadata::add_of_message(&mut headers, &delivery.payload);
        }
        let mut request = Request::new(message);
        *request.metadata_mut() = tonic::metadata::MetadataMap::from_headers(headers);
        request.set_timeout(self.endpoint.push.request_timeout);
        request
    }

    async fn ask(&self, token: &str) -> Result<v1::ConfirmSubscriptionResponse, Status> {
        let question = v1::ConfirmSubscriptionRequest {
            subscription: self.endpoint.subscription.to_string(),
            topic: self.endpoint.topic.to_string(),
            token: token.to_owned(),
        };
        self.call(self.request(question, None), CONFIRM).await
    }
}

impl Carrier for GrpcEndpoint {
    async fn deliver(&self, messages: &[Delivery]) -> Vec<Answer> {
        let batch = encoded::DeliverRequest {
            subscription: self.endpoint.subscription.to_string(),
            messages: messages.iter().map(pushed).collect(),
        };
        let single = if let [single] = messages { Some(single) } else { None };
        match self.call(self.request(batch, single), DELIVER).await {
            Ok(response) => answers::of_response(messages, &response),
            Err(status) => vec![answers::of_status(&status); messages.len()],
        }
    }

    async fn confirm(&self, token: &str) -> Consent {
        let limit = self.endpoint.push.request_timeout;
        match tokio::time::timeout(limit, self.ask(token)).await {
            Ok(Ok(response)) if response.token == token => Consent::Given,
            Ok(Ok(_)) => Consent::NotYet,
            Ok(Err(status)) => Consent::Failed(answers::of_status(&status).error),
            Err(_) => Consent::Failed(format!("no answer in {limit:?}")),
        }
    }
}

/// The wrapper of one delivery. The message is neither read nor copied.
fn pushed(delivery: &Delivery) -> encoded::PushedMessage {
    let since = delivery.published_at.since(Timestamp::EPOCH);
    encoded::PushedMessage {
        message_id: delivery.message_id.to_string(),
        delivery_attempt: delivery.attempt,
        sequence: delivery.message_id.sequence,
        publish_time: Some(prost_types::Timestamp {
            seconds: i64::try_from(since.as_secs()).unwrap_or(i64::MAX),
            nanos: i32::try_from(since.subsec_nanos()).unwrap_or_default(),
        }),
        message: delivery.payload.clone(),
    }
}

/// The connection, with a bound on what one answer may have.
#[derive(Debug, Clone)]
struct Transport(Client<Connector, Body>);

impl tower::Service<http::Request<Body>> for Transport {
    type Response = http::Response<Limited<Incoming>>;
    type Error = legacy::Error;
    type Future = BoxFuture<'static, Result<Self::Response, legacy::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), legacy::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let response = self.0.request(request);
        Box::pin(async move {
            let bound = |body| Limited::new(body, limits::PUSH_RESPONSE_BYTES + PREFIX_BYTES);
            response.await.map(|response| response.map(bound))
        })
    }
}

#[cfg(test)]
mod tests;
