//! The program `fanfare-bench`.

#![forbid(unsafe_code)]

use std::process::ExitCode;

use clap::Parser as _;

#[tokio::main(worker_threads = 2)]
async fn main() -> anyhow::Result<ExitCode> {
    fanfare_bench::Cli::parse().run().await
}
