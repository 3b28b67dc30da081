use broker::Broker;
use fanfare_proto::{server::admin_service_server::AdminService, v1};
use tonic::{Request, Response, Status};
use types::Timestamp;

use crate::{
    answer, check,
    convert::{stats, time},
    refusal::Refusal,
};

/// What the broker cannot know of itself: the shell tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerInfo {
    /// Version of the release.
    pub version: String,
    /// The engine: `disk` or `memory`.
    pub engine: String,
    /// What an accepted message survives: `fsync`, `interval` or `none`.
    pub durability: String,
    /// When the process started.
    pub started_at: Timestamp,
}

/// `fanfare.v1.AdminService` over the broker.
#[derive(Debug, Clone)]
pub(crate) struct Admin {
    pub(crate) broker: Broker,
    pub(crate) info: ServerInfo,
    pub(crate) max_request_bytes: usize,
}

#[tonic::async_trait]
impl AdminService for Admin {
    async fn get_server_info(
        &self,
        _: Request<v1::GetServerInfoRequest>,
    ) -> Result<Response<v1::GetServerInfoResponse>, Status> {
        Ok(Response::new(self.server_info()))
    }

    async fn get_topic_stats(
        &self,
        request: Request<v1::GetTopicStatsRequest>,
    ) -> Result<Response<v1::GetTopicStatsResponse>, Status> {
        answer("GetTopicStats", self.topic_stats(&request.into_inner()))
    }

    async fn get_subscription_stats(
        &self,
        request: Request<v1::GetSubscriptionStatsRequest>,
    ) -> Result<Response<v1::GetSubscriptionStatsResponse>, Status> {
        answer("GetSubscriptionStats", self.subscription_stats(&request.into_inner()).await)
    }
}

impl Admin {
    fn server_info(&self) -> v1::GetServerInfoResponse {
        let (health, health_detail) = stats::health(&self.broker.health().borrow());
        v1::GetServerInfoResponse {
            version: self.info.version.clone(),
            engine: self.info.engine.clone(),
            durability: self.info.durability.clone(),
            start_time: Some(time::to_proto_timestamp(self.info.started_at)),
            health: health.into(),
            health_detail,
            limits: Some(stats::server_limits(self.broker.config(), self.max_request_bytes)),
            totals: Some(stats::totals(self.broker.totals())),
        }
    }

    fn topic_stats(&self, request: &v1::GetTopicStatsRequest) -> Result<v1::GetTopicStatsResponse, Refusal> {
        let name = check::topic("name", &request.name)?;
        Ok(stats::topic(&name, self.broker.topic_stats(&name)?))
    }

    async fn subscription_stats(
        &self,
        request: &v1::GetSubscriptionStatsRequest,
    ) -> Result<v1::GetSubscriptionStatsResponse, Refusal> {
        let name = check::subscription("name", &request.name)?;
        Ok(stats::subscription(&name, &self.broker.subscription_stats(&name).await?))
    }
}
