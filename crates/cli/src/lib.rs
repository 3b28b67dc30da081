//! The client commands of the binary `fanfare`.

#![forbid(unsafe_code)]

pub mod demo;
