//! The queue through its public face: one file a topic, and a random comparison with a naive model.

mod dead_letter;
mod expiry;
mod lease;
mod memory;
mod model;
mod ordering;
mod restore;
mod retry;
mod seek;
mod support;
