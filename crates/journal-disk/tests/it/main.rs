//! The engine from outside: conformance, crashes, faults, damage, a full disk.

#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

mod conformance;
mod crash_states;
mod damage;
mod deletion;
mod descriptors;
mod faults;
mod full_disk;
mod fuzz_smoke;
mod owner;
mod support;
