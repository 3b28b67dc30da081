//! The services over a real connection: a server in this process, on a port of its own, over a broker in memory.

#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

mod admin;
mod attributes;
mod bad_input;
mod bad_settings;
mod blocks;
mod call;
mod filter_policies;
mod fixture;
mod health;
mod publish;
mod publish_stream;
mod pull;
mod push;
mod push_service;
mod push_settings;
mod refused;
mod streaming_pull;
mod subscriptions;
mod test_filter;
mod topics;
mod transport;
