//! How many files and connections the process may have open at a time.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use types::Invalid;

use crate::config::Config;

/// Descriptors that connections of gRPC never get: one for each topic's newest file, those of readers far behind, the
/// connections of the HTTP port, and what the process itself has open.
pub(crate) const KEPT_FOR_FILES: u64 = 1_024;

/// Raises what is allowed to all that may be had without further rights; returns it, or none if there is no limit.
pub(crate) fn raise_limit() -> Option<u64> {
    let limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        // A sandbox may refuse it. Then what there is has to do, and `check` says whether it does.
        _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
    }
    getrlimit(Resource::Nofile).current
}

/// Whether so many descriptors are enough for what is configured.
pub(crate) fn check(config: &Config, limit: Option<u64>) -> Result<(), Invalid> {
    let Some(limit) = limit else { return Ok(()) };
    let connections = config.grpc.max_connections as u64;
    let most = limit.saturating_sub(KEPT_FOR_FILES);
    if connections <= most {
        return Ok(());
    }
    Err(Invalid::new(
        "grpc.max_connections",
        format!(
            "is {connections}, must be at most {most}: the process may have {limit} files open (ulimit -n), of which \
             {KEPT_FOR_FILES} are kept for topics and the HTTP port"
        ),
    ))
}

/// Says how many there are, and for what.
pub(crate) fn announce(config: &Config, limit: Option<u64>) {
    let connections = config.grpc.max_connections as u64;
    let Some(limit) = limit else {
        return tracing::info!(for_connections = connections, "the number of open files is not limited");
    };
    let for_files = limit.saturating_sub(connections);
    tracing::info!(limit, for_connections = connections, for_files, "open files are limited");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(max_connections: usize) -> Config {
        Config { grpc: grpc::Config { max_connections, ..grpc::Config::default() }, ..Config::default() }
    }

    #[test]
    fn connections_that_would_leave_no_descriptor_for_files_are_refused_with_the_key_and_what_is_possible() {
        let most = 20_000 - KEPT_FOR_FILES;
        assert_eq!(check(&config(18_976), Some(20_000)), Ok(()));
        let invalid = check(&config(18_977), Some(20_000)).unwrap_err();
        assert_eq!(invalid.field, "grpc.max_connections");
        assert!(invalid.reason.starts_with(&format!("is 18977, must be at most {most}: ")), "{invalid}");
        assert!(check(&config(1), Some(100)).is_err(), "fewer than are kept");
        assert_eq!(check(&config(100_000), None), Ok(()));
    }

    #[test]
    fn after_raising_nothing_more_can_be_had() {
        let limit = raise_limit();
        let now = getrlimit(Resource::Nofile);
        assert_eq!((now.current, now.maximum), (limit, limit));
    }
}
