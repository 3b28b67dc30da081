use std::future::{Future, IntoFuture};
use std::pin::Pin;

use fanfare_proto::v1::{self, topic_service_client::TopicServiceClient};
use prost_types::FieldMask;

use super::{AdminError, Page, all};
use crate::{connect::Lines, retry::Repeat};

/// Topics. All of it can be called again and again: what is done already is no error, but deleting what is not there.
#[derive(Debug, Clone)]
pub struct Topics {
    lines: Lines,
}

impl Topics {
    pub(crate) fn new(lines: Lines) -> Self {
        Self { lines }
    }

    /// Creates a topic, with all defaults unless [settings](CreateTopic::settings) are given. One that is there with equal settings is left as
    /// it is.
    pub fn create(&self, name: impl Into<String>) -> CreateTopic {
        CreateTopic {
            topics: self.clone(),
            request: v1::CreateTopicRequest { name: name.into(), settings: None },
        }
    }

    /// A topic.
    ///
    /// # Errors
    /// [`AdminError::NotFound`], and what befalls any call.
    pub async fn get(&self, name: impl Into<String>) -> Result<v1::Topic, AdminError> {
        let request = v1::GetTopicRequest { name: name.into() };
        let call = async |channel, request| TopicServiceClient::new(channel).get_topic(request).await;
        Ok(self.lines.call(Repeat::Safe, request, call).await?.topic.unwrap_or_default())
    }

    /// Changes the settings that `paths` names; see `UpdateTopicRequest` for the paths there are.
    ///
    /// # Errors
    /// [`AdminError::NotFound`], [`AdminError::Refused`] with the field at fault, and what befalls any call.
    pub async fn update(
        &self,
        name: impl Into<String>,
        settings: v1::TopicSettings,
        paths: impl IntoIterator<Item = impl Into<String>>,
    ) -> Result<v1::Topic, AdminError> {
        let mask = FieldMask { paths: paths.into_iter().map(Into::into).collect() };
        let request =
            v1::UpdateTopicRequest { name: name.into(), settings: Some(settings), update_mask: Some(mask) };
        let call = async |channel, request| TopicServiceClient::new(channel).update_topic(request).await;
        Ok(self.lines.call(Repeat::Safe, request, call).await?.topic.unwrap_or_default())
    }

    /// All topics of a project (empty: `default`), in the order of their names.
    ///
    /// # Errors
    /// What befalls any call.
    pub async fn list(&self, project: impl Into<String>) -> Result<Vec<v1::Topic>, AdminError> {
        let project = project.into();
        all(|page_token| {
            let request = v1::ListTopicsRequest { project: project.clone(), page_size: 1_000, page_token };
            async {
                let call =
                    async |channel, request| TopicServiceClient::new(channel).list_topics(request).await;
                let page = self.lines.call(Repeat::Safe, request, call).await?;
                Ok(Page { items: page.topics, next: page.next_page_token })
            }
        })
        .await
    }

    /// Deletes a topic with its subscriptions; with `force` also if something in it is not settled.
    ///
    /// # Errors
    /// [`AdminError::NotFound`], [`AdminError::Refused`] while something is not settled, and what befalls any call.
    pub async fn delete(&self, name: impl Into<String>, force: bool) -> Result<(), AdminError> {
        let request = v1::DeleteTopicRequest { name: name.into(), force };
        let call = async |channel, request| TopicServiceClient::new(channel).delete_topic(request).await;
        Ok(self.lines.delete(request, call).await?)
    }
}

/// A topic to be created: await it.
#[derive(Debug, Clone)]
#[must_use = "nothing is created until it is awaited"]
pub struct CreateTopic {
    topics: Topics,
    request: v1::CreateTopicRequest,
}

impl CreateTopic {
    /// With these settings; what they leave out has its default.
    pub fn settings(mut self, settings: v1::TopicSettings) -> Self {
        self.request.settings = Some(settings);
        self
    }

    async fn send(self) -> Result<v1::Topic, AdminError> {
        let call = async |channel, request| TopicServiceClient::new(channel).create_topic(request).await;
        Ok(self.topics.lines.call(Repeat::Safe, self.request, call).await?.topic.unwrap_or_default())
    }
}

impl IntoFuture for CreateTopic {
    type Output = Result<v1::Topic, AdminError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}
