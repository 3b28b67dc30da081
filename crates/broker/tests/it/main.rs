//! The broker over the memory engine, with a clock that the tests move.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod blocks;
mod cancellation;
mod consumers;
mod deduplication;
mod filters;
mod filters_corners;
mod filters_model;
mod filters_together;
mod fixture;
mod limits;
mod ordering;
mod publish;
mod push_confirmation;
mod push_endpoints;
mod push_forwarding;
mod push_reports;
mod push_workers;
mod recovery;
mod retention;
mod settle;
mod subscriptions;
mod topics;
