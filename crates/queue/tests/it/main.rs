//! The queue through its public face: one file a topic, and a random comparison with a naive model.

#![expect(clippy::unwrap_used, clippy::cast_possible_truncation, reason = "a test fails where it stands")]

mod dead_letter;
mod expiry;
mod lease;
mod memory;
mod model;
mod ordering;
mod report;
mod restore;
mod retry;
mod seek;
mod support;
