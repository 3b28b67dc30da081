//! The client against a broker in the test's process, and against ones that only play it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod publisher;
