//! The binary `fanfare`. Everything is in the library, so that tests can run it in their own process.

#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    server::cli::main()
}
