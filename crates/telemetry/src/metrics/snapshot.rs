use std::{collections::HashMap, fmt, sync::Arc};

use opentelemetry::KeyValue;

use super::{Label, Limits, Metric, OTHER, admission::Admission};

/// Where the values come from.
pub trait Source: Send + Sync + fmt::Debug + 'static {
    /// Says everything it knows, once. Called at every scrape, on a thread that may block for milliseconds.
    fn observe(&self, into: &mut Snapshot);
}

/// Values of one moment.
#[derive(Debug)]
pub struct Snapshot {
    topics: Admission,
    subscriptions: Admission,
    values: HashMap<&'static str, HashMap<Series, f64>>,
}

/// What tells the series of one metric apart.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Series {
    /// The topic or subscription; empty for the process.
    owner: String,
    /// Which part of the metric's value; empty if it has none.
    part: &'static str,
}

impl Snapshot {
    /// Parts of one value, at most.
    pub const PARTS: usize = 8;

    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            topics: Admission::new(limits.max_topics),
            subscriptions: Admission::new(limits.max_subscriptions),
            values: HashMap::new(),
        }
    }

    /// Forgets the last moment and asks for this one.
    pub(super) fn refresh(&mut self, sources: &[Arc<dyn Source>]) {
        self.topics.begin();
        self.subscriptions.begin();
        self.values.clear();
        for source in sources {
            source.observe(self);
        }
    }

    /// Says one value about the process.
    pub fn value(&mut self, metric: &'static Metric, value: f64) {
        debug_assert_eq!(metric.label, Label::None, "{} needs a label", metric.name);
        self.put(metric, "", "", value);
    }

    /// Says the values of one topic or one subscription, and returns whether it has series of its own; what has none is
    /// added up as `other`.
    pub fn row(&mut self, label: Label, name: &str, values: &[(&'static Metric, f64)]) -> bool {
        let admitted = match label {
            Label::Topic => self.topics.admit(name),
            Label::Subscription => self.subscriptions.admit(name),
            Label::None => false,
        };
        for (metric, value) in values {
            debug_assert_eq!(metric.label, label, "{} has another label", metric.name);
            self.put(metric, if admitted { name } else { OTHER }, "", *value);
        }
        admitted
    }

    /// Says one value about the process by its parts.
    pub fn value_by(&mut self, metric: &'static Metric, parts: &[(&'static str, f64)]) {
        debug_assert_eq!(metric.label, Label::None, "{} needs a label", metric.name);
        self.put_parts(metric, "", parts);
    }

    /// Says one value of that owner by its parts. `admitted`: what [`Self::row`] said of it.
    pub fn by(&mut self, metric: &'static Metric, name: &str, admitted: bool, parts: &[(&'static str, f64)]) {
        self.put_parts(metric, if admitted { name } else { OTHER }, parts);
    }

    fn put_parts(&mut self, metric: &'static Metric, owner: &str, parts: &[(&'static str, f64)]) {
        debug_assert!(parts.len() <= Self::PARTS);
        for (part, value) in parts {
            self.put(metric, owner, part, *value);
        }
    }

    fn put(&mut self, metric: &'static Metric, owner: &str, part: &'static str, value: f64) {
        let series = Series { owner: owner.to_owned(), part };
        *self.values.entry(metric.name).or_default().entry(series).or_default() += value;
    }

    /// The series of one metric.
    pub(super) fn series(&self, metric: &Metric) -> Vec<(Vec<KeyValue>, f64)> {
        let series = self.values.get(metric.name);
        series.into_iter().flatten().map(|(series, value)| (series.labels(metric), *value)).collect()
    }
}

impl Series {
    fn labels(&self, metric: &Metric) -> Vec<KeyValue> {
        let mut labels = Vec::with_capacity(2);
        if metric.label != Label::None {
            labels.push(KeyValue::new(metric.label.name(), self.owner.clone()));
        }
        if !self.part.is_empty() {
            labels.push(KeyValue::new(metric.part, self.part));
        }
        labels
    }
}
