//! The client commands of the binary `fanfare`: what a person or a script asks of a broker.
//!
//! # Invariants
//!
//! - It knows `fanfare-client` and, for `bench`, `load` over it, and nothing else of the product; whatever it does, a program can do.
//! - Standard output has answers only, standard error the rest. With `--json` an answer is one JSON document, or one a line for what streams, in
//!   the JSON mapping of the API.
//! - A token or another secret is never an argument and never printed.
//! - What goes wrong is said with what to do next, and with an exit code of its own kind ([`code`]).
//!
//! # Limits
//!
//! One line of input is at most 16 MiB; of a file that is published one line and the publisher's bounds are in memory.

#![forbid(unsafe_code)]

mod bench;
mod clock;
mod command;
mod common;
mod connect;
mod context;
pub mod demo;
mod environment;
mod error;
mod filter;
mod help;
mod info;
mod message;
mod names;
mod output;
mod publish;
mod pull;
mod settle;
mod shell;
mod signals;
mod stats;
mod subscription;
mod tail;
mod topic;
mod value;

pub use command::Command;
pub use environment::VARIABLES;
pub use error::{CODES, Error, code};
pub use help::grouped;

use environment::Environment;

/// Runs one command on a runtime of its own. `whole` is the command line that it is part of, for `completions` and `man`.
///
/// # Errors
/// [`Error`] says what happened and what to do; [`code`] is the exit code.
pub fn run(command: Command, whole: clap::Command) -> Result<(), Error> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let outcome = runtime.block_on(command.run(&Environment::of_the_process(), whole));
    // A read of standard input that is under way cannot be cancelled, and nothing is left to wait for.
    runtime.shutdown_background();
    match outcome {
        // Who reads has read enough: `fanfare tail orders | head -1`.
        Err(Error::Output(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        outcome => outcome,
    }
}

/// What every command has at hand.
pub(crate) struct Session {
    pub(crate) client: fanfare_client::Client,
    /// What it was made of, for who wants more connections.
    pub(crate) builder: fanfare_client::ClientBuilder,
    pub(crate) names: names::Names,
    pub(crate) out: output::Out,
    pub(crate) endpoints: Vec<String>,
}
