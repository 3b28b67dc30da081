use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};
use tokio::process::Command;

use super::Kind;

/// Where the programs are: what an environment variable says, else what `.ci/tools.sh` has installed below `target/tools`, else what `PATH` finds.
/// Bare tonic is a hidden command of the benchmark itself.
#[derive(Debug, Clone)]
pub struct Tools {
    fanfare: Program,
    nats: Program,
    redis: Program,
    rabbit: Program,
    erlang: Program,
    bare: Program,
}

/// A path, or what is missing.
type Program = std::result::Result<PathBuf, String>;

const HOW: &str = "`. .ci/tools.sh` installs it";

impl Tools {
    /// Looks for all of them; one that is missing is an error only when it is asked for.
    ///
    /// # Errors
    /// This program does not know where it is.
    pub fn find() -> Result<Self> {
        Ok(Self::find_from(&env::current_exe()?))
    }

    /// The same for a caller that is not the benchmark's program: this is, and the broker is beside it.
    pub fn find_from(bench: &Path) -> Self {
        let tools = |name: &str| bench.ancestors().nth(2).map(|target| target.join("tools").join(name));
        let (beside, build) =
            (Some(bench.with_file_name("fanfare")), "`cargo build --release -p server` makes it");
        Self {
            fanfare: program("FANFARE_BIN", beside, "fanfare", build),
            nats: program("NATS_SERVER", tools("nats-server"), "nats-server", HOW),
            redis: program("REDIS_SERVER", tools("redis-server"), "redis-server", HOW),
            rabbit: program("RABBITMQ_SERVER", tools("rabbitmq-server"), "rabbitmq-server", HOW),
            erlang: program("ERLANG_BIN", tools("rabbitmq/usr/lib/erlang/bin"), "erl", HOW),
            bare: Ok(bench.to_owned()),
        }
    }

    /// The program that is started for this system.
    ///
    /// # Errors
    /// It is not there; with how to get it.
    pub fn server(&self, kind: Kind) -> Result<&Path> {
        let program = match kind {
            Kind::FanfareFsync | Kind::FanfareInterval => &self.fanfare,
            Kind::NatsFsync | Kind::NatsBuffered => &self.nats,
            Kind::RedisFsync | Kind::RedisBuffered => &self.redis,
            Kind::RabbitQuorum => &self.rabbit,
            Kind::TonicStream | Kind::TonicUnary => &self.bare,
        };
        found(program)
    }

    /// The directory with `erl` and `epmd`.
    pub(super) fn erlang(&self) -> Result<&Path> {
        let found = found(&self.erlang)?;
        Ok(if found.is_dir() { found } else { found.parent().unwrap_or(found) })
    }

    /// What the program says about its version.
    ///
    /// # Errors
    /// It is not there or does not run.
    pub async fn version(&self, kind: Kind) -> Result<String> {
        let argument = match kind {
            Kind::TonicStream | Kind::TonicUnary => return tonic_version(),
            Kind::RabbitQuorum => {
                // What it runs on, without which it does not start.
                self.erlang()?;
                return super::rabbit::version(self);
            }
            _ => "--version",
        };
        let output = Command::new(self.server(kind)?).arg(argument).output().await?;
        let text = String::from_utf8_lossy(&output.stdout);
        Ok(text.lines().next().context("it says nothing about its version")?.trim().to_owned())
    }
}

/// As locked.
fn tonic_version() -> Result<String> {
    let locked = include_str!("../../../../Cargo.lock");
    let (_, rest) = locked.split_once("name = \"tonic\"\nversion = \"").context("it is not locked")?;
    let (version, _) = rest.split_once('"').context("it has no version")?;
    Ok(format!("tonic {version}"))
}

fn found(program: &Program) -> Result<&Path> {
    match program {
        Ok(path) => Ok(path),
        Err(missing) => bail!("{missing}"),
    }
}

fn program(variable: &str, installed: Option<PathBuf>, name: &str, how: &str) -> Program {
    let path = env::var_os("PATH").unwrap_or_default();
    choose(env::var_os(variable), installed, &path, name)
        .ok_or_else(|| format!("{name} is missing: {how}, or {variable} says where it is"))
}

fn choose(
    said: Option<OsString>,
    installed: Option<PathBuf>,
    path: &OsString,
    name: &str,
) -> Option<PathBuf> {
    if let Some(said) = said.filter(|said| !said.is_empty()) {
        return Some(PathBuf::from(said)).filter(|said| said.exists()).map(absolute);
    }
    let everywhere = env::split_paths(path).map(|directory| directory.join(name));
    installed.into_iter().chain(everywhere).find(|candidate| candidate.exists()).map(absolute)
}

/// With its own name: that of a link tells Redis' program what to be.
fn absolute(found: PathBuf) -> PathBuf {
    std::path::absolute(&found).unwrap_or(found)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn what_a_variable_says_is_taken_before_what_is_installed_and_that_before_the_path() {
        let dir = tempfile::tempdir().unwrap();
        let [said, installed, in_path] = ["said", "installed", "name"].map(|name| dir.path().join(name));
        for file in [&said, &installed, &in_path] {
            fs::write(file, "").unwrap();
        }
        let path = dir.path().as_os_str().to_owned();
        let chosen = |said: Option<&PathBuf>, installed: Option<&PathBuf>| {
            choose(said.map(|said| said.clone().into()), installed.cloned(), &path, "name")
        };
        assert_eq!(chosen(Some(&said), Some(&installed)), Some(said));
        assert_eq!(chosen(None, Some(&installed)), Some(installed));
        assert_eq!(chosen(None, Some(&dir.path().join("gone"))), Some(in_path));
        assert_eq!(chosen(Some(&dir.path().join("gone")), None), None, "it was said to be elsewhere");
        assert_eq!(choose(None, None, &OsString::new(), "name"), None);
    }
}
