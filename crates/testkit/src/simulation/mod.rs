//! A broker and its clients under a seed: every choice, every turn and every crash follows from it.
//!
//! # How
//!
//! - [`run`] lives several lives of one store. Each is a runtime of one thread with paused time, a broker over the store, and clients whose
//!   calls are futures that `World` polls in an order that the seed gives. Calls are dropped half-way, too.
//! - Between two lives is a crash: the memory engine loses what was held back, the simulated disk what was not synced, and more
//!   or less of it as its loss model says. Then the clients look up what there is.
//! - Segments and checkpoints are tiny, so that trimming, carrying forward and checkpoints happen all the time.
//! - At the end everything is drained, and [`crate::checker`] judges the history.
//!
//! # Limits
//!
//! The clock only moves forward; the disk is never full and never fails (the engine's own suites do that); one topic at a time.

mod admin;
mod consume;
mod contents;
mod drain;
mod elsewhere;
mod figures;
mod lookup;
mod publish;
mod random;
mod report;
mod settings;
mod store;
mod world;

use crate::{
    checker::{self, Violation},
    history::Entry,
};

/// What the broker stands on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// Loses what is held back.
    Memory,
    /// Over a simulated file system.
    Disk,
}

/// A run to make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// Everything follows from it.
    pub seed: u64,
    /// What the broker stands on.
    pub engine: Engine,
    /// Steps of one life, about.
    pub turns: u64,
}

/// A run that was made.
#[derive(Debug)]
pub struct Outcome {
    /// What the clients saw.
    pub history: Vec<Entry>,
    /// What is wrong with it.
    pub violations: Vec<Violation>,
}

/// Makes a run.
pub fn run(plan: Plan) -> Outcome {
    let mut world = world::World::new(plan);
    let lives = 1 + world.random.below(4);
    for life in 1..=lives {
        world.live(plan.turns, life == lives);
    }
    let history = world.into_history();
    let violations = checker::check(&history);
    Outcome { history, violations }
}
