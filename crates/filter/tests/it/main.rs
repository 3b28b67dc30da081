//! Filters through their public face: what matches (with sources), what is refused, and what is said about a message that does not match.

#![expect(clippy::unwrap_used, clippy::cast_possible_truncation, reason = "a test fails where it stands")]

mod document;
mod errors;
mod explain;
mod index_hostile;
mod index_property;
mod index_world;
mod message;
mod table;
