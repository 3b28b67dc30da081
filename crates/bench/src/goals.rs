//! The goals as data: which figure of which case, against what. A verdict is computed from a run, never written down.

use crate::{
    metric::Metric,
    results::{Case, Class, Results},
    stats::Spread,
};

/// What Fanfare (with fsync) is to reach.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Goal {
    /// What it is about.
    pub(crate) what: &'static str,
    /// The case in which it is measured.
    pub(crate) case: &'static str,
    /// The figure.
    pub(crate) metric: Metric,
    /// At least so much, where more is better; else at most.
    pub(crate) bound: f64,
    /// What the bound is a multiple of.
    pub(crate) of: Of,
}

/// What a figure is measured against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Of {
    /// Nothing: the bound is in the figure's own unit.
    Itself,
    /// The same figure of this system.
    System(&'static str),
    /// That of the best peer that acknowledges after an fsync.
    BestFsyncPeer,
    /// That of the best peer of all.
    BestPeer,
    /// Fanfare's own in another case.
    Case(&'static str),
}

/// How it stands with a goal.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Judged {
    /// Which.
    pub(crate) goal: Goal,
    /// What was measured, in the unit of the bound; none if it was not, or no run counts.
    pub(crate) measured: Option<Spread>,
    /// What it was measured against, where that depends on the run.
    pub(crate) against: Option<String>,
}

/// Whether a goal is met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The median is within the bound.
    Met,
    /// It is not.
    NotMet,
    /// There is nothing to say it by.
    NotMeasured,
}

const REDIS: Of = Of::System("redis-fsync");

/// All of them.
pub(crate) const GOALS: [Goal; 15] = [
    goal("publish, 1 KiB", "W1/1024", Metric::Throughput, 5.0, REDIS),
    goal("fan-out to 1", "W2/1", Metric::Throughput, 5.0, REDIS),
    goal("fan-out to 4", "W2/4", Metric::Throughput, 5.0, REDIS),
    goal("fan-out to 16", "W2/16", Metric::Throughput, 5.0, REDIS),
    goal("fan-out to 64", "W2/64", Metric::Throughput, 5.0, REDIS),
    goal("server CPU, fan-out to 16", "W2/16", Metric::ServerCpu, 0.4, REDIS),
    goal("server CPU, fan-out to 64", "W2/64", Metric::ServerCpu, 0.4, REDIS),
    goal("latency at 1,000/s to 4, p50", "W3/1000x4", Metric::DeliveryP50, 0.8, Of::BestFsyncPeer),
    goal("latency at 1,000/s to 4, p99", "W3/1000x4", Metric::DeliveryP99, 1.0, Of::BestFsyncPeer),
    goal("drain of a backlog", "W4/backlog", Metric::Throughput, 3.0, Of::BestPeer),
    goal("unary publish, 64 callers", "W9/64", Metric::Throughput, 0.7, Of::System("tonic-unary")),
    goal("memory of an idle subscription, KiB", "W7/100000", Metric::RssPerSubscription, 4.0, Of::Itself),
    goal("peak memory, fan-out to 64, MiB", "W2/64", Metric::PeakRss, 160.0, Of::Itself),
    goal(
        "10,000 subscriptions, 10 matching: publish p99",
        "W6/10000",
        Metric::PublishP99,
        1.5,
        Of::Case("W6/10"),
    ),
    goal("recovery of a 1 GiB log, s", "W8/1024", Metric::Ready, 1.0, Of::Itself),
];

const fn goal(what: &'static str, case: &'static str, metric: Metric, bound: f64, of: Of) -> Goal {
    Goal { what, case, metric, bound, of }
}

impl Goal {
    /// The goal in words.
    pub(crate) fn stated(&self) -> String {
        let least = if self.metric.more_is_better() { "at least" } else { "at most" };
        let bound = self.bound;
        match self.of {
            Of::Itself => format!("{least} {bound}"),
            Of::System(name) => format!("{least} {bound} x {name}"),
            Of::BestFsyncPeer => format!("{least} {bound} x the best fsync peer"),
            Of::BestPeer => format!("{least} {bound} x the best peer"),
            Of::Case(key) => format!("{least} {bound} x that of {key}"),
        }
    }

    /// Looks at what was measured.
    pub(crate) fn judge(self, results: &Results) -> Judged {
        // The sizes of a quick run are so small that its figures say nothing.
        let found = results.case(self.case).zip(results.fanfare()).filter(|_| !results.quick);
        let (measured, against) = match found {
            Some((case, fanfare)) => self.measure(results, case, fanfare),
            None => (None, None),
        };
        Judged { goal: self, measured, against }
    }

    fn measure(&self, results: &Results, case: &Case, fanfare: &str) -> (Option<Spread>, Option<String>) {
        let to = |other: Option<&str>| {
            let ratio = other.and_then(|other| case.ratio(fanfare, other, self.metric));
            (ratio, other.map(ToOwned::to_owned))
        };
        match self.of {
            Of::Itself => (case.spread(fanfare, self.metric), None),
            Of::System(name) => to(Some(name)),
            Of::BestFsyncPeer => to(best(results, case, self.metric, &[Class::FsyncPeer])),
            Of::BestPeer => to(best(results, case, self.metric, &[Class::FsyncPeer, Class::BufferedPeer])),
            Of::Case(key) => {
                let other = results.case(key).map(|other| other.values(fanfare, self.metric));
                let ours = case.values(fanfare, self.metric);
                (other.and_then(|other| Spread::of_ratios(&ours, &other)), None)
            }
        }
    }
}

impl Judged {
    /// By the median.
    pub(crate) fn verdict(&self) -> Verdict {
        match self.measured {
            None => Verdict::NotMeasured,
            Some(Spread { median, .. }) => {
                let more = self.goal.metric.more_is_better();
                let met = if more { median >= self.goal.bound } else { median <= self.goal.bound };
                if met { Verdict::Met } else { Verdict::NotMet }
            }
        }
    }
}

/// The system of these classes with the best median.
fn best<'a>(results: &'a Results, case: &Case, metric: Metric, classes: &'a [Class]) -> Option<&'a str> {
    let medians = results.names(classes).filter_map(|name| Some((name, case.spread(name, metric)?.median)));
    let sign = if metric.more_is_better() { 1.0 } else { -1.0 };
    medians.max_by(|(_, a), (_, b)| (sign * a).total_cmp(&(sign * b))).map(|(name, _)| name)
}

#[cfg(test)]
mod tests;
