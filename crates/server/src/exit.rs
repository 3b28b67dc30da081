//! What the process says when it ends, and with which code.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use crate::{config::ConfigError, run::RunError};

/// Something failed that has no code of its own.
const FAILED: u8 = 1;
/// The configuration or the command line is wrong; nothing was started. (clap's code, too.)
const USAGE: u8 = 2;
/// Another process uses the data directory.
const IN_USE: u8 = 3;
/// The journal failed while the broker ran or recovered; nothing was acknowledged after that.
const JOURNAL_FAILED: u8 = 4;
/// A second signal ended it before it had stopped cleanly: 128 and SIGINT's number, as shells count.
pub(crate) const INTERRUPTED: i32 = 130;

/// Says what went wrong, if anything: as a log line if the log is set up, as plain text if not.
pub(crate) fn code(outcome: anyhow::Result<()>) -> ExitCode {
    let Err(error) = outcome else { return ExitCode::SUCCESS };
    if tracing::dispatcher::has_been_set() {
        tracing::error!("{error:#}");
    } else {
        let _ = writeln!(io::stderr(), "fanfare: {error:#}");
    }
    match error.downcast_ref::<cli::Error>() {
        Some(error) => cli::code(error),
        None => ExitCode::from(number(&error)),
    }
}

/// The code of what went wrong.
pub(crate) fn number(error: &anyhow::Error) -> u8 {
    if error.is::<ConfigError>() || error.is::<push::RemoteError>() {
        return USAGE;
    }
    match error.downcast_ref::<RunError>() {
        Some(RunError::NoWorkerToken) => USAGE,
        Some(RunError::InUse(_)) => IN_USE,
        Some(RunError::JournalFailed(_)) => JOURNAL_FAILED,
        _ => FAILED,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_journal_has_a_code_of_its_own() {
        let error = anyhow::Error::from(RunError::JournalFailed("fdatasync: EIO".to_owned()));
        assert_eq!(number(&error), JOURNAL_FAILED);
    }

    #[test]
    fn a_push_worker_that_was_started_wrongly_is_a_wrong_command_line() {
        assert_eq!(number(&RunError::NoWorkerToken.into()), USAGE);
        let token = types::push::Secret::new("0123456789abcdef");
        let no_url = push::Remote::connect("localhost:50051", &token, None).unwrap_err();
        assert_eq!(number(&no_url.into()), USAGE);
    }
}
