use std::{collections::BTreeMap, future::IntoFuture as _, path::Path};

use anyhow::Result;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use super::Server;
use crate::{measure::Measured, metric::Metric, process::rss_bytes, systems::Tools};

/// W7: subscriptions that do nothing, what memory they take, and how long a start with them takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Idle {
    /// Over which the subscriptions are spread evenly.
    pub topics: usize,
    /// In all.
    pub subscriptions: usize,
}

/// Calls at a time.
const TOGETHER: usize = 64;

impl Idle {
    /// Creates them; then stops the broker and starts it again. The memory is that after the creation, when what creating them took is still
    /// held by the allocator, and that after the start.
    pub(crate) async fn run(&self, tools: &Tools, directory: &Path) -> Result<Measured> {
        let server = Server::start(tools, directory).await?;
        let client = server.clients(1)?.remove(0);
        let topics = stream::iter(0..self.topics)
            .map(|topic| client.topics().create(format!("t{topic}")).into_future());
        topics.buffer_unordered(TOGETHER).try_for_each(|_| std::future::ready(Ok(()))).await?;
        let before = rss_bytes(server.process.pid())?;
        let create = |number: usize| {
            let topic = format!("t{}", number % self.topics);
            client.subscriptions().create(format!("s{number}"), topic).into_future()
        };
        let created = stream::iter(0..self.subscriptions).map(create).buffer_unordered(TOGETHER);
        created.try_for_each(|_| std::future::ready(Ok(()))).await?;
        let after = rss_bytes(server.process.pid())?;
        let peak = server.process.usage()?.peak_rss_bytes;
        drop(client);
        server.process.stop().await?;

        let again = Server::start(tools, directory).await?;
        let restarted = rss_bytes(again.process.pid())?;
        let each = |bytes: u64| bytes.saturating_sub(before) as f64 / 1_024.0 / self.subscriptions as f64;
        let figures = BTreeMap::from([
            (Metric::RssPerSubscription, each(after)),
            (Metric::RssPerSubscriptionRestarted, each(restarted)),
            (Metric::PeakRss, peak as f64 / 1_048_576.0),
            (Metric::Ready, again.ready_after.as_secs_f64()),
        ]);
        again.process.stop().await?;
        Ok(Measured { figures, ..Measured::default() })
    }
}
