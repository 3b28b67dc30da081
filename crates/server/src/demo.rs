//! `fanfare demo`: a broker in this process, for the story that [`cli::demo`] tells over the client.
//!
//! # Invariants
//!
//! - It touches nothing of anyone else's: its directory is new or was empty, its ports were free, and neither environment nor
//!   configuration file is read.
//! - Its broker pushes to the demo's own two ports on loopback and nowhere else inside.
//! - Standard output is the story's; the broker's log lines go to a file.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
};

use anyhow::{Context as _, anyhow, bail};
use cli::demo::{Options, Place, Receivers};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::{
    Listeners, RunError,
    config::{Config, ConfigError, Given, Loaded, Origin, Sources},
    exit, open_files, run, shutdown,
};

/// Runs it as a process.
pub(crate) fn main(options: &Options) -> ExitCode {
    let Err(error) = outcome(options) else { return ExitCode::SUCCESS };
    // The log is a file here, where nobody would look for it.
    let _ = writeln!(io::stderr(), "fanfare demo: {error:#}");
    ExitCode::from(exit::number(&error))
}

fn outcome(options: &Options) -> anyhow::Result<()> {
    let directory = Directory::take(options.data_dir.as_deref())?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let played = runtime.block_on(play(options, &directory));
    directory.leave(played.is_ok())?;
    played
}

async fn play(options: &Options, directory: &Directory) -> anyhow::Result<()> {
    let signals = shutdown::Signals::take()?;
    let receivers = Receivers::bind().await?;
    let config = configuration(&directory.data(), receivers.addresses()?)?.config;
    let log = File::create(directory.log()).context("the log file")?;
    telemetry::logs::init_into(&config.log, Arc::new(log))?;
    let listeners = listen(&config).await?;
    let place = Place {
        grpc: listeners.grpc.local_addr()?,
        http: listeners.http.local_addr()?,
        data: directory.data(),
        log: directory.log(),
        program: quoted(std::env::args().next().as_deref().unwrap_or("fanfare")),
    };
    let stop = CancellationToken::new();
    let mut broker = tokio::spawn(run(listeners, config, stop.clone().cancelled_owned()));
    let played = tokio::select! {
        played = cli::demo::play(options, &place, receivers, signals.first()) => played,
        ended = &mut broker => {
            ended??;
            return Err(anyhow!("the broker ended without having been asked to"));
        }
    };
    stop.cancel();
    broker.await??;
    Ok(played?)
}

/// As a shell takes it.
fn quoted(program: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
    match program.chars().all(is_plain) {
        true => program.to_owned(),
        false => format!("'{}'", program.replace('\'', r"'\''")),
    }
}

/// The defaults, but for the directory and the two ports that may be pushed to.
fn configuration(data: &Path, receivers: [SocketAddr; 2]) -> Result<Loaded, ConfigError> {
    let ports = receivers.map(|address| address.port().to_string()).join(", ");
    let given = |key: &str, text: String| Given {
        key: key.to_owned(),
        text,
        origin: Origin::Flag("demo".to_owned()),
    };
    let flags = vec![
        given("push.allow_http", "true".to_owned()),
        given("push.allow_networks", "127.0.0.1".to_owned()),
        given("push.allow_ports", ports),
    ];
    let open_files = open_files::raise_limit();
    let mut loaded = Sources { flags, ..Sources::default() }.load()?;
    // Not by its key: a path need not be text.
    loaded.config.data_dir = data.to_owned();
    loaded.also(|config| open_files::check(config, open_files))
}

/// The usual ports, or free ones where another program has them.
async fn listen(config: &Config) -> Result<Listeners, RunError> {
    Ok(Listeners {
        grpc: usual_or_free("listen", config.listen).await?,
        http: usual_or_free("http_listen", config.http_listen).await?,
    })
}

async fn usual_or_free(key: &'static str, usual: SocketAddr) -> Result<TcpListener, RunError> {
    match TcpListener::bind(usual).await {
        Ok(listener) => Ok(listener),
        Err(_) => crate::run::bind(key, SocketAddr::new(usual.ip(), 0)).await,
    }
}

/// Where everything is kept.
#[derive(Debug)]
enum Directory {
    /// Removed at the end.
    Temporary(TempDir),
    /// The user's, and left.
    Given(PathBuf),
}

impl Directory {
    fn take(given: Option<&Path>) -> anyhow::Result<Self> {
        let Some(given) = given else {
            return Ok(Self::Temporary(
                TempDir::with_prefix("fanfare-demo-").context("a temporary directory")?,
            ));
        };
        let named = || format!("the directory {}", given.display());
        fs::create_dir_all(given).with_context(named)?;
        if fs::read_dir(given).with_context(named)?.next().is_some() {
            bail!("{} is not empty: name a new one, or none for a temporary one", named());
        }
        Ok(Self::Given(given.to_owned()))
    }

    fn path(&self) -> &Path {
        match self {
            Self::Temporary(directory) => directory.path(),
            Self::Given(path) => path,
        }
    }

    fn data(&self) -> PathBuf {
        self.path().join("data")
    }

    fn log(&self) -> PathBuf {
        self.path().join("log")
    }

    /// Removes it, unless it is the user's, or is needed to see what went wrong; says so if it stays.
    fn leave(self, was_good: bool) -> io::Result<()> {
        let mut output = io::stderr();
        match self {
            Self::Temporary(directory) if was_good => {
                directory.close()?;
                writeln!(output, "The broker has ended, and its data are removed.")
            }
            Self::Temporary(directory) => {
                writeln!(output, "The log and the data stay in {}.", directory.keep().display())
            }
            Self::Given(path) => writeln!(
                output,
                "The data stay in {0}; `fanfare serve --data-dir {0}` goes on with them.",
                path.join("data").display()
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(port: u16) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], port))
    }

    #[test]
    fn only_the_demos_own_ports_are_pushed_to() {
        let config = configuration(Path::new("d"), [address(4_001), address(4_002)]).unwrap().config;
        assert_eq!(config.push.allow_ports, [4_001..=4_001, 4_002..=4_002]);
        assert!(config.push.allow_http);
        assert_eq!(config.data_dir, Path::new("d"));
    }

    #[tokio::test]
    async fn a_port_that_is_taken_is_replaced_by_a_free_one() {
        let taken = TcpListener::bind(address(0)).await.unwrap();
        let usual = taken.local_addr().unwrap();
        let other = usual_or_free("listen", usual).await.unwrap();
        assert_ne!(other.local_addr().unwrap(), usual);
        drop(taken);
        assert_eq!(usual_or_free("listen", usual).await.unwrap().local_addr().unwrap(), usual);
    }

    #[test]
    fn a_program_with_spaces_in_its_path_can_be_pasted() {
        assert_eq!(quoted("target/release/fanfare"), "target/release/fanfare");
        assert_eq!(quoted("/my tools/it's/fanfare"), r"'/my tools/it'\''s/fanfare'");
    }

    #[test]
    fn a_directory_that_has_something_in_it_is_not_touched() {
        let parent = tempfile::tempdir().unwrap();
        let given = parent.path().join("new/one");
        let taken = Directory::take(Some(&given)).unwrap();
        assert!(taken.path().is_dir());
        taken.leave(true).unwrap();
        fs::write(given.join("mine"), "").unwrap();
        let refused = Directory::take(Some(&given)).unwrap_err().to_string();
        assert!(refused.ends_with("is not empty: name a new one, or none for a temporary one"), "{refused}");
    }

    #[test]
    fn a_temporary_directory_is_removed_after_a_good_end_and_stays_after_a_bad_one() {
        let good = Directory::take(None).unwrap();
        let path = good.path().to_owned();
        good.leave(true).unwrap();
        assert!(!path.exists());
        let bad = Directory::take(None).unwrap();
        let path = bad.path().to_owned();
        bad.leave(false).unwrap();
        assert!(path.exists());
        fs::remove_dir_all(path).unwrap();
    }
}
