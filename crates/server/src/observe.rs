//! The metrics' sources: what the process and its broker say at a scrape.

use std::{sync::Arc, time::Duration};

use broker::Broker;
use telemetry::{
    KeyValue,
    metrics::{self, Metrics, MetricsError, Snapshot, Source},
};
use tokio::sync::watch;

use crate::{config::Config, readiness::Readiness};

/// The metrics of a process that does not have a broker yet.
pub(crate) fn metrics(
    config: &Config,
    readiness: watch::Receiver<Readiness>,
) -> Result<Arc<Metrics>, MetricsError> {
    let about = vec![KeyValue::new("service.version", env!("CARGO_PKG_VERSION"))];
    let metrics = Metrics::new(&config.metrics, about)?;
    metrics.add_source(Arc::new(Process(readiness)));
    Ok(Arc::new(metrics))
}

/// Adds what is known once the log has been read, for which it took so long.
pub(crate) fn broker(metrics: &Metrics, broker: &Broker, recovery: Duration) {
    metrics.add_source(Arc::new(Recovered { broker: broker.clone(), recovery }));
}

#[derive(Debug)]
struct Process(watch::Receiver<Readiness>);

impl Source for Process {
    fn observe(&self, into: &mut Snapshot) {
        into.value(&metrics::READY, if self.0.borrow().is_ready() { 1.0 } else { 0.0 });
    }
}

#[derive(Debug)]
struct Recovered {
    broker: Broker,
    recovery: Duration,
}

impl Source for Recovered {
    fn observe(&self, into: &mut Snapshot) {
        let totals = self.broker.totals();
        into.value(&metrics::RECOVERY_DURATION, self.recovery.as_secs_f64());
        for (metric, value) in [
            (&metrics::TOPICS, totals.topics),
            (&metrics::SUBSCRIPTIONS, totals.subscriptions),
            (&metrics::MESSAGES_PUBLISHED, totals.published),
            (&metrics::PUBLISHED_BYTES, totals.published_bytes),
            (&metrics::MESSAGES_DEDUPLICATED, totals.deduplicated),
            (&metrics::DELIVERIES, totals.deliveries),
            (&metrics::MESSAGES_ACKED, totals.acked),
            (&metrics::ATTEMPTS_FAILED, totals.failed_attempts),
            (&metrics::MESSAGES_DEAD_LETTERED, totals.dead_lettered),
            (&metrics::DAMAGED_POSITIONS, totals.damaged),
        ] {
            into.value(metric, value as f64);
        }
    }
}
