//! What tests stand on: a recorded history of what clients saw, a checker of what was promised, a seeded simulation of the broker, and
//! push endpoints that misbehave.
//!
//! # Invariants
//!
//! - A history is recorded by clients, never by the broker: the checker believes only what was answered.
//! - The checker knows the promises of DESIGN.md and nothing of how the broker keeps them.
//! - A simulation is a function of its seed: the same seed gives the same history, byte for byte.
//!
//! # Limits
//!
//! The simulation: one thread, one broker, one topic name at a time, a few subscriptions. Real processes and disks are another suite's; real
//! sockets only has [`endpoints`], which says its own limits.

#![forbid(unsafe_code)]

pub mod broker;
pub mod checker;
pub mod endpoints;
pub mod history;
pub mod simulation;

pub use broker::Broker;
