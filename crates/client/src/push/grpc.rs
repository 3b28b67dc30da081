//! The tonic service for gRPC pushes.

use std::{fmt, future::Future, sync::Arc};

use fanfare_proto::{
    push::v1::{
        ConfirmSubscriptionRequest, ConfirmSubscriptionResponse, DeliverOutcome, DeliverRequest,
        DeliverResponse, DeliverResult, PushedMessage,
        push_endpoint_service_server::{PushEndpointService, PushEndpointServiceServer},
    },
    v1,
};
use futures_util::{StreamExt as _, stream};
use tonic::{Code, Request, Response, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use super::{Answer, Confirmation, Pushed, desk::Desk, handle::handle};
use crate::message;

/// Messages of one request that are handled at a time. In an ordered subscription no two of them have the same key.
const AT_A_TIME: usize = 64;
/// What the broker sends at most, as long as no message is larger.
const REQUEST_BYTES: usize = 4 << 20;

/// Receives gRPC pushes: see [`Endpoint::grpc`](super::Endpoint::grpc). Cheap to clone.
pub struct GrpcEndpoint<H> {
    handler: Arc<H>,
    desk: Desk,
}

impl<H> Clone for GrpcEndpoint<H> {
    fn clone(&self) -> Self {
        Self { handler: self.handler.clone(), desk: self.desk.clone() }
    }
}

impl<H> fmt::Debug for GrpcEndpoint<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GrpcEndpoint").finish_non_exhaustive()
    }
}

impl<H, F> GrpcEndpoint<H>
where
    H: Fn(Pushed) -> F + Send + Sync + 'static,
    F: Future<Output = Answer> + Send + 'static,
{
    pub(super) fn new(handler: Arc<H>, desk: Desk) -> Self {
        Self { handler, desk }
    }

    pub(super) fn into_server(self) -> PushEndpointServiceServer<Self> {
        let limit = self.desk.body_limit().max(REQUEST_BYTES);
        PushEndpointServiceServer::new(self).max_decoding_message_size(limit)
    }
}

#[tonic::async_trait]
impl<H, F> PushEndpointService for GrpcEndpoint<H>
where
    H: Fn(Pushed) -> F + Send + Sync + 'static,
    F: Future<Output = Answer> + Send + 'static,
{
    async fn deliver(&self, request: Request<DeliverRequest>) -> Result<Response<DeliverResponse>, Status> {
        let DeliverRequest { subscription, messages } = request.into_inner();
        let one = |message: PushedMessage| {
            let (id, pushed) = (message.message_id.clone(), pushed(subscription.clone(), message));
            async move { (id, handle(&*self.handler, pushed).await) }
        };
        let answers: Vec<_> = stream::iter(messages).map(one).buffer_unordered(AT_A_TIME).collect().await;
        if answers.iter().any(|(_, answer)| *answer == Answer::Gone) {
            return Err(gone());
        }
        let results = answers.into_iter().filter_map(|(id, answer)| result(id, answer)).collect();
        Ok(Response::new(DeliverResponse { results }))
    }

    async fn confirm_subscription(
        &self,
        request: Request<ConfirmSubscriptionRequest>,
    ) -> Result<Response<ConfirmSubscriptionResponse>, Status> {
        let ConfirmSubscriptionRequest { subscription, topic, token } = request.into_inner();
        let asked = Confirmation { subscription, topic };
        if !self.desk.consents(&asked) {
            tracing::warn!(
                subscription = asked.subscription,
                "consent to a subscription's pushes was refused"
            );
            return Err(Status::permission_denied("this endpoint does not want the subscription's messages"));
        }
        tracing::info!(subscription = asked.subscription, "consented to a subscription's pushes");
        Ok(Response::new(ConfirmSubscriptionResponse { token }))
    }
}

fn pushed(subscription: String, message: PushedMessage) -> Pushed {
    let delivery = v1::ReceivedMessage {
        message_id: message.message_id,
        delivery_attempt: message.delivery_attempt,
        sequence: message.sequence,
        publish_time: message.publish_time,
        message: message.message,
        ..v1::ReceivedMessage::default()
    };
    Pushed::new(subscription, delivery)
}

/// What is not taken is named.
fn result(message_id: String, answer: Answer) -> Option<DeliverResult> {
    let (outcome, retry_after, detail) = match answer {
        Answer::Taken | Answer::Gone => return None,
        Answer::Retry(wait) => (DeliverOutcome::Retry, wait.map(message::duration), String::new()),
        Answer::Reject(why) => (DeliverOutcome::Reject, None, why),
    };
    Some(DeliverResult { message_id, outcome: outcome.into(), retry_after, detail })
}

fn gone() -> Status {
    let details = ErrorDetails::with_error_info("ENDPOINT_GONE", "fanfare", []);
    Status::with_error_details(Code::NotFound, "this endpoint wants nothing more", details)
}
