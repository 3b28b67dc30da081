//! The metrics' sources: what the process and its broker say at a scrape.

mod push;

use std::{sync::Arc, time::Duration};

use broker::{Broker, FilterStats, SubscriptionStats, TopicStats, Totals};
use telemetry::{
    KeyValue,
    metrics::{self, Label, Metric, Metrics, MetricsError, Snapshot, Source},
};
use tokio::{runtime::Handle, sync::watch};
use types::SubscriptionName;

use self::push::Endpoints;
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

/// Adds what is known once the log has been read, for which it took so long. Within the runtime that the broker uses.
pub(crate) fn broker(metrics: &Metrics, broker: &Broker, recovery: Duration) {
    let runtime = Handle::current();
    metrics.add_source(Arc::new(Recovered { broker: broker.clone(), recovery, runtime }));
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
    /// To wait for a read of the log; a scrape runs on a thread that may.
    runtime: Handle,
}

impl Source for Recovered {
    fn observe(&self, into: &mut Snapshot) {
        into.value(&metrics::RECOVERY_DURATION, self.recovery.as_secs_f64());
        for (metric, value) in totals(&self.broker.totals()) {
            into.value(metric, value as f64);
        }
        self.broker.survey_topics(|name, stats| {
            into.row(Label::Topic, &name.to_string(), &topic(stats));
        });
        let (mut own, mut endpoints) = (Vec::new(), Endpoints::default());
        self.broker.survey_subscriptions(|name, stats| {
            let label = name.to_string();
            let admitted = into.row(Label::Subscription, &label, &subscription(stats));
            into.by(&metrics::SUBSCRIPTION_FILTERED, &label, admitted, &filtered(&stats.filter));
            if let Some(figures) = &stats.push {
                endpoints.count(figures);
                push::endpoint(into, &label, admitted, figures);
            }
            if admitted {
                own.push(name.clone());
            }
        });
        endpoints.observe(into);
        for name in own {
            let age = self.oldest_age(&name).as_secs_f64();
            into.row(Label::Subscription, &name.to_string(), &[(&metrics::SUBSCRIPTION_OLDEST_AGE, age)]);
        }
    }
}

impl Recovered {
    /// Reads in the log, so only for subscriptions with series of their own.
    fn oldest_age(&self, name: &SubscriptionName) -> Duration {
        let stats = self.runtime.block_on(self.broker.subscription_stats(name));
        let oldest = stats.ok().and_then(|stats| stats.oldest_unsettled_at);
        oldest.map_or(Duration::ZERO, |at| self.broker.now().since(at))
    }
}

type Row<const N: usize> = [(&'static Metric, f64); N];

fn totals(totals: &Totals) -> [(&'static Metric, u64); 10] {
    [
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
    ]
}

fn topic(stats: &TopicStats) -> Row<5> {
    [
        (&metrics::TOPIC_PUBLISHED, stats.published as f64),
        (&metrics::TOPIC_DEDUPLICATED, stats.deduplicated as f64),
        (&metrics::TOPIC_SUBSCRIPTIONS, stats.subscriptions as f64),
        (&metrics::TOPIC_LOG_BYTES, stats.log_bytes as f64),
        (&metrics::TOPIC_LOG_SEGMENTS, stats.segments as f64),
    ]
}

fn subscription(stats: &SubscriptionStats) -> Row<12> {
    let counts = &stats.counts;
    let expired = counts.expired_message + counts.expired_age + counts.expired_bytes + counts.damaged;
    [
        (&metrics::SUBSCRIPTION_BACKLOG, stats.backlog as f64),
        (&metrics::SUBSCRIPTION_LEASED, counts.leased as f64),
        (&metrics::SUBSCRIPTION_DEAD_LETTERS, counts.dead_letters as f64),
        (&metrics::SUBSCRIPTION_CONSUMERS, stats.consumers as f64),
        (&metrics::SUBSCRIPTION_DELIVERIES, counts.deliveries as f64),
        (&metrics::SUBSCRIPTION_ACKED, counts.acked as f64),
        (&metrics::SUBSCRIPTION_ATTEMPTS_FAILED, counts.failed_attempts as f64),
        (&metrics::SUBSCRIPTION_DEAD_LETTERED, counts.dead_lettered as f64),
        (&metrics::SUBSCRIPTION_DROPPED, counts.dropped as f64),
        (&metrics::SUBSCRIPTION_EXPIRED, expired as f64),
        (&metrics::SUBSCRIPTION_FILTER_EVALUATED, stats.filter.evaluated as f64),
        (&metrics::SUBSCRIPTION_FILTER_MATCHED, stats.filter.matched as f64),
    ]
}

/// Why messages did not get into the queue, or left it: always the same five, so that each series is there before it moves.
fn filtered(stats: &FilterStats) -> [(&'static str, f64); 5] {
    [
        ("attributes", stats.attributes as f64),
        ("no_attributes", stats.no_attributes as f64),
        ("body", stats.body as f64),
        ("invalid_body", stats.invalid_body as f64),
        ("re_evaluated", stats.left_backlog as f64),
    ]
}

#[cfg(test)]
mod tests {
    use broker::{NewMessage, PushRole, StartPosition};
    use journal::MemoryJournal;
    use types::{
        Clock, ManualClock, MessageMeta, SubscriptionSettings, Timestamp, TopicName, TopicSettings,
        push::{BreakerState, EndpointReport, PushSettings},
    };

    use super::*;

    async fn scrape(metrics: Arc<Metrics>) -> String {
        tokio::task::spawn_blocking(move || metrics.render().unwrap()).await.unwrap()
    }

    #[tokio::test]
    async fn every_metric_but_the_disk_engines_is_in_a_scrape_of_a_broker_with_a_backlog() {
        let clock = Arc::new(ManualClock::at(Timestamp::from_millis(1_000_000)));
        let now: Arc<dyn Clock> = clock.clone();
        let opened = Broker::open(
            Arc::new(MemoryJournal::default()),
            now,
            Arc::new(grpc::StoredMessages),
            broker::Config::default(),
        )
        .await
        .unwrap();
        let topic: TopicName = "orders".parse().unwrap();
        let name: SubscriptionName = "billing".parse().unwrap();
        opened.create_topic(topic.clone(), TopicSettings::default()).await.unwrap();
        let push =
            PushSettings { endpoint: "https://example.com/hook".to_owned(), ..PushSettings::default() };
        let settings = SubscriptionSettings { push: Some(Arc::new(push)), ..SubscriptionSettings::default() };
        opened.create_subscription(name.clone(), &topic, settings, StartPosition::Latest).await.unwrap();
        let _worker = opened.join_push(PushRole::Deliverer).unwrap();
        let report = EndpointReport {
            breaker: BreakerState::HalfOpen,
            delivered: 7,
            attempt_time: Duration::from_millis(1_500),
            ..EndpointReport::default()
        };
        opened.subscriber(&name).unwrap().report_endpoint(report).unwrap();
        let message = NewMessage {
            meta: MessageMeta { correlation_id: "order-4711".into(), ..MessageMeta::default() },
            payload: "paid".into(),
        };
        opened.publish(&topic, vec![message.clone(), message]).await.unwrap();
        clock.advance(Duration::from_secs(90));
        let metrics = super::metrics(&Config::default(), watch::channel(Readiness::Ready).1).unwrap();
        broker(&metrics, &opened, Duration::from_secs(2));

        let text = scrape(metrics).await;
        let label = "{subscription=\"projects/default/subscriptions/billing\"}";
        for line in [
            "fanfare_ready 1".to_owned(),
            "fanfare_recovery_duration_seconds 2".to_owned(),
            "fanfare_topic_messages_published_total{topic=\"projects/default/topics/orders\"} 2".to_owned(),
            format!("fanfare_subscription_backlog{label} 2"),
            format!("fanfare_subscription_oldest_unsettled_age_seconds{label} 90"),
            format!("fanfare_subscription_push_breaker_state{label} 2"),
            format!("fanfare_subscription_push_attempt_duration_seconds_total{label} 1.5"),
            format!("fanfare_subscription_push_attempts_total{{outcome=\"delivered\",{} 7", &label[1..]),
            "fanfare_push_endpoints{state=\"pending\"} 1".to_owned(),
            "fanfare_push_endpoints_unattended 0".to_owned(),
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in {text}");
        }
        let of_the_disk = |metric: &&&Metric| metric.name.starts_with("fanfare.disk.");
        for metric in metrics::CATALOGUE.iter().filter(|metric| !of_the_disk(metric)) {
            assert!(text.contains(&metric.name.replace('.', "_")), "{} is not in {text}", metric.name);
        }
    }
}
