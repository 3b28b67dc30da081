//! A subscription as a test looks at it.

use types::{MessageId, SubscriptionName};

use super::{Broker, Figures, Pace, moment::within};

pub use types::push::{Attempt, AttemptClass};

/// A subscription of a [`Broker`] under test.
#[derive(Debug, Clone, Copy)]
pub struct Subscription<'a> {
    broker: &'a Broker,
    name: &'a str,
}

impl<'a> Subscription<'a> {
    pub(super) fn new(broker: &'a Broker, name: &'a str) -> Self {
        Self { broker, name }
    }

    /// What has become of its messages, in numbers.
    ///
    /// # Panics
    /// If there is no such subscription.
    pub async fn figures(self) -> Figures {
        let broker = &self.broker.host().broker;
        match broker.subscription_stats(&self.parsed()).await {
            Ok(stats) => stats.into(),
            Err(error) => panic!("{error}"),
        }
    }

    /// Messages neither settled nor dead-lettered.
    ///
    /// # Panics
    /// As [`Self::figures`].
    pub async fn backlog(self) -> u64 {
        self.figures().await.backlog
    }

    /// Messages ever acknowledged.
    ///
    /// # Panics
    /// As [`Self::figures`].
    pub async fn acked(self) -> u64 {
        self.figures().await.acked
    }

    /// Messages in the dead-letter store.
    ///
    /// # Panics
    /// As [`Self::figures`].
    pub async fn dead_letters(self) -> u64 {
        self.figures().await.dead_letters
    }

    /// The attempts to push a message, in order. None for one that is pulled: what a consumer does with its leases shows in the
    /// [figures](Self::figures) alone.
    ///
    /// # Panics
    /// If there is no such subscription or message.
    pub async fn attempts(self, message_id: &str) -> Vec<Attempt> {
        let id: MessageId = message_id.parse().unwrap_or_else(|_| panic!("{message_id:?} is no message ID"));
        match self.broker.host().broker.attempts(&self.parsed(), id).await {
            Ok(attempts) => attempts,
            Err(error) => panic!("{error}"),
        }
    }

    /// Waits until its figures are so; what they are then.
    ///
    /// # Panics
    /// If they are not within the broker's [patience](super::Builder::patience), with what they are instead.
    pub async fn wait_until(self, what: &str, is_so: impl Fn(&Figures) -> bool) -> Figures {
        let (mut figures, patience) = (Figures::default(), self.broker.patience);
        let came_true = within(patience, async || {
            figures = self.figures().await;
            is_so(&figures)
        });
        if !came_true.await {
            panic!("{}: not {what} in {patience:?}: {figures}{}", self.name, self.hint(&figures));
        }
        figures
    }

    /// Waits until nothing is in its backlog: all is acknowledged, dead-lettered or given up.
    ///
    /// # Panics
    /// As [`Self::wait_until`].
    pub async fn wait_until_settled(self) -> Figures {
        self.wait_until("settled", |figures| figures.backlog == 0).await
    }

    /// Why waiting did not help.
    fn hint(self, figures: &Figures) -> &'static str {
        let waits = figures.delayed + figures.backing_off + figures.leased > 0;
        match self.broker.pace() {
            Pace::Still if waits => ". The clock stands still: put it forward with `Broker::advance`",
            _ => "",
        }
    }

    fn parsed(self) -> SubscriptionName {
        self.name.parse().unwrap_or_else(|error| panic!("{:?}: {error}", self.name))
    }
}
