//! What is done to a system, and measured of it.

mod backlog;
mod drain;
pub(crate) mod drive;
mod fan_out;
mod many_topics;
mod publish;
mod steady;
#[cfg(test)]
mod tests;
mod unary;

use std::sync::Arc;

use anyhow::Result;
use serde::{Deserialize, Serialize};

pub use backlog::Backlog;
pub use drain::Drain;
pub use fan_out::FanOut;
pub use many_topics::ManyTopics;
pub use publish::Publish;
pub use steady::Steady;
pub use unary::UnaryPublish;

pub(crate) use steady::LEAD;

use crate::{Expected, Outcome, Progress, System, progress::watched};

/// Those that every [`System`] can be put to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "what is in them says it")]
pub enum Workload {
    Publish(Publish),
    FanOut(FanOut),
    Steady(Steady),
    Drain(Drain),
    ManyTopics(ManyTopics),
}

/// One of them, unwatched.
pub(crate) trait Drive {
    fn expected(&self) -> Expected;

    async fn drive(&self, system: &impl System, topic: &str, progress: &Arc<Progress>) -> Result<Outcome>;
}

impl Workload {
    /// Its number among the workloads.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Publish(_) => "W1",
            Self::FanOut(_) => "W2",
            Self::Steady(_) => "W3",
            Self::Drain(_) => "W4",
            Self::ManyTopics(_) => "W5",
        }
    }

    /// What it is, in a few words.
    pub fn label(&self) -> String {
        let code = self.code();
        match self {
            Self::Publish(publish) => format!("{code} publish, {} B", publish.bytes),
            Self::FanOut(fan_out) => format!("{code} fan-out to {}", fan_out.subscriptions),
            Self::Steady(steady) => format!("{code} {}/s to {}", steady.rate, steady.subscriptions),
            Self::Drain(drain) => format!("{code} drain of {}", drain.messages),
            Self::ManyTopics(many) => format!("{code} {} topics", many.topics),
        }
    }

    /// The same with so many times fewer messages, for a slow system; what is at a fixed rate stays as it is.
    #[must_use]
    pub fn divided(mut self, by: u64) -> Self {
        let messages = match &mut self {
            Self::Publish(publish) => &mut publish.messages,
            Self::FanOut(fan_out) => &mut fan_out.messages,
            Self::Drain(drain) => &mut drain.messages,
            Self::Steady(_) | Self::ManyTopics(_) => return self,
        };
        *messages = (*messages / by.max(1)).max(1);
        self
    }

    /// What a run will come to.
    pub fn expected(&self) -> Expected {
        match self {
            Self::Publish(publish) => publish.expected(),
            Self::FanOut(fan_out) => fan_out.expected(),
            Self::Steady(steady) => steady.expected(),
            Self::Drain(drain) => drain.expected(),
            Self::ManyTopics(many) => many.expected(),
        }
    }

    /// Runs it on a new topic of this name, or on topics whose names begin with it.
    ///
    /// # Errors
    /// Those of the system: nothing is tried again; or nothing has moved for [`STALL`](crate::STALL).
    pub async fn run(&self, system: &impl System, topic: &str) -> Result<Outcome> {
        self.run_watched(system, topic, &Arc::default()).await
    }

    /// The same for somebody who wants to see how far it is.
    ///
    /// # Errors
    /// Those of [`run`](Self::run).
    pub async fn run_watched(
        &self,
        system: &impl System,
        topic: &str,
        progress: &Arc<Progress>,
    ) -> Result<Outcome> {
        let expected = self.expected();
        match self {
            Self::Publish(it) => watched(progress, expected, it.drive(system, topic, progress)).await,
            Self::FanOut(it) => watched(progress, expected, it.drive(system, topic, progress)).await,
            Self::Steady(it) => watched(progress, expected, it.drive(system, topic, progress)).await,
            Self::Drain(it) => watched(progress, expected, it.drive(system, topic, progress)).await,
            Self::ManyTopics(it) => watched(progress, expected, it.drive(system, topic, progress)).await,
        }
    }
}

/// `{name}-0` and so on.
pub(crate) fn names(name: &str, count: usize) -> Vec<String> {
    (0..count).map(|number| format!("{name}-{number}")).collect()
}
