//! The command line.

use std::{
    env, fs,
    io::{self, Write as _},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::ExitCode,
    time::SystemTime,
};

use anyhow::{Context as _, Result, bail};
use clap::{Args, Parser, Subcommand};

use crate::{
    built::{Profile, commit},
    compare,
    lab::Here,
    machine::Machine,
    metric::Metric,
    plan::{Planned, plan},
    report,
    results::{Class, Results, Run, System},
    systems::{self, Kind, Tools},
};

/// Measures Fanfare side by side with its peers and with the bare parts.
#[derive(Debug, Parser)]
#[command(name = "fanfare-bench")]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run workloads on all systems in turn, and report; ends with 1 if a run failed or was not correct
    Compare(Compare),
    /// Make report and charts again from the results in a directory
    Report(Report),
    /// Serve as the bare tonic system
    #[command(name = systems::BARE_COMMAND, hide = true)]
    ServeBare {
        /// Where
        listen: SocketAddr,
    },
}

#[derive(Debug, Args)]
struct Compare {
    /// Only this workload, as W2, or one size of it, as W2/16; can be repeated
    #[arg(long, value_name = "WORKLOAD")]
    workload: Vec<String>,
    /// Only this system; can be repeated
    #[arg(long, value_name = "SYSTEM", long_help = systems_help())]
    system: Vec<Kind>,
    /// How often each is run, in turn [default: 3, or 1 with --quick]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: Option<u32>,
    /// Small sizes, to see that everything works: the figures say nothing
    #[arg(long)]
    quick: bool,
    /// Where results.json, report.md and the charts go [default: target/bench/results; target/bench/quick with --quick, and target/bench/partial
    /// with --workload or --system, so that what is not the full result does not replace it]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Where servers keep their data, below a directory of their own each: on the disk that is to be measured
    #[arg(long, value_name = "DIR", default_value = "target/bench/data")]
    data: PathBuf,
}

#[derive(Debug, Args)]
struct Report {
    /// With the results.json of a comparison
    directory: PathBuf,
    /// Also put it between the markers of this page, with the charts in `performance/` beside it
    #[arg(long, value_name = "FILE")]
    page: Option<PathBuf>,
}

fn systems_help() -> String {
    let lines = Kind::all().map(|kind| format!("  {:<17} {}", kind.name(), kind.about()));
    format!("Only this system; can be repeated:\n{}", lines.join("\n"))
}

impl Cli {
    /// Does it.
    ///
    /// # Errors
    /// It could not begin or not be written. Runs that fail are no error but the exit code 1.
    pub async fn run(self) -> Result<ExitCode> {
        match self.command {
            Command::Compare(arguments) => arguments.run().await,
            Command::Report(arguments) => arguments.run(),
            Command::ServeBare { listen } => {
                systems::serve_bare(listen).await?;
                Ok(ExitCode::SUCCESS)
            }
        }
    }
}

impl Report {
    fn run(self) -> Result<ExitCode> {
        let results = report::read(&self.directory)?;
        report::write(&results, &self.directory)?;
        if let Some(page) = &self.page {
            if results.quick {
                bail!("this is a quick run, whose figures say nothing: it is not put on a page");
            }
            report::write_page(&results, page)?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Compare {
    async fn run(self) -> Result<ExitCode> {
        let plan = plan(self.quick, &self.workload, &self.system);
        if plan.is_empty() {
            bail!("no workload and system is left: workloads are W1 to W9, and not every system does each");
        }
        let tools = Tools::find()?;
        let mut results = self.begin(&plan, &tools).await?;
        tokio::select! {
            done = self.measure(&plan, &tools, &mut results) => done?,
            _ = tokio::signal::ctrl_c() => bail!("interrupted; what is complete is in {}", self.out().display()),
        }
        let failed = results.failures().count();
        say(&format!("{failed} runs failed; the report is {}", self.out().join("report.md").display()));
        Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    /// All that can be known before the first run. Programs that are missing are found here, not after half an hour.
    async fn begin(&self, plan: &[Planned], tools: &Tools) -> Result<Results> {
        // Without a broker there is no profile of it; where one takes part, that it is missing is told below.
        let broker = tools.server(Kind::FanfareFsync).map_or(Profile::Unknown, Profile::of);
        if let Some(unfit) = unfit(self.quick, broker, cfg!(debug_assertions)) {
            bail!("{unfit}");
        }
        fs::create_dir_all(&self.data).context("no directory for the data")?;
        let machine = Machine::here(&self.data);
        if machine.is_in_memory() {
            say("the data is in memory, so an fsync costs nothing here: choose a disk with --data");
        }
        let takes_part =
            |kind: &Kind| plan.iter().any(|case| case.entries.iter().any(|(other, _)| other == kind));
        let mut systems = Vec::new();
        for kind in Kind::all().into_iter().filter(takes_part) {
            tools.server(kind)?;
            systems.push(system(kind, tools.version(kind).await?));
        }
        let (command, commit) =
            (self.command(env::var_os("FANFARE_BIN").is_some()), commit(Path::new(".")).await);
        let (quick, finished, cases) = (self.quick, now(), Vec::new());
        Ok(Results { command, commit, broker, finished, quick, machine, systems, cases })
    }

    /// Writes what there is after each case: an interruption loses one.
    async fn measure(&self, plan: &[Planned], tools: &Tools, results: &mut Results) -> Result<()> {
        let lab = Here { tools, data: &self.data };
        for planned in plan {
            say(&format!("{}: {}", planned.key, planned.title));
            let case = compare::case(planned, self.rounds(), &lab, |run| say(&line(run))).await;
            results.cases.push(case);
            results.finished = now();
            report::write(results, self.out())?;
        }
        Ok(())
    }

    fn out(&self) -> &Path {
        let by_default = match (self.quick, self.workload.is_empty() && self.system.is_empty()) {
            (true, _) => "target/bench/quick",
            (false, false) => "target/bench/partial",
            (false, true) => "target/bench/results",
        };
        self.out.as_deref().unwrap_or(Path::new(by_default))
    }

    fn rounds(&self) -> u32 {
        self.rounds.unwrap_or(if self.quick { 1 } else { 3 })
    }

    /// What does the same again: the broker is built, or another one is named, and then what was typed, without the directories, which say nothing
    /// about what was measured.
    fn command(&self, is_named: bool) -> String {
        let build = if is_named { "FANFARE_BIN=..." } else { "cargo build --release -p server &&" };
        let mut words = vec![format!("{build} cargo run --release -p fanfare-bench -- compare")];
        words.extend(self.workload.iter().map(|name| format!("--workload {name}")));
        words.extend(self.system.iter().map(|kind| format!("--system {kind}")));
        words.extend(self.rounds.map(|rounds| format!("--rounds {rounds}")));
        words.extend(self.quick.then(|| "--quick".to_owned()));
        words.join(" ")
    }
}

/// Why figures would say nothing about speed; nothing if they are not meant to.
fn unfit(quick: bool, broker: Profile, is_debug: bool) -> Option<&'static str> {
    if quick {
        None
    } else if is_debug {
        Some("this is a debug build: `cargo run --release -p fanfare-bench`, or --quick")
    } else if broker == Profile::Debug {
        Some(
            "the broker is a debug build: `cargo build --release -p server`, another FANFARE_BIN, or --quick",
        )
    } else {
        None
    }
}

fn system(kind: Kind, version: String) -> System {
    let class = match kind {
        Kind::FanfareFsync => Class::Fanfare,
        Kind::FanfareInterval => Class::FanfareBuffered,
        Kind::TonicStream | Kind::TonicUnary => Class::Ceiling,
        _ if kind.acknowledges_after_fsync() => Class::FsyncPeer,
        _ => Class::BufferedPeer,
    };
    let (name, title) = (kind.name().to_owned(), title(kind).to_owned());
    System { name, title, class, version, configuration: systems::configuration(kind) }
}

/// Short enough for a legend.
fn title(kind: Kind) -> &'static str {
    match kind {
        Kind::FanfareFsync => "Fanfare, fsync",
        Kind::FanfareInterval => "Fanfare, interval",
        Kind::NatsFsync => "NATS, fsync",
        Kind::NatsBuffered => "NATS, buffered",
        Kind::RedisFsync => "Redis, fsync",
        Kind::RedisBuffered => "Redis, buffered",
        Kind::RabbitQuorum => "RabbitMQ, quorum",
        Kind::TonicStream => "bare tonic",
        Kind::TonicUnary => "bare tonic, unary",
    }
}

/// One line of progress.
fn line(run: &Run) -> String {
    let shown = [
        Metric::Throughput,
        Metric::ServerCpu,
        Metric::PublishP99,
        Metric::DeliveryP99,
        Metric::RssPerSubscription,
        Metric::Ready,
    ];
    let figure =
        |metric: Metric| Some(format!("{} {}", report::figure(*run.figures.get(&metric)?), metric.heading()));
    let what = match &run.failure {
        Some(failure) => format!("FAILED: {failure}"),
        None => shown.into_iter().filter_map(figure).collect::<Vec<_>>().join(", "),
    };
    format!("  round {} {:<17} {what}", run.round, run.system)
}

/// Progress is for people; if nobody reads it, nothing is lost.
fn say(line: &str) {
    _ = writeln!(io::stderr().lock(), "{line}");
}

#[expect(clippy::disallowed_methods, reason = "the date of a report; nothing depends on it")]
fn now() -> String {
    humantime::format_rfc3339_seconds(SystemTime::now()).to_string()
}

#[cfg(test)]
mod tests;
