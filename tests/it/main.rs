//! End to end: the real binary, driven from outside by tools that nobody here wrote, and by a generated client where there
//! has to be load.
//!
//! - `FANFARE_BIN` is the broker, by default the one in `target/debug`; `GRPCURL`, `STRACE`, `PROMTOOL`, `NODE`,
//!   `NODE_WEBHOOKS`, `POSTGRES_BIN`, `PYTHON_GRPC` and `PYTHON_WEBHOOKS` are what `.ci/tools.sh` installs. A tool that is missing is a failure, never a skip.
//! - Each test has a broker of its own, on free ports and in a directory of its own, and ends it by its process id.
//! - A broker that logs an error which its test did not expect fails the test.
//! - Nothing sleeps: tests wait for a condition ([`support::eventually`]) or for an answer of the broker.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests, too")]

mod bad_input;
mod cli;
mod client;
mod consume;
mod crash;
mod demo;
mod disk_fault;
mod disk_full;
mod filters;
mod lifecycle;
mod many_pulls;
mod messages;
mod orders;
mod outbox;
mod probes;
mod public_api;
mod push;
mod python;
mod readme;
mod restart;
mod streaming;
mod subscriptions;
mod support;
mod walk_through;
