//! The checker, checked; the simulation; and the endpoints that misbehave.

#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "helpers of tests are tests, too")]

mod broker;
mod checker;
mod endpoints;
mod proxy;
mod simulation;
