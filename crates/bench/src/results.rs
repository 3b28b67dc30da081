//! What a comparison found: the form of `results.json`, from which reports are made again. Holds no host name and no path of the machine.

use std::collections::BTreeMap;

use load::Correctness;
use serde::{Deserialize, Serialize};

use crate::{built::Profile, machine::Machine, metric::Metric, stats::Spread};

/// All of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Results {
    /// What was typed, as far as it says what was measured.
    pub(crate) command: String,
    /// The commit of the checkout in which it was typed; none outside one.
    #[serde(default)]
    pub(crate) commit: Option<String>,
    /// How the broker was compiled.
    #[serde(default)]
    pub(crate) broker: Profile,
    /// When, in UTC.
    pub(crate) finished: String,
    /// Sizes are so small that the figures say nothing but that everything works.
    pub(crate) quick: bool,
    /// Where.
    pub(crate) machine: Machine,
    /// Who took part, in the order of the tables.
    pub(crate) systems: Vec<System>,
    /// What was done to them.
    pub(crate) cases: Vec<Case>,
}

/// A system under test.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct System {
    /// As in `--system`.
    pub(crate) name: String,
    /// For people.
    pub(crate) title: String,
    /// What it may be compared with.
    pub(crate) class: Class,
    /// Of its server.
    pub(crate) version: String,
    /// How it was set up.
    pub(crate) configuration: String,
}

/// What a system's acknowledgement means, and whose it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Class {
    /// Fanfare as it is by default: acknowledges after an fsync. What goals are about.
    Fanfare,
    /// Fanfare when it acknowledges before.
    FanfareBuffered,
    /// Another's, after an fsync.
    FsyncPeer,
    /// Another's, before.
    BufferedPeer,
    /// No broker at all: the bare transport.
    Ceiling,
}

/// One workload at one size.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Case {
    /// The workload and what tells this case from its others, as in `W2/16`.
    pub(crate) key: String,
    /// For people.
    pub(crate) title: String,
    /// In the order in which they were made: round by round.
    pub(crate) runs: Vec<Run>,
}

/// One system in one round.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Run {
    /// From 1.
    pub(crate) round: u32,
    /// Its name.
    pub(crate) system: String,
    /// What was published.
    pub(crate) messages: u64,
    /// What was measured; nothing if it failed.
    pub(crate) figures: BTreeMap<Metric, f64>,
    /// What the subscribers saw.
    pub(crate) correctness: Correctness,
    /// Why it does not count.
    pub(crate) failure: Option<String>,
}

impl Results {
    /// The case with this key.
    pub(crate) fn case(&self, key: &str) -> Option<&Case> {
        self.cases.iter().find(|case| case.key == key)
    }

    /// The names of the systems of some classes.
    pub(crate) fn names<'a>(&'a self, classes: &'a [Class]) -> impl Iterator<Item = &'a str> {
        let of = |system: &&System| classes.contains(&system.class);
        self.systems.iter().filter(of).map(|system| system.name.as_str())
    }

    /// Fanfare as it is by default, if it took part.
    pub(crate) fn fanfare(&self) -> Option<&str> {
        self.names(&[Class::Fanfare]).next()
    }

    /// Runs that do not count, with their cases.
    pub(crate) fn failures(&self) -> impl Iterator<Item = (&Case, &Run)> {
        let all = self.cases.iter().flat_map(|case| case.runs.iter().map(move |run| (case, run)));
        all.filter(|(_, run)| run.failure.is_some())
    }
}

impl Case {
    /// `W2` of `W2/16`.
    pub(crate) fn workload(&self) -> &str {
        self.key.split('/').next().unwrap_or_default()
    }

    /// A system's figure in each round that counts.
    pub(crate) fn values(&self, system: &str, metric: Metric) -> Vec<(u32, f64)> {
        let counts = self.runs.iter().filter(|run| run.system == system && run.failure.is_none());
        counts.filter_map(|run| Some((run.round, *run.figures.get(&metric)?))).collect()
    }

    /// The same over all rounds.
    pub(crate) fn spread(&self, system: &str, metric: Metric) -> Option<Spread> {
        Spread::of(self.values(system, metric).into_iter().map(|(_, value)| value))
    }

    /// How many times the other's figure a system's is, round by round.
    pub(crate) fn ratio(&self, system: &str, other: &str, metric: Metric) -> Option<Spread> {
        Spread::of_ratios(&self.values(system, metric), &self.values(other, metric))
    }

    /// Whether any run that counts has this figure.
    pub(crate) fn has(&self, metric: Metric) -> bool {
        self.runs.iter().any(|run| run.failure.is_none() && run.figures.contains_key(&metric))
    }

    /// Whether a system took part.
    pub(crate) fn includes(&self, system: &str) -> bool {
        self.runs.iter().any(|run| run.system == system)
    }
}
