//! What is measured of a run: each figure has a name, a unit and a direction that is better.

use serde::{Deserialize, Serialize};

/// A figure of one run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Metric {
    /// Publishes that were acknowledged, or deliveries that were settled, a second.
    Throughput,
    /// From handing a message over (or from when it was due) until its acknowledgement.
    PublishP50,
    /// The same, of 99 in 100.
    PublishP99,
    /// The same, of 999 in 1,000.
    PublishP999,
    /// From handing a message over (or from when it was due) until a subscriber has it.
    DeliveryP50,
    /// The same, of 99 in 100.
    DeliveryP99,
    /// The same, of 999 in 1,000.
    DeliveryP999,
    /// Processor time of the server for a million of what throughput counts.
    ServerCpu,
    /// Processor time of the load program, likewise.
    ClientCpu,
    /// The most memory that the server held.
    PeakRss,
    /// Bytes that the server had written, for each message published.
    Written,
    /// Flushes of the machine's disks for a thousand messages published.
    Flushes,
    /// Memory that the server holds more of, for each subscription that does nothing.
    RssPerSubscription,
    /// The same after a restart, when nothing is left of creating them.
    RssPerSubscriptionRestarted,
    /// From the start of the process until it takes traffic.
    Ready,
}

impl Metric {
    /// All, in the order of the tables.
    pub(crate) const ALL: [Self; 15] = [
        Self::Throughput,
        Self::ServerCpu,
        Self::ClientCpu,
        Self::PublishP50,
        Self::PublishP99,
        Self::PublishP999,
        Self::DeliveryP50,
        Self::DeliveryP99,
        Self::DeliveryP999,
        Self::PeakRss,
        Self::Written,
        Self::Flushes,
        Self::RssPerSubscription,
        Self::RssPerSubscriptionRestarted,
        Self::Ready,
    ];

    /// Its name with its unit, as the head of a column.
    pub(crate) fn heading(self) -> &'static str {
        match self {
            Self::Throughput => "messages/s",
            Self::PublishP50 => "publish p50, ms",
            Self::PublishP99 => "publish p99, ms",
            Self::PublishP999 => "publish p99.9, ms",
            Self::DeliveryP50 => "delivery p50, ms",
            Self::DeliveryP99 => "delivery p99, ms",
            Self::DeliveryP999 => "delivery p99.9, ms",
            Self::ServerCpu => "server CPU-s/million",
            Self::ClientCpu => "client CPU-s/million",
            Self::PeakRss => "peak RSS, MiB",
            Self::Written => "bytes written/message",
            Self::Flushes => "flushes/1,000 messages",
            Self::RssPerSubscription => "KiB/subscription",
            Self::RssPerSubscriptionRestarted => "the same after a restart",
            Self::Ready => "ready after, s",
        }
    }

    /// Of two figures, whether the larger is the better.
    pub(crate) fn more_is_better(self) -> bool {
        self == Self::Throughput
    }
}
