use std::{
    collections::HashMap,
    ffi::OsString,
    fmt, io,
    path::{Path, PathBuf},
};

use types::Invalid;

use super::{Config, env, file, keys};

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The program.
    Default,
    /// The configuration file.
    File(PathBuf),
    /// An environment variable.
    Environment(String),
    /// A flag of the command line.
    Flag(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => write!(f, "file {}", path.display()),
            Self::Environment(variable) => write!(f, "environment {variable}"),
            Self::Flag(flag) => write!(f, "flag {flag}"),
        }
    }
}

/// A value that someone gave, in its written form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given {
    /// For which key.
    pub key: String,
    /// The value.
    pub text: String,
    /// By whom.
    pub origin: Origin,
}

/// What is wrong with the configuration. Nothing was bound, opened or written.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// No such key.
    #[error("{origin}: there is no setting {key}; `fanfare config` lists those there are")]
    Unknown {
        /// Where it was given.
        origin: Origin,
        /// What was given.
        key: String,
    },
    /// A value that cannot be read, or is out of its limits.
    #[error("{origin}: {key} {reason}")]
    Value {
        /// Where it was given.
        origin: Origin,
        /// For which key.
        key: String,
        /// What is wrong, and what is allowed.
        reason: String,
    },
    /// The file cannot be read.
    #[error("the configuration file {} cannot be read: {error}", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// The operating system's answer.
        error: io::Error,
    },
    /// The file is not TOML.
    #[error("the configuration file {} is not TOML: line {line}: {reason}", path.display())]
    Malformed {
        /// Which file.
        path: PathBuf,
        /// Where.
        line: usize,
        /// Why, in words that do not show the line: it may have a secret.
        reason: String,
    },
    /// A variable whose value is not text.
    #[error("environment {variable} is not valid UTF-8")]
    NotText {
        /// Its name.
        variable: String,
    },
}

/// Everything that a configuration is made from, as values, so that tests need no process of their own.
#[derive(Debug, Default)]
pub struct Sources {
    /// The file that was asked for by a flag.
    pub file: Option<PathBuf>,
    /// The environment, all of it.
    pub environment: Vec<(OsString, OsString)>,
    /// What the flags gave.
    pub flags: Vec<Given>,
}

/// A configuration that was checked, and where each value of it came from.
#[derive(Debug)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// By key; a key that is not there has its default.
    origins: HashMap<String, Origin>,
}

impl Sources {
    /// Reads the file, puts everything together and checks it.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn load(self) -> Result<Loaded, ConfigError> {
        let environment = env::read(self.environment)?;
        let file = self.file.or(environment.file);
        let mut loaded = Loaded { config: Config::default(), origins: HashMap::new() };
        let from_file = file.as_deref().map(read_file).transpose()?.unwrap_or_default();
        for given in from_file.into_iter().chain(environment.settings).chain(self.flags) {
            loaded.set(given)?;
        }
        loaded.also(Config::validate)
    }
}

fn read_file(path: &Path) -> Result<Vec<Given>, ConfigError> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| ConfigError::Unreadable { path: path.to_owned(), error })?;
    file::read(path, &text)
}

impl Loaded {
    /// Where the value of a key came from.
    pub fn origin(&self, key: &str) -> &Origin {
        self.origins.get(key).unwrap_or(&Origin::Default)
    }

    fn set(&mut self, Given { key, text, origin }: Given) -> Result<(), ConfigError> {
        let Some(known) = keys::find(&key) else { return Err(ConfigError::Unknown { origin, key }) };
        match (known.set)(&mut self.config, &text) {
            Ok(()) => drop(self.origins.insert(key, origin)),
            Err(reason) => return Err(ConfigError::Value { origin, key, reason }),
        }
        Ok(())
    }

    /// Itself, if it passes one more check.
    pub(crate) fn also(
        self,
        check: impl FnOnce(&Config) -> Result<(), Invalid>,
    ) -> Result<Self, ConfigError> {
        match check(&self.config) {
            Ok(()) => Ok(self),
            Err(invalid) => {
                let origin = self.origin(&invalid.field).clone();
                Err(ConfigError::Value { origin, key: invalid.field, reason: invalid.reason })
            }
        }
    }
}
