//! The program `fanfare-bench`.

#![forbid(unsafe_code)]

use std::process::ExitCode;

use clap::Parser as _;

/// The broker's own (docs/adr/0013-allocator.md), so that what is measured of all systems is not the system's allocator.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

#[tokio::main(worker_threads = 2)]
async fn main() -> anyhow::Result<ExitCode> {
    fanfare_bench::Cli::parse().run().await
}
