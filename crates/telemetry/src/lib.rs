//! What an operator sees of the process: log lines, metrics, and the trace that a message belongs to.
//!
//! # Invariants
//!
//! - It knows no broker: metrics are pulled, one scrape at a time, from a [`metrics::Source`] that the server provides.
//! - The number of time series is bounded, whatever the number of topics and subscriptions: see [`metrics::Limits`].
//! - A log line about a message carries its `correlation_id` as a field of the line, not inside the text.
//! - Every metric is in [`metrics::CATALOGUE`], with its unit and its meaning.

#![forbid(unsafe_code)]

pub mod logs;
pub mod metrics;
mod trace_context;

pub use opentelemetry::KeyValue;
pub use trace_context::TraceContext;
