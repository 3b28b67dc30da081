//! The client against a broker in the test's process, and against ones that only play it.

#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

mod futures;
mod publisher;
mod subscriber;
