//! The binary `fanfare`. Everything is in the library, so that tests can run it in their own process.

#![forbid(unsafe_code)]

use std::process::ExitCode;

/// Chosen by measurement: docs/adr/0013-allocator.md.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    server::cli::main()
}
