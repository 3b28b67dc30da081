//! Looking at an endpoint before a subscription gets it: the guard's business for those on the network, the broker's for topics.

use std::{fmt, pin::Pin, sync::Arc};

use tokio::sync::MutexGuard;
use types::{Invalid, SubscriptionSettings, TopicName, push::PushSettings};

use super::PushRole;
use crate::{Broker, handle::Inner};

/// Topics of a circle that are named when it is refused.
const NAMED: usize = 8;

/// Looks at the push settings that someone gives. Is not asked about topics. Fields of errors are paths from the push settings.
pub trait CheckEndpoint: Send + Sync + fmt::Debug {
    /// An endpoint that the subscription did not have: whether it may be connected to, and whether it can.
    fn check<'a>(
        &'a self,
        push: &'a PushSettings,
    ) -> Pin<Box<dyn Future<Output = Result<(), Invalid>> + Send + 'a>>;

    /// Other settings of the endpoint that it has. That may be down at the moment: just then a limit or a secret is to be changed.
    fn check_again(&self, push: &PushSettings) -> Result<(), Invalid>;
}

/// What is known of the endpoint that one call brings. To be kept until the endpoint is recorded and listed.
#[derive(Default)]
pub(crate) struct EndpointCheck<'a> {
    /// The guard has let these settings pass.
    passed: Option<Arc<PushSettings>>,
    /// Nobody else changes who forwards to whom.
    forwarding: Option<MutexGuard<'a, ()>>,
}

impl Broker {
    /// Has every endpoint looked at from now on when a subscription is created with it or changed to it.
    pub fn guard_endpoints(&self, guard: Arc<dyn CheckEndpoint>) {
        *self.inner.shared.endpoints.guard.write() = Some(guard);
    }
}

impl Inner {
    /// Asks the guard about the endpoint in the settings, if there is one on the network. To be called outside all locks.
    ///
    /// # Errors
    /// The guard does not let it pass.
    pub(crate) async fn ask_guard(&self, settings: &SubscriptionSettings) -> Result<(), Invalid> {
        let Some(push) = &settings.push else { return Ok(()) };
        let guard = self.shared.endpoints.guard.read().clone();
        match guard.filter(|_| PushRole::of(push) == PushRole::Deliverer) {
            Some(guard) => guard.check(push).await.map_err(|invalid| invalid.within("settings.push")),
            None => Ok(()),
        }
    }

    /// Asks the guard about other settings of an endpoint on the network that the subscription has.
    fn ask_guard_again(&self, push: &PushSettings) -> Result<(), Invalid> {
        let guard = self.shared.endpoints.guard.read().clone();
        guard.map_or(Ok(()), |guard| {
            guard.check_again(push).map_err(|invalid| invalid.within("settings.push"))
        })
    }

    /// Looks at the topic to which a new subscription forwards, if it does. What it gives is to be kept until the subscription is listed.
    ///
    /// # Errors
    /// It is not for this subscription.
    pub(crate) async fn check_new_forward(
        &self,
        topic: &TopicName,
        settings: &SubscriptionSettings,
    ) -> Result<Option<MutexGuard<'_, ()>>, Invalid> {
        let Some(target) = target(settings)? else { return Ok(None) };
        let forwarding = self.shared.endpoints.forwarding.lock().await;
        self.check_forward(topic, &target)?;
        Ok(Some(forwarding))
    }

    /// Looks at the push settings that changed settings bring, if they are not those in force.
    ///
    /// # Errors
    /// It is not for this subscription.
    pub(crate) async fn check_endpoint<'a>(
        &'a self,
        topic: &TopicName,
        before: Option<&PushSettings>,
        settings: &SubscriptionSettings,
        check: &mut EndpointCheck<'a>,
    ) -> Result<(), Invalid> {
        let Some(push) = settings.push.as_ref().filter(|push| before != Some(push)) else { return Ok(()) };
        let is_new = before.is_none_or(|before| before.is_elsewhere(push));
        let Some(target) = target(settings)? else {
            if !is_new {
                return self.ask_guard_again(push);
            }
            if check.passed.as_ref() != Some(push) {
                self.ask_guard(settings).await?;
                check.passed = Some(push.clone());
            }
            return Ok(());
        };
        if !is_new {
            return Ok(());
        }
        if check.forwarding.is_none() {
            check.forwarding = Some(self.shared.endpoints.forwarding.lock().await);
        }
        self.check_forward(topic, &target)
    }

    /// What the subscription forwards to at present is no part of a circle that ends at its own topic, so it need not be left out.
    fn check_forward(&self, topic: &TopicName, target: &TopicName) -> Result<(), Invalid> {
        let refused = |reason: String| Err(Invalid::new("settings.push.endpoint", reason));
        if topic == target {
            return refused(format!("is the subscription's own topic, {topic}"));
        }
        if self.topic(target).is_err() {
            return refused(format!("there is no topic {target}"));
        }
        match self.shared.endpoints.way(target, topic) {
            Some(way) => refused(format!("messages would go round in a circle: {}", circle(topic, &way))),
            None => Ok(()),
        }
    }
}

/// The topic that the settings forward to, if they do.
fn target(settings: &SubscriptionSettings) -> Result<Option<TopicName>, Invalid> {
    let target = settings.push.as_ref().map_or(Ok(None), |push| push.topic());
    target.map_err(|invalid| invalid.within("settings.push"))
}

/// `way` leads back to `topic`.
fn circle(topic: &TopicName, way: &[TopicName]) -> String {
    let left_out = way.len().saturating_sub(NAMED + 1);
    let mut names: Vec<_> = std::iter::once(topic).chain(way).map(ToString::to_string).collect();
    if left_out > 0 {
        names.splice(NAMED..NAMED + left_out, [format!("({left_out} more)")]);
    }
    names.join(" → ")
}
