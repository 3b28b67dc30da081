//! Log lines: to standard error, for people on a terminal and as one JSON object a line everywhere else.
//!
//! A line about a message names it by a field: `tracing::warn!(correlation_id = %id, "…")`. In JSON the fields of a
//! line are keys of its object, so that `jq 'select(.correlation_id == "…")'` finds a message's lines.

use std::io::{self, IsTerminal};

use tracing::Subscriber;
use tracing_subscriber::{
    EnvFilter, Layer, Registry,
    fmt::{self, MakeWriter},
    layer::SubscriberExt,
    util::SubscriberInitExt,
};
use types::Invalid;

/// What libraries say about themselves at level info. What the operator's filter says of them comes later, and wins.
const QUIET: &str = "opentelemetry=warn,opentelemetry_sdk=warn";

/// What an operator can choose about the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Which lines: a level, or levels by module (`info,broker=debug`). Default `info`.
    pub filter: String,
    /// How they look.
    pub format: Format,
}

impl Default for Config {
    fn default() -> Self {
        Self { filter: "info".to_owned(), format: Format::Auto }
    }
}

impl Config {
    /// Checks every value.
    ///
    /// # Errors
    /// The first value that breaks a rule.
    pub fn validate(&self) -> Result<(), Invalid> {
        EnvFilter::try_new(&self.filter)
            .map(drop)
            .map_err(|error| Invalid::new("filter", format!("is {:?}: {error}", self.filter)))
    }
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// `Human` if standard error is a terminal, `Json` if not.
    #[default]
    Auto,
    /// One readable line.
    Human,
    /// One JSON object a line.
    Json,
}

/// The log could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The filter makes no sense.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// It is already set up.
    #[error("the log is already set up")]
    Twice,
}

/// Sends the log lines of the whole process to standard error.
///
/// # Errors
/// The configuration is invalid, or this was called before.
pub fn init(config: &Config) -> Result<(), LogError> {
    let terminal = io::stderr().is_terminal();
    subscriber(config, terminal, io::stderr)?.try_init().map_err(|_| LogError::Twice)
}

/// Sends them somewhere else, for a process whose standard error is for something else.
///
/// # Errors
/// As [`init`].
pub fn init_into<W>(config: &Config, writer: W) -> Result<(), LogError>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    subscriber(config, false, writer)?.try_init().map_err(|_| LogError::Twice)
}

/// Where the lines go, as a value: for tests, and for programs that embed the broker.
///
/// # Errors
/// The configuration is invalid.
pub fn subscriber<W>(
    config: &Config,
    terminal: bool,
    writer: W,
) -> Result<impl Subscriber + Send + Sync, Invalid>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    config.validate()?;
    let lines: Box<dyn Layer<Registry> + Send + Sync> = match (config.format, terminal) {
        (Format::Json, _) | (Format::Auto, false) => {
            fmt::layer().json().flatten_event(true).with_span_list(false).with_writer(writer).boxed()
        }
        (Format::Human, _) | (Format::Auto, true) => {
            fmt::layer().with_ansi(terminal).with_writer(writer).boxed()
        }
    };
    let filter = EnvFilter::new(format!("{QUIET},{}", config.filter));
    Ok(tracing_subscriber::registry().with(lines.with_filter(filter)))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use parking_lot::Mutex;

    use super::*;

    #[derive(Clone, Default)]
    struct Captured(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Captured {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn lines_of(config: &Config, terminal: bool) -> String {
        let captured = Captured::default();
        let writer = captured.clone();
        let subscriber = subscriber(config, terminal, move || writer.clone()).unwrap();
        tracing::subscriber::with_default(subscriber, || {
            tracing::warn!(correlation_id = "order-4711", "message dead-lettered");
            tracing::debug!("not at level info");
        });
        String::from_utf8(captured.0.lock().clone()).unwrap()
    }

    #[test]
    fn a_json_line_carries_the_correlation_id_as_a_key_of_its_own() {
        let text = lines_of(&Config::default(), false);
        let line: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(line["correlation_id"], "order-4711");
        assert_eq!(line["message"], "message dead-lettered");
        assert_eq!(line["level"], "WARN");
    }

    #[test]
    fn a_terminal_gets_readable_lines_unless_json_is_asked_for() {
        assert!(!lines_of(&Config::default(), true).starts_with('{'));
        let json = Config { format: Format::Json, ..Config::default() };
        assert!(lines_of(&json, true).starts_with('{'));
        let human = Config { format: Format::Human, ..Config::default() };
        let text = lines_of(&human, false);
        assert!(text.contains("correlation_id=\"order-4711\""), "{text}");
        assert!(!text.contains('\u{1b}'), "colours in a file: {text:?}");
    }

    #[test]
    fn a_filter_that_makes_no_sense_is_refused_by_name() {
        let config = Config { filter: "broker=loudest".to_owned(), ..Config::default() };
        assert_eq!(config.validate().unwrap_err().field, "filter");
    }
}
