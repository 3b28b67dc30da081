//! The services of a broker that only plays it.

use std::sync::atomic::Ordering;

use fanfare_proto::{
    encoded,
    server::{
        subscriber_service_server::SubscriberService, subscription_service_server::SubscriptionService,
    },
    undecoded,
    undecoded::Incoming as _,
    v1::{self, LeaseOutcome},
};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

use super::{Play, Stream};

fn no<T>() -> Result<Response<T>, Status> {
    Err(Status::unimplemented("not in this play"))
}

impl Play {
    fn settle(&self, ack_ids: &[String]) -> Result<Vec<v1::SettleResult>, Status> {
        let results = ack_ids.iter().map(|ack_id| self.settle_one(ack_id)).collect();
        let lose = |losses: usize| losses.checked_sub(1);
        match self.losses.fetch_update(Ordering::SeqCst, Ordering::SeqCst, lose) {
            Ok(_) => Err(Status::unavailable("the answer is lost")),
            Err(_) => Ok(results),
        }
    }

    fn settle_one(&self, ack_id: &String) -> v1::SettleResult {
        let mut unary = self.unary.lock();
        let outcome = if unary.contains(ack_id) { LeaseOutcome::AlreadySettled } else { LeaseOutcome::Ok };
        if outcome == LeaseOutcome::Ok {
            unary.push(ack_id.clone());
        }
        v1::SettleResult { ack_id: ack_id.clone(), outcome: outcome.into(), ..v1::SettleResult::default() }
    }
}

#[tonic::async_trait]
impl SubscriberService for Play {
    type StreamingPullStream = ReceiverStream<Result<v1::StreamingPullResponse, Status>>;

    async fn streaming_pull(
        &self,
        request: Request<Streaming<undecoded::StreamingPullRequest>>,
    ) -> Result<Response<Self::StreamingPullStream>, Status> {
        if let Some(refusal) = self.refusals.lock().pop_front() {
            return Err(refusal);
        }
        let (answers, receiver) = mpsc::channel(16);
        let stream = Stream { requests: request.into_inner(), answers };
        self.streams.send(stream).await.map_err(|_| Status::unavailable("the play is over"))?;
        if self.is_silent.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        Ok(Response::new(ReceiverStream::new(receiver)))
    }

    async fn acknowledge(
        &self,
        request: Request<undecoded::AcknowledgeRequest>,
    ) -> Result<Response<v1::AcknowledgeResponse>, Status> {
        let request = v1::AcknowledgeRequest::read(request.into_inner().bytes).unwrap();
        Ok(Response::new(v1::AcknowledgeResponse { results: self.settle(&request.ack_ids)? }))
    }

    async fn nack(
        &self,
        request: Request<undecoded::NackRequest>,
    ) -> Result<Response<v1::NackResponse>, Status> {
        let request = v1::NackRequest::read(request.into_inner().bytes).unwrap();
        Ok(Response::new(v1::NackResponse { results: self.settle(&request.ack_ids)? }))
    }

    async fn extend_lease(
        &self,
        request: Request<undecoded::ExtendLeaseRequest>,
    ) -> Result<Response<v1::ExtendLeaseResponse>, Status> {
        let request = v1::ExtendLeaseRequest::read(request.into_inner().bytes).unwrap();
        let done = |ack_id: String| v1::ExtendResult {
            ack_id,
            outcome: LeaseOutcome::Ok.into(),
            ..v1::ExtendResult::default()
        };
        let results = request.ack_ids.into_iter().map(done).collect();
        Ok(Response::new(v1::ExtendLeaseResponse { results }))
    }

    async fn pull(&self, _: Request<v1::PullRequest>) -> Result<Response<encoded::PullResponse>, Status> {
        no()
    }
}

#[tonic::async_trait]
impl SubscriptionService for Play {
    async fn get_subscription(
        &self,
        _: Request<v1::GetSubscriptionRequest>,
    ) -> Result<Response<v1::GetSubscriptionResponse>, Status> {
        let subscription = Some(self.subscription.lock().clone());
        Ok(Response::new(v1::GetSubscriptionResponse { subscription }))
    }

    async fn create_subscription(
        &self,
        _: Request<undecoded::CreateSubscriptionRequest>,
    ) -> Result<Response<v1::CreateSubscriptionResponse>, Status> {
        no()
    }

    async fn update_subscription(
        &self,
        _: Request<undecoded::UpdateSubscriptionRequest>,
    ) -> Result<Response<v1::UpdateSubscriptionResponse>, Status> {
        no()
    }

    async fn list_subscriptions(
        &self,
        _: Request<v1::ListSubscriptionsRequest>,
    ) -> Result<Response<v1::ListSubscriptionsResponse>, Status> {
        no()
    }

    async fn delete_subscription(
        &self,
        _: Request<v1::DeleteSubscriptionRequest>,
    ) -> Result<Response<v1::DeleteSubscriptionResponse>, Status> {
        no()
    }

    async fn confirm_subscription(
        &self,
        _: Request<v1::ConfirmSubscriptionRequest>,
    ) -> Result<Response<v1::ConfirmSubscriptionResponse>, Status> {
        no()
    }

    async fn pause_subscription(
        &self,
        _: Request<v1::PauseSubscriptionRequest>,
    ) -> Result<Response<v1::PauseSubscriptionResponse>, Status> {
        no()
    }

    async fn resume_subscription(
        &self,
        _: Request<v1::ResumeSubscriptionRequest>,
    ) -> Result<Response<v1::ResumeSubscriptionResponse>, Status> {
        no()
    }

    async fn seek_subscription(
        &self,
        _: Request<v1::SeekSubscriptionRequest>,
    ) -> Result<Response<v1::SeekSubscriptionResponse>, Status> {
        no()
    }

    async fn test_filter(
        &self,
        _: Request<undecoded::TestFilterRequest>,
    ) -> Result<Response<v1::TestFilterResponse>, Status> {
        no()
    }
}
