//! What tests stand on. For tests of programs that use Fanfare: a [`Broker`] in the test's process whose clock the test puts forward, a [`Proxy`]
//! that breaks connections, and push [`endpoints`] that misbehave; begin with [`broker`]. For tests of Fanfare itself also a recorded history of
//! what clients saw, a checker of what was promised, and a seeded simulation of the broker.
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
//! sockets have only [`broker`], [`proxy`] and [`endpoints`], which say their own limits.

#![forbid(unsafe_code)]

pub mod broker;
pub mod checker;
pub mod endpoints;
pub mod history;
pub mod proxy;
pub mod simulation;

pub use broker::Broker;
pub use proxy::{Direction, Proxy};
