use std::time::Duration;

use broker::{Ask, Broker, Subscriber};
use fanfare_proto::{encoded, server::subscriber_service_server::SubscriberService, undecoded, v1};
use tokio::time::timeout;
use tonic::{Request, Response, Status, Streaming};
use types::{AckId, limits};

use crate::{
    answer, bounds, check,
    convert::{delivery, outcome, time},
    refusal::Refusal,
    streaming_pull::{self, NoAnswers},
};

/// Messages of a pull that does not say how many.
const PULL_MESSAGES: usize = 100;
/// Bytes of a pull that does not say how many: with the wrappers it fits in the 4 MiB that most gRPC clients take.
const PULL_BYTES: u64 = 3 << 20;

/// `fanfare.v1.SubscriberService` over the broker.
#[derive(Debug, Clone)]
pub(crate) struct Subscribers {
    pub(crate) broker: Broker,
    pub(crate) settle_grace: Duration,
}

#[tonic::async_trait]
impl SubscriberService for Subscribers {
    async fn pull(
        &self,
        request: Request<v1::PullRequest>,
    ) -> Result<Response<encoded::PullResponse>, Status> {
        answer("Pull", self.pull_some(request.into_inner()).await)
    }

    type StreamingPullStream = NoAnswers;

    async fn streaming_pull(
        &self,
        request: Request<Streaming<undecoded::StreamingPullRequest>>,
    ) -> Result<Response<NoAnswers>, Status> {
        let requests = request.into_inner();
        streaming_pull::open(&self.broker, requests, self.settle_grace).await
    }

    async fn acknowledge(
        &self,
        request: Request<undecoded::AcknowledgeRequest>,
    ) -> Result<Response<v1::AcknowledgeResponse>, Status> {
        answer("Acknowledge", self.ack(request.into_inner()).await)
    }

    async fn nack(
        &self,
        request: Request<undecoded::NackRequest>,
    ) -> Result<Response<v1::NackResponse>, Status> {
        answer("Nack", self.give_back(request.into_inner()).await)
    }

    async fn extend_lease(
        &self,
        request: Request<undecoded::ExtendLeaseRequest>,
    ) -> Result<Response<v1::ExtendLeaseResponse>, Status> {
        answer("ExtendLease", self.extend(request.into_inner()))
    }
}

impl Subscribers {
    async fn pull_some(&self, request: v1::PullRequest) -> Result<encoded::PullResponse, Refusal> {
        let name = check::subscription("subscription", &request.subscription)?;
        let ask = ask(&request)?;
        let wait =
            time::within("wait", request.wait, Duration::ZERO..=limits::PULL_WAIT_MAX)?.unwrap_or_default();
        let mut consumer = self.broker.subscriber(&name)?.consumer()?;
        let deliveries = if wait.is_zero() {
            consumer.try_next(ask).await?
        } else {
            // Dropping the call leases nothing, so running out of time loses no message. The time is for waiting: what is
            // there but far behind in the log is still read, however short the wait.
            match timeout(wait, consumer.next(ask)).await {
                Ok(leased) => leased?,
                Err(_) => consumer.try_next(ask).await?,
            }
        };
        Ok(encoded::PullResponse { messages: deliveries.into_iter().map(delivery::to_proto).collect() })
    }

    async fn ack(&self, request: undecoded::AcknowledgeRequest) -> Result<v1::AcknowledgeResponse, Refusal> {
        let request = bounds::open(request)?;
        let (subscriber, ids) = self.claims(&request.subscription, &request.ack_ids)?;
        let outcomes = subscriber.acknowledge(&ids).await?.durable().await?;
        Ok(v1::AcknowledgeResponse { results: outcome::settled(request.ack_ids, outcomes) })
    }

    async fn give_back(&self, request: undecoded::NackRequest) -> Result<v1::NackResponse, Refusal> {
        let request = bounds::open(request)?;
        let (subscriber, ids) = self.claims(&request.subscription, &request.ack_ids)?;
        let delay = nack_delay("delay", request.delay)?;
        let ids: Vec<_> = ids.into_iter().map(|id| (id, delay)).collect();
        let outcomes = subscriber.nack(&ids).await?.durable().await?;
        Ok(v1::NackResponse { results: outcome::settled(request.ack_ids, outcomes) })
    }

    fn extend(&self, request: undecoded::ExtendLeaseRequest) -> Result<v1::ExtendLeaseResponse, Refusal> {
        let request = bounds::open(request)?;
        let (subscriber, ids) = self.claims(&request.subscription, &request.ack_ids)?;
        let deadline = lease_length("ack_deadline", request.ack_deadline)?;
        let deadline = deadline.unwrap_or_else(|| subscriber.settings().ack_deadline);
        let outcomes = subscriber.extend(&ids, deadline)?;
        Ok(v1::ExtendLeaseResponse { results: outcome::extended(request.ack_ids, &outcomes) })
    }

    fn claims(&self, subscription: &str, ack_ids: &[String]) -> Result<(Subscriber, Vec<AckId>), Refusal> {
        let name = check::subscription("subscription", subscription)?;
        let ids = check::ack_ids(ack_ids)?;
        Ok((self.broker.subscriber(&name)?, ids))
    }
}

fn ask(request: &v1::PullRequest) -> Result<Ask, Refusal> {
    let messages = usize::try_from(request.max_messages).unwrap_or(usize::MAX);
    Ok(Ask {
        max_messages: check::count("max_messages", messages, PULL_MESSAGES, limits::PULL_MESSAGES)?,
        max_bytes: check::count("max_bytes", request.max_bytes, PULL_BYTES, limits::PULL_BYTES as u64)?,
    })
}

/// The wait of a nack.
pub(crate) fn nack_delay(
    path: impl std::fmt::Display,
    given: Option<prost_types::Duration>,
) -> Result<Option<Duration>, Refusal> {
    time::within(path, given, Duration::ZERO..=limits::NACK_DELAY_MAX)
}

/// The new length of a lease.
pub(crate) fn lease_length(
    path: impl std::fmt::Display,
    given: Option<prost_types::Duration>,
) -> Result<Option<Duration>, Refusal> {
    time::within(path, given, limits::ACK_DEADLINE_MIN..=limits::ACK_DEADLINE_MAX)
}
