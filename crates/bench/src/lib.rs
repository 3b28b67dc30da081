//! Fanfare measured side by side with its peers and with the bare parts.
//!
//! `plan` says what is done to whom, `compare` does it round by round, `results` is what came out, `goals` judges it, `report` tells it. What
//! is done is in crate `load`, the same code for every system. *Invariant: all that is computed from results is pure, so that a report can be made
//! again from `results.json`.*

#![forbid(unsafe_code)]

mod built;
mod command;
mod compare;
mod goals;
mod lab;
mod machine;
mod measure;
mod metric;
mod own;
mod plan;
mod process;
mod report;
mod results;
#[cfg(test)]
mod sample;
mod stats;
pub mod systems;

pub use command::Cli;
