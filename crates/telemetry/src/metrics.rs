//! Metrics: OpenTelemetry instruments, read through a [`Source`] when someone scrapes, printed as Prometheus text.
//!
//! One scrape asks each source once and prints what it said, so all values of a scrape are of one moment. Nothing is
//! counted twice: a source hands over the counters that the broker keeps anyway.

mod admission;
mod catalogue;
mod snapshot;

use std::sync::Arc;

use opentelemetry::{
    KeyValue,
    metrics::{Meter, MeterProvider},
};
use opentelemetry_sdk::{
    Resource,
    metrics::{Instrument, SdkMeterProvider, Stream},
};
use parking_lot::Mutex;
use prometheus::{Registry, TextEncoder};
use types::Invalid;

pub use self::{
    admission::OTHER,
    catalogue::*,
    snapshot::{Snapshot, Source},
};

/// How many time series an operator lets the metrics have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Topics with series of their own; the rest are one, labelled `other`. 0 to 1,900, default 100.
    pub max_topics: usize,
    /// Subscriptions with series of their own; the rest are one, labelled `other`. 0 to 1,900, default 500.
    pub max_subscriptions: usize,
}

impl Limits {
    /// The OpenTelemetry SDK cuts an instrument off at 2,000 label sets; staying below it keeps the cut ours.
    const MOST: usize = 1_900;

    /// Checks every value against its limits.
    ///
    /// # Errors
    /// The first value that breaks a rule.
    pub fn validate(&self) -> Result<(), Invalid> {
        let check = |field, value: usize| match value {
            0..=Self::MOST => Ok(()),
            _ => Err(Invalid::new(field, format!("is {value}, must be 0 to {}", Self::MOST))),
        };
        check("max_topics", self.max_topics)?;
        check("max_subscriptions", self.max_subscriptions)
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_topics: 100, max_subscriptions: 500 }
    }
}

/// The metrics could not be set up or read.
#[derive(Debug, thiserror::Error)]
pub enum MetricsError {
    /// Two exporters on one registry, or a name that Prometheus does not take.
    #[error("the metrics could not be set up: {0}")]
    Setup(String),
    /// A value that cannot be printed.
    #[error("the metrics could not be printed: {0}")]
    Print(String),
}

/// All metrics of the process.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    snapshot: Arc<Mutex<Snapshot>>,
    sources: Mutex<Vec<Arc<dyn Source>>>,
    /// Held through a scrape: two at a time would mix their moments.
    scrape: Mutex<()>,
    /// The instruments live as long as their provider.
    _provider: SdkMeterProvider,
}

impl Metrics {
    /// With what the process says about itself (`service.version`, ...), which `target_info` shows.
    ///
    /// # Errors
    /// [`MetricsError::Setup`].
    pub fn new(limits: &Limits, about: Vec<KeyValue>) -> Result<Self, MetricsError> {
        let registry = Registry::new();
        let exporter = opentelemetry_prometheus::exporter()
            .with_registry(registry.clone())
            .scope_info_enabled(false)
            .build()
            .map_err(|error| MetricsError::Setup(error.to_string()))?;
        let resource = Resource::builder_empty().with_service_name("fanfare").with_attributes(about).build();
        let builder = SdkMeterProvider::builder().with_reader(exporter).with_resource(resource);
        let provider = builder.with_view(|_: &Instrument| series_of_one_metric()).build();
        let snapshot = Arc::new(Mutex::new(Snapshot::new(limits)));
        for metric in CATALOGUE {
            register(&provider.meter("fanfare"), metric, &snapshot);
        }
        Ok(Self {
            registry,
            snapshot,
            sources: Mutex::default(),
            scrape: Mutex::default(),
            _provider: provider,
        })
    }

    /// Asks this source too, from the next scrape on.
    pub fn add_source(&self, source: Arc<dyn Source>) {
        self.sources.lock().push(source);
    }

    /// The metrics of this moment in Prometheus' text format.
    ///
    /// # Errors
    /// [`MetricsError::Print`].
    pub fn render(&self) -> Result<String, MetricsError> {
        let _one_at_a_time = self.scrape.lock();
        let sources = self.sources.lock().clone();
        self.snapshot.lock().refresh(&sources);
        let mut families = self.registry.gather();
        families.sort_by(|a, b| a.name().cmp(b.name()));
        TextEncoder::new().encode_to_string(&families).map_err(|error| MetricsError::Print(error.to_string()))
    }
}

/// The SDK's own limit on the series of one metric is out of the way of [`Limits`], which bound them.
fn series_of_one_metric() -> Option<Stream> {
    Stream::builder().with_cardinality_limit((Limits::MOST + 1) * Snapshot::PARTS).build().ok()
}

fn register(meter: &Meter, metric: &'static Metric, snapshot: &Arc<Mutex<Snapshot>>) {
    let snapshot = Arc::clone(snapshot);
    let observe = move |observer: &dyn opentelemetry::metrics::AsyncInstrument<f64>| {
        for (labels, value) in snapshot.lock().series(metric) {
            observer.observe(value, &labels);
        }
    };
    match metric.kind {
        Kind::Counter => {
            let builder = meter.f64_observable_counter(metric.name);
            builder.with_unit(metric.unit).with_description(metric.help).with_callback(observe).build();
        }
        Kind::Gauge => {
            let builder = meter.f64_observable_gauge(metric.name);
            builder.with_unit(metric.unit).with_description(metric.help).with_callback(observe).build();
        }
    }
}

#[cfg(test)]
mod tests;
