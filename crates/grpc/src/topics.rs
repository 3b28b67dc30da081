use broker::{Broker, Page};
use fanfare_proto::{server::topic_service_server::TopicService, undecoded, v1};
use tonic::{Request, Response, Status};

use crate::{answer, bounds, check, convert::topic, mask, page, refusal::Refusal};

/// `fanfare.v1.TopicService` over the broker.
#[derive(Debug, Clone)]
pub(crate) struct Topics(pub(crate) Broker);

#[tonic::async_trait]
impl TopicService for Topics {
    async fn create_topic(
        &self,
        request: Request<undecoded::CreateTopicRequest>,
    ) -> Result<Response<v1::CreateTopicResponse>, Status> {
        answer("CreateTopic", self.create(request.into_inner()).await)
    }

    async fn get_topic(
        &self,
        request: Request<v1::GetTopicRequest>,
    ) -> Result<Response<v1::GetTopicResponse>, Status> {
        answer("GetTopic", self.get(&request.into_inner()))
    }

    async fn update_topic(
        &self,
        request: Request<undecoded::UpdateTopicRequest>,
    ) -> Result<Response<v1::UpdateTopicResponse>, Status> {
        answer("UpdateTopic", self.update(request.into_inner()).await)
    }

    async fn list_topics(
        &self,
        request: Request<v1::ListTopicsRequest>,
    ) -> Result<Response<v1::ListTopicsResponse>, Status> {
        answer("ListTopics", self.list(&request.into_inner()))
    }

    async fn delete_topic(
        &self,
        request: Request<v1::DeleteTopicRequest>,
    ) -> Result<Response<v1::DeleteTopicResponse>, Status> {
        answer("DeleteTopic", self.delete(&request.into_inner()).await)
    }
}

impl Topics {
    async fn create(
        &self,
        request: undecoded::CreateTopicRequest,
    ) -> Result<v1::CreateTopicResponse, Refusal> {
        let request = bounds::open(request)?;
        let name = check::topic("name", &request.name)?;
        let info = self.0.create_topic(name, topic::settings(request.settings)?).await?;
        Ok(v1::CreateTopicResponse { topic: Some(topic::to_proto(info)) })
    }

    fn get(&self, request: &v1::GetTopicRequest) -> Result<v1::GetTopicResponse, Refusal> {
        let info = self.0.topic(&check::topic("name", &request.name)?)?;
        Ok(v1::GetTopicResponse { topic: Some(topic::to_proto(info)) })
    }

    async fn update(
        &self,
        request: undecoded::UpdateTopicRequest,
    ) -> Result<v1::UpdateTopicResponse, Refusal> {
        let request = bounds::open(request)?;
        let name = check::topic("name", &request.name)?;
        let mask = mask::topic(request.update_mask)?;
        let given = topic::settings(request.settings)?;
        let info = self.0.update_topic(&name, move |current| mask.apply(&given, current)).await?;
        Ok(v1::UpdateTopicResponse { topic: Some(topic::to_proto(info)) })
    }

    fn list(&self, request: &v1::ListTopicsRequest) -> Result<v1::ListTopicsResponse, Refusal> {
        let project = check::project("project", &request.project)?;
        let list = project.to_string();
        let size = page::size(request.page_size)?;
        let page = Page { after: page::place(&list, &request.page_token)?, size };
        let found = self.0.topics(&project, &page);
        let topics = found.entries.into_iter().map(topic::to_proto);
        let (topics, next) = page::cut(topics, found.next, |topic: &v1::Topic| page::id(&topic.name));
        let next_page_token = next.map(|next| page::token(&list, &next)).unwrap_or_default();
        Ok(v1::ListTopicsResponse { topics, next_page_token })
    }

    async fn delete(&self, request: &v1::DeleteTopicRequest) -> Result<v1::DeleteTopicResponse, Refusal> {
        let name = check::topic("name", &request.name)?;
        self.0.delete_topic(&name, request.force).await?;
        Ok(v1::DeleteTopicResponse {})
    }
}
