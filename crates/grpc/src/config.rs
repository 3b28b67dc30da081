use std::time::Duration;

use types::{Invalid, limits, push::Secret};

const KIB: u32 = 1 << 10;
const MIB: u32 = 1 << 20;

/// What one client can take of the server. tonic passes most of these on as "no limit" unless they are set, which turns
/// off hyper's own defences; so each has a value here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Connections at a time; further ones wait in the listener's queue. 1 to 100,000, default 10,000.
    pub max_connections: usize,
    /// Calls under way on one connection. 1 to 10,000, default 1,000.
    pub max_concurrent_streams: u32,
    /// Streams that a client has reset and the server has not yet accepted, after which the connection is closed (rapid
    /// reset). 1 to 1,000, default 20.
    pub max_pending_accept_reset_streams: usize,
    /// Streams that the server has reset for a client's errors, after which the connection is closed. 1 to 10,000,
    /// default 1,024.
    pub max_local_error_reset_streams: usize,
    /// Bytes of the headers of one call. 4 KiB to 1 MiB, default 16 KiB.
    pub max_header_list_bytes: u32,
    /// Bytes of one HTTP/2 frame. 16 KiB to 8 MiB, default 1 MiB: large frames nearly double the throughput.
    pub max_frame_bytes: u32,
    /// Bytes that one call may send ahead. 64 KiB to 64 MiB, default 4 MiB.
    pub stream_window_bytes: u32,
    /// Bytes that one connection may send ahead. At least the stream's, at most 256 MiB, default 16 MiB.
    pub connection_window_bytes: u32,
    /// A client that has not begun to speak HTTP/2 by then is let go. 1 s to 1 min, default 10 s.
    pub preface_timeout: Duration,
    /// An idle connection is asked whether it lives this often. 1 s to 1 h, default 30 s.
    pub keepalive_interval: Duration,
    /// A connection that does not answer is closed. 1 s to 10 min, default 10 s.
    pub keepalive_timeout: Duration,
    /// Bytes of one request. At least one message with 1 MiB beside it, at most 64 MiB, default 10 MiB.
    pub max_request_bytes: usize,
    /// Memory of all publish requests that wait for the log. Past it `Publish` is refused and no `PublishStream` is read
    /// from. At least `max_request_bytes`, at most 64 GiB, default 256 MiB.
    pub request_memory_bytes: usize,
    /// Until a unary call is answered, or a stream's first request is there. More than the longest pull, at most 10 min,
    /// default 75 s.
    pub request_timeout: Duration,
    /// At shutdown, how long streams take settlements of what is outstanding. 0 s to 10 min, default 5 s.
    pub settle_grace: Duration,
    /// At shutdown, how long calls under way may take to end. At least `settle_grace`, at most 1 h, default 25 s.
    pub drain_timeout: Duration,
    /// What lets push workers of other processes in. 16 to 4,096 visible ASCII characters; default none, which lets nobody in.
    pub worker_token: Option<Secret>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            max_connections: 10_000,
            max_concurrent_streams: 1_000,
            max_pending_accept_reset_streams: 20,
            max_local_error_reset_streams: 1_024,
            max_header_list_bytes: 16 * KIB,
            max_frame_bytes: MIB,
            stream_window_bytes: 4 * MIB,
            connection_window_bytes: 16 * MIB,
            preface_timeout: Duration::from_secs(10),
            keepalive_interval: Duration::from_secs(30),
            keepalive_timeout: Duration::from_secs(10),
            max_request_bytes: limits::REQUEST_BYTES,
            request_memory_bytes: 256 << 20,
            request_timeout: Duration::from_secs(75),
            settle_grace: Duration::from_secs(5),
            drain_timeout: Duration::from_secs(25),
            worker_token: None,
        }
    }
}

impl Config {
    /// Checks every value against its limits. `max_message_bytes` is the broker's.
    ///
    /// # Errors
    /// The first value that breaks a rule.
    pub fn validate(&self, max_message_bytes: usize) -> Result<(), Invalid> {
        let seconds = Duration::from_secs;
        within("max_connections", self.max_connections, 1, 100_000)?;
        within("max_concurrent_streams", self.max_concurrent_streams, 1, 10_000)?;
        within("max_pending_accept_reset_streams", self.max_pending_accept_reset_streams, 1, 1_000)?;
        within("max_local_error_reset_streams", self.max_local_error_reset_streams, 1, 10_000)?;
        within("max_header_list_bytes", self.max_header_list_bytes, 4 * KIB, MIB)?;
        within("max_frame_bytes", self.max_frame_bytes, 16 * KIB, 8 * MIB)?;
        within("stream_window_bytes", self.stream_window_bytes, 64 * KIB, 64 * MIB)?;
        within("connection_window_bytes", self.connection_window_bytes, self.stream_window_bytes, 256 * MIB)?;
        within("preface_timeout", self.preface_timeout, seconds(1), seconds(60))?;
        within("keepalive_interval", self.keepalive_interval, seconds(1), seconds(3_600))?;
        within("keepalive_timeout", self.keepalive_timeout, seconds(1), seconds(600))?;
        within("max_request_bytes", self.max_request_bytes, max_message_bytes + (1 << 20), 64 << 20)?;
        within("request_memory_bytes", self.request_memory_bytes, self.max_request_bytes, 64 << 30)?;
        within("request_timeout", self.request_timeout, limits::PULL_WAIT_MAX + seconds(1), seconds(600))?;
        within("settle_grace", self.settle_grace, seconds(0), seconds(600))?;
        within("drain_timeout", self.drain_timeout, self.settle_grace, seconds(3_600))?;
        self.worker_token.as_ref().map_or(Ok(()), worker_token)
    }
}

/// Does not say what it is.
fn worker_token(token: &Secret) -> Result<(), Invalid> {
    let (text, allowed) = (token.reveal(), limits::PUSH_WORKER_TOKEN_CHARS);
    if allowed.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(());
    }
    let (least, most) = (allowed.start(), allowed.end());
    Err(Invalid::new("worker_token", format!("must be {least} to {most} visible ASCII characters")))
}

fn within<T: Copy + PartialOrd + std::fmt::Debug>(
    name: &str,
    value: T,
    least: T,
    most: T,
) -> Result<(), Invalid> {
    if value >= least && value <= most {
        return Ok(());
    }
    Err(Invalid::new(name, format!("is {value:?}, must be {least:?} to {most:?}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_valid() {
        assert_eq!(Config::default().validate(limits::MESSAGE_BYTES), Ok(()));
    }

    #[test]
    fn a_value_out_of_its_limits_is_named() {
        let config = Config { max_concurrent_streams: 0, ..Config::default() };
        let invalid = config.validate(limits::MESSAGE_BYTES).unwrap_err();
        assert_eq!(invalid.to_string(), "max_concurrent_streams: is 0, must be 1 to 10000");
        let config = Config { connection_window_bytes: 64 * KIB, ..Config::default() };
        assert_eq!(config.validate(limits::MESSAGE_BYTES).unwrap_err().field, "connection_window_bytes");
    }

    #[test]
    fn a_token_that_is_short_or_no_header_can_carry_is_refused_without_being_shown() {
        let with = |token: &str| Config { worker_token: Some(Secret::new(token)), ..Config::default() };
        assert_eq!(with("0123456789abcdef").validate(limits::MESSAGE_BYTES), Ok(()));
        for bad in ["", "0123456789abcde", "0123456789 abcdef", "0123456789abcdeä", &"x".repeat(4_097)] {
            let invalid = with(bad).validate(limits::MESSAGE_BYTES).unwrap_err();
            assert_eq!(invalid.to_string(), "worker_token: must be 16 to 4096 visible ASCII characters");
        }
    }

    #[test]
    fn the_largest_message_fits_in_a_request() {
        assert!(Config::default().validate(10 << 20).is_err());
    }
}
