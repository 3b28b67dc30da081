use std::future::{Future, IntoFuture};
use std::pin::Pin;

use fanfare_proto::v1::{self, subscription_service_client::SubscriptionServiceClient};
use prost_types::FieldMask;
use tonic::transport::Channel;

use super::{AdminError, Page, all};
use crate::{connect::Lines, retry::Repeat};

/// Subscriptions. All of it but [confirming](Self::confirm) can be called again and again: what is done already is no error, but
/// deleting what is not there.
#[derive(Debug, Clone)]
pub struct Subscriptions {
    lines: Lines,
}

fn client(channel: Channel) -> SubscriptionServiceClient<Channel> {
    SubscriptionServiceClient::new(channel)
}

impl Subscriptions {
    pub(crate) fn new(lines: Lines) -> Self {
        Self { lines }
    }

    /// Creates a subscription of a topic, with all defaults unless [settings](CreateSubscription::settings) are given. One that is there with
    /// the same topic and settings is left as it is.
    pub fn create(&self, name: impl Into<String>, topic: impl Into<String>) -> CreateSubscription {
        let request = v1::CreateSubscriptionRequest {
            name: name.into(),
            topic: topic.into(),
            ..v1::CreateSubscriptionRequest::default()
        };
        CreateSubscription { lines: self.lines.clone(), request }
    }

    /// A subscription.
    ///
    /// # Errors
    /// [`AdminError::NotFound`], and what befalls any call.
    pub async fn get(&self, name: impl Into<String>) -> Result<v1::Subscription, AdminError> {
        let request = v1::GetSubscriptionRequest { name: name.into() };
        let call = async |channel, request| client(channel).get_subscription(request).await;
        Ok(self.lines.call(Repeat::Safe, request, call).await?.subscription.unwrap_or_default())
    }

    /// Changes what the request's mask names.
    ///
    /// # Errors
    /// [`AdminError::NotFound`], [`AdminError::Refused`] with the field at fault, and what befalls any call.
    pub async fn update(
        &self,
        request: v1::UpdateSubscriptionRequest,
    ) -> Result<v1::UpdateSubscriptionResponse, AdminError> {
        let call = async |channel, request| client(channel).update_subscription(request).await;
        Ok(self.lines.call(Repeat::Safe, request, call).await?)
    }

    /// Changes the settings that `paths` names; see `UpdateSubscriptionRequest` for the paths there are.
    ///
    /// # Errors
    /// As [`Self::update`].
    pub async fn update_settings(
        &self,
        name: impl Into<String>,
        settings: v1::SubscriptionSettings,
        paths: impl IntoIterator<Item = impl Into<String>>,
    ) -> Result<v1::Subscription, AdminError> {
        let mask = FieldMask { paths: paths.into_iter().map(Into::into).collect() };
        let request = v1::UpdateSubscriptionRequest {
            name: name.into(),
            settings: Some(settings),
            update_mask: Some(mask),
            ..v1::UpdateSubscriptionRequest::default()
        };
        Ok(self.update(request).await?.subscription.unwrap_or_default())
    }

    /// All subscriptions of a project (empty: that of the topic, else `default`), or of one topic (empty: of all), in the order of their names.
    ///
    /// # Errors
    /// What befalls any call.
    pub async fn list(
        &self,
        project: impl Into<String>,
        topic: impl Into<String>,
    ) -> Result<Vec<v1::Subscription>, AdminError> {
        let (project, topic) = (project.into(), topic.into());
        all(|page_token| {
            let (project, topic) = (project.clone(), topic.clone());
            let request = v1::ListSubscriptionsRequest { project, topic, page_size: 1_000, page_token };
            async {
                let call = async |channel, request| client(channel).list_subscriptions(request).await;
                let page = self.lines.call(Repeat::Safe, request, call).await?;
                Ok(Page { items: page.subscriptions, next: page.next_page_token })
            }
        })
        .await
    }

    /// Deletes a subscription with its backlog and dead letters.
    ///
    /// # Errors
    /// [`AdminError::NotFound`], and what befalls any call.
    pub async fn delete(&self, name: impl Into<String>) -> Result<(), AdminError> {
        let request = v1::DeleteSubscriptionRequest { name: name.into() };
        let call = async |channel, request| client(channel).delete_subscription(request).await;
        Ok(self.lines.delete(request, call).await?)
    }

    /// Confirms a push endpoint with the token that was sent to it. A token is good once.
    ///
    /// # Errors
    /// [`AdminError::Refused`] if the token is not good, and what befalls any call.
    pub async fn confirm(
        &self,
        name: impl Into<String>,
        token: impl Into<String>,
    ) -> Result<v1::Subscription, AdminError> {
        let request = v1::ConfirmSubscriptionRequest { name: name.into(), token: token.into() };
        let call = async |channel, request| client(channel).confirm_subscription(request).await;
        Ok(self.lines.call(Repeat::IfRefused, request, call).await?.subscription.unwrap_or_default())
    }

    /// Stops deliveries.
    ///
    /// # Errors
    /// [`AdminError::NotFound`], and what befalls any call.
    pub async fn pause(&self, name: impl Into<String>) -> Result<v1::Subscription, AdminError> {
        let request = v1::PauseSubscriptionRequest { name: name.into() };
        let call = async |channel, request| client(channel).pause_subscription(request).await;
        Ok(self.lines.call(Repeat::Safe, request, call).await?.subscription.unwrap_or_default())
    }

    /// Continues deliveries, also to a push endpoint that was disabled.
    ///
    /// # Errors
    /// [`AdminError::NotFound`], and what befalls any call.
    pub async fn resume(&self, name: impl Into<String>) -> Result<v1::Subscription, AdminError> {
        let request = v1::ResumeSubscriptionRequest { name: name.into() };
        let call = async |channel, request| client(channel).resume_subscription(request).await;
        Ok(self.lines.call(Repeat::Safe, request, call).await?.subscription.unwrap_or_default())
    }

    /// Continues from another place in the log. All leases end.
    ///
    /// # Errors
    /// [`AdminError::NotFound`], [`AdminError::Refused`] with the field at fault, and what befalls any call.
    pub async fn seek(
        &self,
        name: impl Into<String>,
        target: v1::LogPlace,
    ) -> Result<v1::SeekSubscriptionResponse, AdminError> {
        let request = v1::SeekSubscriptionRequest { name: name.into(), target: Some(target) };
        let call = async |channel, request| client(channel).seek_subscription(request).await;
        Ok(self.lines.call(Repeat::Safe, request, call).await?)
    }

    /// Tells which messages a filter policy matches, and why it does not match the others. Changes nothing.
    ///
    /// # Errors
    /// [`AdminError::Refused`] with the field at fault, and what befalls any call.
    pub async fn test_filter(
        &self,
        request: v1::TestFilterRequest,
    ) -> Result<v1::TestFilterResponse, AdminError> {
        let call = async |channel, request| client(channel).test_filter(request).await;
        Ok(self.lines.call(Repeat::Safe, request, call).await?)
    }
}

/// A subscription to be created: await it.
#[derive(Debug, Clone)]
#[must_use = "nothing is created until it is awaited"]
pub struct CreateSubscription {
    lines: Lines,
    request: v1::CreateSubscriptionRequest,
}

impl CreateSubscription {
    /// With these settings; what they leave out has its default.
    pub fn settings(mut self, settings: v1::SubscriptionSettings) -> Self {
        self.request.settings = Some(settings);
        self
    }

    /// Starting there. Default: with the next message that is published.
    pub fn start(mut self, place: v1::LogPlace) -> Self {
        self.request.start = Some(place);
        self
    }

    async fn send(self) -> Result<v1::Subscription, AdminError> {
        let call = async |channel, request| client(channel).create_subscription(request).await;
        Ok(self.lines.call(Repeat::Safe, self.request, call).await?.subscription.unwrap_or_default())
    }
}

impl IntoFuture for CreateSubscription {
    type Output = Result<v1::Subscription, AdminError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}
