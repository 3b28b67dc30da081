//! The command line: what it accepts, and what each command does.

use std::{
    env,
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
};

use clap::{Args, Parser, Subcommand};

use crate::{
    config::{self, ConfigError, Given, Loaded, Origin, Sources},
    exit, serve,
};

/// A publish/subscribe broker: publish once, and every subscription gets its own durable queue of the message.
#[derive(Debug, Parser)]
#[command(name = "fanfare", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the broker.
    Serve(Settings),
    /// Print the effective configuration, and where each value came from.
    Config {
        #[command(flatten)]
        settings: Settings,
        /// Print the defaults instead, as a commented file to start from.
        #[arg(long)]
        template: bool,
    },
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

impl Settings {
    fn load(self) -> Result<Loaded, ConfigError> {
        let flags = self.given();
        Sources { file: self.config, environment: env::vars_os().collect(), flags }.load()
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
    let outcome = match Cli::parse().command {
        Command::Config { template: true, .. } => print(config::TEMPLATE),
        Command::Config { settings, .. } => {
            settings.load().map_err(anyhow::Error::from).and_then(|loaded| print(&config::effective(&loaded)))
        }
        Command::Serve(settings) => settings.load().map_err(anyhow::Error::from).and_then(serve),
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
    fn a_set_flag_without_a_known_key_is_an_error_that_names_it() {
        let settings = Settings { set: vec!["lisen=1".to_owned()], ..Settings::default() };
        let error = Sources { flags: settings.given(), ..Sources::default() }.load().unwrap_err();
        assert_eq!(
            error.to_string(),
            "flag --set: there is no setting lisen; `fanfare config` lists those there are"
        );
    }
}
