//! The checker, checked; the simulation; and the endpoints that misbehave.

#![forbid(unsafe_code)]

mod checker;
mod endpoints;
mod simulation;
