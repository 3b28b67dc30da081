use std::{collections::BTreeMap, path::Path};

use anyhow::Result;
use load::{Fanfare, workload::Backlog};

use super::Server;
use crate::{measure::Measured, metric::Metric, systems::Tools};

/// W8: how long a broker that was killed takes until it is ready, by the size of its log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Recovery {
    /// Of messages of one subscription, none of which was consumed.
    pub mib: u64,
}

const BYTES: usize = 1_024;
const OUTSTANDING: usize = 1_000;
const CONNECTIONS: usize = 4;
const OF: (&str, &str) = ("topic", "subscription");

impl Recovery {
    /// Publishes, kills (SIGKILL), starts again, and receives everything, so that a quick start that has forgotten something
    /// is seen.
    pub(crate) async fn run(&self, tools: &Tools, directory: &Path) -> Result<Measured> {
        let messages = self.mib * 1_048_576 / BYTES as u64;
        let backlog = Backlog { messages, bytes: BYTES, outstanding: OUTSTANDING };
        let server = Server::start(tools, directory).await?;
        backlog.publish(&Fanfare::new(server.clients(CONNECTIONS)?), OF).await?;
        server.process.kill().await?;

        let again = Server::start(tools, directory).await?;
        let correctness = backlog.drain(&Fanfare::new(again.clients(1)?), OF).await?;
        let peak = again.process.usage()?.peak_rss_bytes;
        let figures = BTreeMap::from([
            (Metric::Ready, again.ready_after.as_secs_f64()),
            (Metric::PeakRss, peak as f64 / 1_048_576.0),
        ]);
        again.process.stop().await?;
        Ok(Measured { messages, figures, correctness })
    }
}
