//! Results that nobody measured, for tests.

use std::collections::BTreeMap;

use load::Correctness;

use crate::{
    built::Profile,
    machine::Machine,
    metric::Metric,
    results::{Case, Class, Results, Run, System},
};

/// A case in which each system has these figures, one a round.
pub(crate) fn case(key: &str, figures: &[(&str, Metric, &[f64])]) -> Case {
    let mut runs: Vec<Run> = Vec::new();
    for (system, metric, values) in figures {
        for (round, value) in (1..).zip(*values) {
            match runs.iter_mut().find(|run| run.round == round && run.system == *system) {
                Some(run) => _ = run.figures.insert(*metric, *value),
                None => runs.push(run(round, system, BTreeMap::from([(*metric, *value)]))),
            }
        }
    }
    Case { key: key.to_owned(), title: format!("what {key} is"), runs }
}

fn run(round: u32, system: &str, figures: BTreeMap<Metric, f64>) -> Run {
    let system = system.to_owned();
    Run { round, system, messages: 1_000, figures, correctness: Correctness::default(), failure: None }
}

/// Fanfare, two peers of each kind and the ceilings.
pub(crate) fn results(cases: Vec<Case>) -> Results {
    let system = |(name, class): (&str, Class)| System {
        name: name.to_owned(),
        title: name.replace('-', ", "),
        class,
        version: "1.2.3".to_owned(),
        configuration: format!("{name} --as-it-is"),
    };
    let systems = [
        ("fanfare-fsync", Class::Fanfare),
        ("fanfare-interval", Class::FanfareBuffered),
        ("nats-fsync", Class::FsyncPeer),
        ("redis-fsync", Class::FsyncPeer),
        ("redis-buffered", Class::BufferedPeer),
        ("tonic-stream", Class::Ceiling),
        ("tonic-unary", Class::Ceiling),
    ];
    Results {
        command: "cargo run --release -p fanfare-bench -- compare".to_owned(),
        commit: Some("0123abc".to_owned()),
        broker: Profile::Release,
        finished: "2026-01-02T03:04:05Z".to_owned(),
        quick: false,
        machine: Machine {
            cpu: "A processor".to_owned(),
            cores: 2,
            memory_mib: 24_000,
            kernel: "6.1.0".to_owned(),
            file_system: "ext4".to_owned(),
        },
        systems: systems.map(system).to_vec(),
        cases,
    }
}
