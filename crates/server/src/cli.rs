//! The command line: what it accepts, and what each command does.

use std::{
    env,
    io::{self, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::{
    config::{self, ConfigError, Given, Loaded, Origin, Sources},
    demo, exit, push_worker, serve,
};

/// A publish/subscribe broker: publish once, and every subscription gets its own durable queue of the message.
#[derive(Debug, Parser)]
#[command(name = "fanfare", version, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the broker.
    #[command(
        after_help = "Examples:\n  fanfare serve --data-dir data\n  fanfare serve --memory --listen 127.0.0.1:50051"
    )]
    Serve(Settings),
    /// Deliver to push endpoints for a broker elsewhere. Any number of these share the work.
    #[command(
        after_help = "Examples:\n  fanfare push-worker --broker http://broker.internal:50051 --token-file token"
    )]
    PushWorker {
        /// The broker's gRPC port, for example http://broker.internal:50051.
        #[arg(long, value_name = "URL")]
        broker: String,
        /// Read the broker's `push.worker_token` from this file; also FANFARE_PUSH_WORKER_TOKEN.
        #[arg(long, value_name = "FILE")]
        token_file: Option<PathBuf>,
        #[command(flatten)]
        settings: WorkerSettings,
    },
    /// See the main job at work: a broker, a thousand order events, four subscribers, and what goes wrong.
    Demo(::cli::demo::Options),
    /// Print the effective configuration, and where each value came from.
    #[command(after_help = "Examples:\n  fanfare config\n  fanfare config --template > fanfare.toml")]
    Config {
        #[command(flatten)]
        settings: Settings,
        /// Print the defaults instead, as a commented file to start from.
        #[arg(long)]
        template: bool,
    },
    #[command(flatten)]
    Client(Box<cli::Command>),
}

/// The whole command line, with its commands in groups.
pub(crate) fn whole() -> clap::Command {
    cli::grouped(Cli::command())
}

/// Settings by flag. Each goes before the environment (FANFARE_*), which goes before the file.
#[derive(Debug, Default, Args)]
struct Settings {
    /// Read this TOML file; also FANFARE_CONFIG.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Keep everything in this directory.
    #[arg(long, value_name = "DIR")]
    data_dir: Option<String>,
    /// Keep everything in memory only: what was published is gone when the process ends.
    #[arg(long, conflicts_with = "data_dir")]
    memory: bool,
    /// Serve gRPC here, for example 0.0.0.0:50051.
    #[arg(long, value_name = "ADDR")]
    listen: Option<String>,
    /// Serve /livez, /readyz and /metrics here.
    #[arg(long, value_name = "ADDR")]
    http_listen: Option<String>,
    /// Leave push endpoints to workers in processes of their own (`fanfare push-worker`).
    #[arg(long)]
    no_push: bool,
    /// Any other setting by its key, for example `--set log.format=json`; may be repeated.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
}

/// Those of a push worker: of the keys, `push.*`, `log.*`, `http_listen` and `shutdown_timeout` have a meaning for it.
#[derive(Debug, Default, Args)]
struct WorkerSettings {
    /// Read this TOML file; also FANFARE_CONFIG.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Serve /livez, /readyz and /metrics here.
    #[arg(long, value_name = "ADDR")]
    http_listen: Option<String>,
    /// Any other setting by its key, for example `--set push.allow_http=true`; may be repeated.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
}

impl WorkerSettings {
    /// With the token from a file, if there is one.
    fn load(self, token_file: Option<&Path>) -> Result<Loaded, ConfigError> {
        let token = token_file.map(token_of).transpose()?;
        let settings = Settings {
            config: self.config,
            http_listen: self.http_listen,
            set: self.set,
            ..Settings::default()
        };
        settings.load_with(token)
    }
}

/// The line of a file that has nothing but the token.
fn token_of(path: &Path) -> Result<Given, ConfigError> {
    const FLAG: &str = "--token-file";
    let text = std::fs::read_to_string(path).map_err(|error| ConfigError::Value {
        origin: Origin::Flag(FLAG.to_owned()),
        key: "push.worker_token".to_owned(),
        reason: format!("cannot be read from {}: {error}", path.display()),
    })?;
    Ok(given("push.worker_token", text.trim_end_matches(['\r', '\n']), FLAG))
}

impl Settings {
    fn load_with(self, more: Option<Given>) -> Result<Loaded, ConfigError> {
        let flags = self.given().into_iter().chain(more).collect();
        Sources { file: self.config, environment: env::vars_os().collect(), flags }.load()
    }

    fn load(self) -> Result<Loaded, ConfigError> {
        self.load_with(None)
    }

    fn given(&self) -> Vec<Given> {
        let set = self.set.iter().map(|text| {
            let (key, value) = text.split_once('=').unwrap_or((text, ""));
            given(key, value, "--set")
        });
        let data_dir = self.data_dir.as_ref().map(|dir| given("data_dir", dir, "--data-dir"));
        let memory = self.memory.then(|| given("engine", "memory", "--memory"));
        let listen = self.listen.as_ref().map(|address| given("listen", address, "--listen"));
        let http = self.http_listen.as_ref().map(|address| given("http_listen", address, "--http-listen"));
        let push = self.no_push.then(|| given("push.enabled", "false", "--no-push"));
        set.chain(push).chain(data_dir).chain(memory).chain(listen).chain(http).collect()
    }
}

fn given(key: &str, text: &str, flag: &str) -> Given {
    Given { key: key.to_owned(), text: text.to_owned(), origin: Origin::Flag(flag.to_owned()) }
}

/// What `main` does.
pub fn main() -> ExitCode {
    let matches = whole().get_matches();
    let command = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit()).command;
    let outcome = match command {
        Command::Demo(options) => return demo::main(&options),
        Command::Config { template: true, .. } => print(config::TEMPLATE),
        Command::Config { settings, .. } => {
            settings.load().map_err(anyhow::Error::from).and_then(|loaded| print(&config::effective(&loaded)))
        }
        Command::Serve(settings) => settings.load().map_err(anyhow::Error::from).and_then(serve),
        Command::PushWorker { broker, token_file, settings } => settings
            .load(token_file.as_deref())
            .map_err(anyhow::Error::from)
            .and_then(|loaded| push_worker(loaded, &broker)),
        Command::Client(command) => cli::run(*command, whole()).map_err(anyhow::Error::from),
    };
    exit::code(outcome)
}

fn print(text: &str) -> anyhow::Result<()> {
    Ok(io::stdout().write_all(text.as_bytes())?)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn each_flag_gives_the_key_it_is_named_after() {
        let args = [
            "fanfare",
            "serve",
            "--listen",
            "1.2.3.4:5",
            "--http-listen",
            "1.2.3.4:6",
            "--set",
            "log.format=json",
        ];
        let Command::Serve(settings) = Cli::parse_from(args).command else { panic!("not serve") };
        let config = Sources { flags: settings.given(), ..Sources::default() }.load().unwrap().config;
        assert_eq!((config.listen.port(), config.http_listen.port()), (5, 6));
        assert_eq!(config.log.format, telemetry::logs::Format::Json);
    }

    #[test]
    fn memory_and_a_data_directory_exclude_each_other() {
        assert!(Cli::try_parse_from(["fanfare", "serve", "--memory", "--data-dir", "d"]).is_err());
        let Command::Serve(settings) = Cli::parse_from(["fanfare", "serve", "--memory"]).command else {
            panic!("not serve")
        };
        assert_eq!(settings.given(), [given("engine", "memory", "--memory")]);
    }

    #[test]
    fn no_push_leaves_push_to_other_processes() {
        let Command::Serve(settings) = Cli::parse_from(["fanfare", "serve", "--no-push"]).command else {
            panic!("not serve")
        };
        let load = |flags| Sources { flags, ..Sources::default() }.load().unwrap().config.push_enabled;
        assert!(!load(settings.given()));
        assert!(load(Settings::default().given()));
    }

    #[test]
    fn a_worker_reads_its_token_from_a_file_without_the_end_of_the_line() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("token");
        std::fs::write(&path, "0123456789abcdef\n").unwrap();
        let read = token_of(&path).unwrap();
        assert_eq!((read.key.as_str(), read.text.as_str()), ("push.worker_token", "0123456789abcdef"));
        let missing = token_of(&directory.path().join("none")).unwrap_err();
        assert!(missing.to_string().starts_with("flag --token-file: push.worker_token cannot be read"));
    }

    #[test]
    fn a_set_flag_without_a_known_key_is_an_error_that_names_it() {
        let settings = Settings { set: vec!["lisen=1".to_owned()], ..Settings::default() };
        let error = Sources { flags: settings.given(), ..Sources::default() }.load().unwrap_err();
        assert_eq!(
            error.to_string(),
            "flag --set: there is no setting lisen; `fanfare config` lists those there are"
        );
    }
}
