use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use anyhow::Result;
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

use crate::{Body, Caller, Clock, Expected, Latency, Outcome, Progress, UnarySystem, progress::watched};

/// W9: calls of one message each, so many at a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnaryPublish {
    /// How many, in all.
    pub messages: u64,
    /// Bytes of each.
    pub bytes: usize,
    /// Calls at a time.
    pub concurrent: usize,
}

impl UnaryPublish {
    /// What it is, in a few words.
    pub fn label(&self) -> String {
        format!("W9 unary publish, {} concurrent", self.concurrent)
    }

    /// Runs it on a new topic of this name. A caller's index is none that another has, so the order of the messages says nothing.
    ///
    /// # Errors
    /// Those of the system: nothing is tried again; or nothing has moved for [`STALL`](crate::STALL).
    pub async fn run(&self, system: &impl UnarySystem, topic: &str) -> Result<Outcome> {
        self.run_watched(system, topic, &Arc::default()).await
    }

    /// The same for somebody who wants to see how far it is.
    ///
    /// # Errors
    /// Those of [`run`](Self::run).
    pub async fn run_watched(
        &self,
        system: &impl UnarySystem,
        topic: &str,
        progress: &Arc<Progress>,
    ) -> Result<Outcome> {
        let expected = Expected { published: self.messages, delivered: 0 };
        watched(progress, expected, self.drive(system, topic, progress)).await
    }

    async fn drive(
        &self,
        system: &impl UnarySystem,
        topic: &str,
        progress: &Arc<Progress>,
    ) -> Result<Outcome> {
        anyhow::ensure!(self.concurrent > 0, "no caller makes no call");
        system.create(topic).await?;
        let mut callers = Vec::with_capacity(self.concurrent);
        for number in 0..self.concurrent {
            callers.push(system.caller(topic, number).await?);
        }
        progress.begin();
        let (clock, next) = (Clock::start(), Arc::new(AtomicU64::new(0)));
        let mut tasks = JoinSet::new();
        for caller in callers {
            let calls = Calls { next: next.clone(), messages: self.messages, bytes: self.bytes, clock };
            tasks.spawn(calls.make(caller, progress.clone()));
        }
        let mut latency = Latency::default();
        while let Some(of_one) = tasks.join_next().await {
            latency.add(&of_one??);
        }
        Ok(Outcome {
            published: self.messages,
            seconds: clock.now().as_secs_f64(),
            publish_latency: latency.percentiles(),
            ..Outcome::default()
        })
    }
}

/// What is left to call with.
struct Calls {
    next: Arc<AtomicU64>,
    messages: u64,
    bytes: usize,
    clock: Clock,
}

impl Calls {
    async fn make(self, mut caller: impl Caller, progress: Arc<Progress>) -> Result<Latency> {
        let (mut latency, filling) = (Latency::default(), Body::filling(self.bytes));
        loop {
            let index = self.next.fetch_add(1, Relaxed);
            if index >= self.messages {
                return Ok(latency);
            }
            let body = Body { index, sent: self.clock.now() };
            caller.call(body.encode(&filling)).await?;
            latency.record(self.clock.now().saturating_sub(body.sent));
            progress.add_published(1);
        }
    }
}
