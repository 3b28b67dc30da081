//! Filters through their public face: what matches (with sources), what is refused, and what is said about a message that does not match.

#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

mod errors;
