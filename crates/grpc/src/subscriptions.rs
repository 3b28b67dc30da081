use broker::{Broker, Page, Updated};
use fanfare_proto::{server::subscription_service_server::SubscriptionService, undecoded, v1};
use prost_types::FieldMask;
use tonic::{Request, Response, Status};
use types::{SubscriptionName, SubscriptionSettings};

use crate::{
    answer, bounds, check,
    convert::{filter_policy, place, subscription},
    mask::{self, Named},
    page,
    refusal::Refusal,
    test_filter,
};

/// `fanfare.v1.SubscriptionService` over the broker.
#[derive(Debug, Clone)]
pub(crate) struct Subscriptions(pub(crate) Broker);

#[tonic::async_trait]
impl SubscriptionService for Subscriptions {
    async fn create_subscription(
        &self,
        request: Request<undecoded::CreateSubscriptionRequest>,
    ) -> Result<Response<v1::CreateSubscriptionResponse>, Status> {
        answer("CreateSubscription", self.create(request.into_inner()).await)
    }

    async fn get_subscription(
        &self,
        request: Request<v1::GetSubscriptionRequest>,
    ) -> Result<Response<v1::GetSubscriptionResponse>, Status> {
        answer("GetSubscription", self.get(&request.into_inner()))
    }

    async fn update_subscription(
        &self,
        request: Request<undecoded::UpdateSubscriptionRequest>,
    ) -> Result<Response<v1::UpdateSubscriptionResponse>, Status> {
        answer("UpdateSubscription", self.update(request.into_inner()).await)
    }

    async fn list_subscriptions(
        &self,
        request: Request<v1::ListSubscriptionsRequest>,
    ) -> Result<Response<v1::ListSubscriptionsResponse>, Status> {
        answer("ListSubscriptions", self.list(&request.into_inner()))
    }

    async fn delete_subscription(
        &self,
        request: Request<v1::DeleteSubscriptionRequest>,
    ) -> Result<Response<v1::DeleteSubscriptionResponse>, Status> {
        answer("DeleteSubscription", self.delete(&request.into_inner()).await)
    }

    async fn confirm_subscription(
        &self,
        request: Request<v1::ConfirmSubscriptionRequest>,
    ) -> Result<Response<v1::ConfirmSubscriptionResponse>, Status> {
        answer("ConfirmSubscription", self.confirm(&request.into_inner()).await)
    }

    async fn pause_subscription(
        &self,
        request: Request<v1::PauseSubscriptionRequest>,
    ) -> Result<Response<v1::PauseSubscriptionResponse>, Status> {
        answer("PauseSubscription", self.pause(&request.into_inner()).await)
    }

    async fn resume_subscription(
        &self,
        request: Request<v1::ResumeSubscriptionRequest>,
    ) -> Result<Response<v1::ResumeSubscriptionResponse>, Status> {
        answer("ResumeSubscription", self.resume(&request.into_inner()).await)
    }

    async fn seek_subscription(
        &self,
        request: Request<v1::SeekSubscriptionRequest>,
    ) -> Result<Response<v1::SeekSubscriptionResponse>, Status> {
        answer("SeekSubscription", self.seek(request.into_inner()).await)
    }

    async fn test_filter(
        &self,
        request: Request<undecoded::TestFilterRequest>,
    ) -> Result<Response<v1::TestFilterResponse>, Status> {
        answer("TestFilter", self.test(request.into_inner()).await)
    }
}

impl Subscriptions {
    async fn create(
        &self,
        request: undecoded::CreateSubscriptionRequest,
    ) -> Result<v1::CreateSubscriptionResponse, Refusal> {
        let request = bounds::open(request)?;
        let name = name(&request.name)?;
        let topic = check::topic("topic", &request.topic)?;
        let settings = subscription::settings(request.settings)?;
        let start = place::start(request.start)?;
        let info = self.0.create_subscription(name, &topic, settings, start).await?;
        Ok(v1::CreateSubscriptionResponse { subscription: Some(subscription::to_proto(info)) })
    }

    fn get(&self, request: &v1::GetSubscriptionRequest) -> Result<v1::GetSubscriptionResponse, Refusal> {
        let info = self.0.subscription(&name(&request.name)?)?;
        Ok(v1::GetSubscriptionResponse { subscription: Some(subscription::to_proto(info)) })
    }

    async fn update(
        &self,
        request: undecoded::UpdateSubscriptionRequest,
    ) -> Result<v1::UpdateSubscriptionResponse, Refusal> {
        let request = bounds::open(request)?;
        let name = name(&request.name)?;
        let refilters = mask::names_filter_policy(request.update_mask.as_ref());
        let settings = self.named(&name, request.settings, request.update_mask.as_ref())?;
        let mask = mask::subscription(request.update_mask)?;
        let given = subscription::settings(settings)?;
        let backlog = filter_policy::backlog(request.filter_backlog, refilters)?;
        let change = move |current: &mut SubscriptionSettings| mask.apply(&given, current);
        let Updated { info, left } = self.0.update_subscription(&name, change, backlog).await?;
        let subscription = Some(subscription::to_proto(info));
        Ok(v1::UpdateSubscriptionResponse { subscription, left_backlog: left })
    }

    /// The settings of an update without what its mask does not name of `push`.
    fn named(
        &self,
        name: &SubscriptionName,
        given: Option<v1::SubscriptionSettings>,
        mask: Option<&FieldMask>,
    ) -> Result<Option<v1::SubscriptionSettings>, Refusal> {
        let mut given = given.unwrap_or_default();
        let push = given.push.take();
        given.push = match mask::named_push(mask) {
            Named::Nothing => None,
            Named::Whole => push,
            parts => {
                let current = self.0.subscription(name)?.settings.push;
                parts.of(push, mask, current.as_deref())?
            }
        };
        Ok(Some(given))
    }

    fn list(&self, request: &v1::ListSubscriptionsRequest) -> Result<v1::ListSubscriptionsResponse, Refusal> {
        let topic = match request.topic.as_str() {
            "" => None,
            topic => Some(check::topic("topic", topic)?),
        };
        let project = match (&topic, request.project.as_str()) {
            (Some(topic), "") => topic.project().clone(),
            (_, project) => check::project("project", project)?,
        };
        let list = format!("{project} {}", topic.as_ref().map(ToString::to_string).unwrap_or_default());
        let size = page::size(request.page_size)?;
        let page = Page { after: page::place(&list, &request.page_token)?, size };
        let found = self.0.subscriptions(&project, topic.as_ref(), &page);
        let found_here = found.entries.into_iter().map(subscription::to_proto);
        let place = |subscription: &v1::Subscription| page::id(&subscription.name);
        let (subscriptions, next) = page::cut(found_here, found.next, place);
        let next_page_token = next.map(|next| page::token(&list, &next)).unwrap_or_default();
        Ok(v1::ListSubscriptionsResponse { subscriptions, next_page_token })
    }

    async fn delete(
        &self,
        request: &v1::DeleteSubscriptionRequest,
    ) -> Result<v1::DeleteSubscriptionResponse, Refusal> {
        let position = self.0.delete_subscription(&name(&request.name)?).await?;
        Ok(v1::DeleteSubscriptionResponse { position })
    }

    async fn confirm(
        &self,
        request: &v1::ConfirmSubscriptionRequest,
    ) -> Result<v1::ConfirmSubscriptionResponse, Refusal> {
        let name = name(&request.name)?;
        check::confirmation_token("token", &request.token)?;
        let info = self.0.confirm_subscription(&name, &request.token).await?;
        Ok(v1::ConfirmSubscriptionResponse { subscription: Some(subscription::to_proto(info)) })
    }

    async fn pause(
        &self,
        request: &v1::PauseSubscriptionRequest,
    ) -> Result<v1::PauseSubscriptionResponse, Refusal> {
        let info = self.0.pause(&name(&request.name)?).await?;
        Ok(v1::PauseSubscriptionResponse { subscription: Some(subscription::to_proto(info)) })
    }

    async fn resume(
        &self,
        request: &v1::ResumeSubscriptionRequest,
    ) -> Result<v1::ResumeSubscriptionResponse, Refusal> {
        let info = self.0.resume(&name(&request.name)?).await?;
        Ok(v1::ResumeSubscriptionResponse { subscription: Some(subscription::to_proto(info)) })
    }

    async fn seek(
        &self,
        request: v1::SeekSubscriptionRequest,
    ) -> Result<v1::SeekSubscriptionResponse, Refusal> {
        let name = name(&request.name)?;
        let (info, next_sequence) = self.0.seek(&name, place::target(request.target)?).await?;
        let subscription = Some(subscription::to_proto(info));
        Ok(v1::SeekSubscriptionResponse { subscription, next_sequence })
    }

    async fn test(&self, request: undecoded::TestFilterRequest) -> Result<v1::TestFilterResponse, Refusal> {
        test_filter::test(&self.0, bounds::open(request)?).await
    }
}

fn name(text: &str) -> Result<SubscriptionName, Refusal> {
    check::subscription("name", text)
}
