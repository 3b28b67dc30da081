use fanfare_proto::v1::{self, admin_service_client::AdminServiceClient};
use tonic::transport::Channel;

use super::AdminError;
use crate::{connect::Lines, retry::Repeat};

/// The broker itself, and figures of its topics and subscriptions.
#[derive(Debug, Clone)]
pub struct Server {
    lines: Lines,
}

fn client(channel: Channel) -> AdminServiceClient<Channel> {
    AdminServiceClient::new(channel)
}

impl Server {
    pub(crate) fn new(lines: Lines) -> Self {
        Self { lines }
    }

    /// Version, engine, health and limits.
    ///
    /// # Errors
    /// What befalls any call.
    pub async fn info(&self) -> Result<v1::GetServerInfoResponse, AdminError> {
        let call = async |channel, request| client(channel).get_server_info(request).await;
        Ok(self.lines.call(Repeat::Safe, v1::GetServerInfoRequest {}, call).await?)
    }

    /// A topic in figures.
    ///
    /// # Errors
    /// [`AdminError::NotFound`], and what befalls any call.
    pub async fn topic_stats(
        &self,
        name: impl Into<String>,
    ) -> Result<v1::GetTopicStatsResponse, AdminError> {
        let request = v1::GetTopicStatsRequest { name: name.into() };
        let call = async |channel, request| client(channel).get_topic_stats(request).await;
        Ok(self.lines.call(Repeat::Safe, request, call).await?)
    }

    /// A subscription in figures.
    ///
    /// # Errors
    /// [`AdminError::NotFound`], and what befalls any call.
    pub async fn subscription_stats(
        &self,
        name: impl Into<String>,
    ) -> Result<v1::GetSubscriptionStatsResponse, AdminError> {
        let request = v1::GetSubscriptionStatsRequest { name: name.into() };
        let call = async |channel, request| client(channel).get_subscription_stats(request).await;
        Ok(self.lines.call(Repeat::Safe, request, call).await?)
    }
}
