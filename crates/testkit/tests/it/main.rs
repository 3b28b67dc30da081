//! The checker, checked; and the simulation.

#![forbid(unsafe_code)]

mod checker;
mod simulation;
