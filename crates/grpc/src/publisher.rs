use broker::{Accepted, Broker, Published};
use fanfare_proto::{server::publisher_service_server::PublisherService, undecoded, v1};
use tonic::{Request, Response, Status, Streaming};
use types::TopicName;

use crate::{
    answer_to, bounds,
    budget::Budget,
    check,
    convert::message::{self, Stamp},
    origin::{CorrelationIds, Origin},
    publish_stream::{self, Answers},
    refusal::Refusal,
};

/// `fanfare.v1.PublisherService` over the broker.
#[derive(Debug, Clone)]
pub(crate) struct Publisher {
    pub(crate) broker: Broker,
    pub(crate) ids: CorrelationIds,
    pub(crate) budget: Budget,
}

#[tonic::async_trait]
impl PublisherService for Publisher {
    async fn publish(
        &self,
        request: Request<undecoded::PublishRequest>,
    ) -> Result<Response<v1::PublishResponse>, Status> {
        let origin = Origin::of(request.metadata());
        let correlation_id = origin.as_ref().ok().and_then(|origin| origin.correlation_id.clone());
        answer_to("Publish", correlation_id.as_deref(), self.publish_one(origin, request.into_inner()).await)
    }

    type PublishStreamStream = Answers;

    async fn publish_stream(
        &self,
        request: Request<Streaming<undecoded::PublishStreamRequest>>,
    ) -> Result<Response<Answers>, Status> {
        let origin =
            Origin::of(request.metadata()).inspect_err(|refusal| refusal.log("PublishStream", None))?;
        Ok(Response::new(publish_stream::answers(self.clone(), origin, request.into_inner())))
    }
}

impl Publisher {
    async fn publish_one(
        &self,
        origin: Result<Origin, Refusal>,
        request: undecoded::PublishRequest,
    ) -> Result<v1::PublishResponse, Refusal> {
        let origin = origin?;
        let request = bounds::check(request)?;
        let share = self.budget.share_soon(request.weight()).await?;
        let request = request.decode()?;
        let topic = check::topic("topic", &request.topic)?;
        let on_their_way = self.accept(topic, request.messages, &origin).await?;
        drop(share);
        let results = on_their_way.results().await?;
        Ok(v1::PublishResponse { results })
    }

    /// Gives the messages their places. From here on they are stored, whether or not someone waits for the answer.
    pub(crate) async fn accept(
        &self,
        topic: TopicName,
        messages: Vec<v1::NewMessage>,
        origin: &Origin,
    ) -> Result<OnTheirWay, Refusal> {
        let stamp = Stamp {
            now: self.broker.now(),
            origin,
            ids: &self.ids,
            max_message_bytes: self.broker.config().max_message_bytes,
        };
        let (messages, correlation_ids) = message::accept(messages, &stamp)?;
        let accepted = self.broker.accept(&topic, messages).await?;
        Ok(OnTheirWay { topic, correlation_ids, accepted })
    }
}

/// Messages that have their places and are not durable yet.
#[must_use = "nothing is answered before it is durable"]
#[derive(Debug)]
pub(crate) struct OnTheirWay {
    topic: TopicName,
    correlation_ids: Vec<String>,
    accepted: Accepted,
}

impl OnTheirWay {
    /// Waits until all are durable; one result a message, in order.
    pub(crate) async fn results(self) -> Result<Vec<v1::PublishResult>, Refusal> {
        let published = self.accepted.durable().await?;
        let results = published.into_iter().zip(self.correlation_ids);
        Ok(results
            .map(|(published, correlation_id)| result(&self.topic, published, correlation_id))
            .collect())
    }
}

fn result(topic: &TopicName, published: Published, correlation_id: String) -> v1::PublishResult {
    let message_id = published.id.to_string();
    tracing::debug!(%topic, message_id, %correlation_id, deduplicated = published.deduplicated, "published");
    v1::PublishResult {
        message_id,
        sequence: published.id.sequence,
        deduplicated: published.deduplicated,
        matched_subscriptions: published.matched,
        correlation_id,
    }
}
